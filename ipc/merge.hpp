// Several rings become one: each event of the sources is published to the output, in the order in which they arrive, with its
// source and its number there in its attributes.
//
//   auto merge = ringbolt::Merge::open("all", {"orders", "payments"});
//   merge.run([] { return stopping; });
//
// Whoever merges is the output's publisher, and keeps nothing anywhere else: a merge that ended or was killed goes on where the
// output ends. It looks there, in the ring and where there is one in its journal, for the newest event of each source. Now and
// then, at least once per quarter of the ring and with the first event of each merge, an event carries a table of all positions,
// so that a source that has been silent for long is found too. So each source's events are in the output once and in order,
// whatever was killed when; `docs/format.md` has the attributes.
#pragma once

#include <ringbolt/ipc/consumer.hpp>
#include <ringbolt/ipc/publisher.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt {

// What a merge tells of a source while it runs.
struct MergeNotice {
  std::string_view source;
  Gap gap{};  // events that are in no output; also told again where a merge was killed before it merged what is behind them
  bool anew =
      false;  // the ring was made anew, and its numbers begin below those that were merged: it is merged from its beginning
};

struct MergeOptions {
  PublisherOptions output{};      // how the output is made and opened
  Start start = Start::earliest;  // in a source of which the output knows nothing
  std::string name{};  // be this consumer of each source: seen in `stat`, and journals keep what it has not committed
  Policy policy = Policy::automatic;   // in the sources, when the merge falls behind
  std::chrono::nanoseconds budget{0};  // of policy gate
  bool start_over = false;             // also where the output holds events and none says how far the sources were merged
  std::function<void(const MergeNotice&)> on_notice{};
};

// A source, as far as it has been merged.
struct MergeSource {
  std::string name;
  std::string ring_id;           // 32 hexadecimal digits
  std::uint64_t sequence = 0;    // newest event in the output; 0: none
  std::uint64_t events = 0;      // merged by this object
  std::uint64_t gap_events = 0;  // lost to it
  bool closed = false;           // its publisher has ended the stream, and all of it is merged
};

struct MergeResult {
  Status status =
      Status::empty;      // ok: the limit was reached; empty; full: a consumer of the output gates; closed: all sources are
  std::size_t count = 0;  // events merged
};

// Used by one thread at a time.
class Merge {
 public:
  // Opens the output, which is made if there is none, and attaches to the sources, which are not. Throws Error as
  // `Publisher::open` and `Consumer::attach` do, and bad_option: no source, one twice, one that is the output or a share, a
  // policy that skips events, or an output that does not say how far its sources were merged.
  [[nodiscard]] static Merge open(std::string_view output, const std::vector<std::string>& sources,
                                  const MergeOptions& options = {});
  Merge(Merge&&) noexcept;
  Merge& operator=(Merge&&) noexcept;
  ~Merge();

  // Merges what is there, at most `limit` events; never waits. Of events that are there at the same time the one with the oldest
  // stamp comes first. Throws Error: event_too_large (it does not fit into the output; nothing is skipped), removed (the output, or
  // a source: open again when there is a new one), damaged, forked.
  MergeResult poll(std::size_t limit = 256);
  // Waits until a source has something (ok), or the output has room for what is next, which it then has (ok); or until the time is
  // up (timed_out).
  Status wait_for(std::chrono::nanoseconds timeout);
  // Merges until `stop` says so, asked every 100 ms or sooner, or all sources are closed.
  void run(const std::function<bool()>& stop);

  [[nodiscard]] std::vector<MergeSource> sources() const;
  [[nodiscard]] Publisher& output() noexcept;

 private:
  struct Impl;
  explicit Merge(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringbolt
