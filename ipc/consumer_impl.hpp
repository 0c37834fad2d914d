// What a Consumer keeps behind its door; used by consumer.cpp and consumer_attach.cpp alone.
#pragma once

#include <ringbolt/ipc/consumer.hpp>
#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/journal_page.hpp>
#include <ringbolt/ipc/journal_reader.hpp>
#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/share_link.hpp>
#include <ringbolt/ipc/wait_descriptor.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringbolt {

struct Consumer::Impl {
  explicit Impl(std::string_view ring)
      : directory(ipc::RingDirectory::open(ring)), events(directory, ipc::Access::read_only, guard), view(events.view()) {}
  Impl(std::string_view ring, const ConsumerOptions& options)
      : link(std::make_unique<ipc::ShareLink>(ring, options, guard)),
        directory{std::string(ring), std::string(ring), {}},
        events(link->events(), directory.path, ipc::Access::read_only, guard),
        view(events.view()) {}
  ~Impl() {
    if (registered) registry->leave(claim);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] bool wants(const core::Record& record) const {
    return record.sequence >= skip_below_sequence && record.timestamp_ns >= skip_before_ns;
  }
  // Whoever ends this consumer's sleep; empty: nobody does, it sleeps by the clock.
  [[nodiscard]] std::optional<ipc::WaitChannel> channel() const {
    if (!registry || link) return std::nullopt;
    return followed.empty() ? registry->sleepers() : registry->gate_sleepers();
  }
  [[nodiscard]] std::uint64_t epoch() const { return events.header().epoch.load_acquire(); }

  void check_own() const {
    if (!guard.inherited()) return;
    throw Error(Code::forked, "a consumer of ring '" + directory.name +
                                  "' was attached before a fork and is used in the child: attach again there");
  }
  void check_usable(bool look) const {
    check_own();
    if (link) return;
    const bool told = registry && registry->header().removed.load_relaxed() != 0;  // relaxed: made sure of below
    if ((told && !directory.still_there()) || ((told || look) && directory.removed())) {
      throw Error(Code::removed, "ring '" + directory.name + "' was removed: attach again when there is a new one");
    }
  }

  // The first sequence that is not to be read yet: all before it are committed by everybody whom this consumer comes after.
  // While one of them is away it stays where it is.
  std::uint64_t follow_limit() {
    std::uint64_t limit = ~std::uint64_t{0};
    for (Followed& leader : followed) {
      const core::ConsumerEntry& entry = registry->entries()[leader.index];
      const std::uint64_t committed = core::cursor_of(entry);  // before the lineage
      if (entry.lineage.load_acquire() != leader.lineage) {
        throw Error(Code::followed_changed,
                    "consumer '" + leader.name + "' of ring '" + directory.name +
                        "', which this one comes after, was replaced or skipped events: attach again");
      }
      leader.limit = std::max(leader.limit, committed + 1);  // numbers never wrap; only positions are compared by difference
      limit = std::min(limit, leader.limit);
    }
    return limit;
  }

  struct Followed {
    std::uint32_t index = 0;
    std::string name;
    std::uint64_t lineage = 0;
    std::uint64_t limit = 0;
  };

  ipc::ForkGuard guard;
  std::unique_ptr<ipc::ShareLink> link;  // of a share
  ipc::RingDirectory directory;
  ipc::EventsFile events;
  core::RingView view;
  std::optional<ipc::Registry> registry;
  bool registered = false;
  ipc::EntryClaim claim;
  Policy policy = Policy::lossy;
  Wait wait = Wait::park;
  std::vector<Followed> followed;
  std::optional<ipc::WaitDescriptor> descriptor;  // where `fd` was asked for
  std::unique_ptr<std::byte[]> buffer;
  core::Reader in_place;        // what events that are read in place ask whether they are still valid
  bool had_attributes = false;  // the event that was handed out last

  std::optional<ipc::JournalPageFile> page;  // where the ring has a journal
  std::optional<JournalReader> journal;
  bool in_journal = false;
  bool reading_behind_turn = false;   // a call that has turned to the journal reads on
  bool turned = false;                // and has turned once more
  std::uint32_t read_since_look = 0;  // events from the journal since it was last looked whether the ring has the next one
  std::uint64_t dry_since_ns = 0;     // since when the next event has been in neither; 0: it has not
  std::uint64_t dry_at = 0;           // what the journal had written then
  struct ReadFrom {                   // events from this one on were this ring's
    std::uint64_t sequence = 0;
    std::array<std::uint64_t, 2> ring{};
  };
  std::vector<ReadFrom> read_rings;  // of events older than this ring
  std::optional<ipc::CursorFile> cursor_file;

  std::optional<Gap> pending_gap;             // to be reported before anything else
  std::optional<core::Record> staged;         // read already, to be handed out behind the gap
  std::optional<std::uint64_t> losing_since;  // first sequence of a loss whose end is not known yet
  std::uint64_t skip_below_sequence = 0;
  std::uint64_t skip_before_ns = 0;
  std::uint32_t fruitless = 0;
};

}  // namespace ringbolt
