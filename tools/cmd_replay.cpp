// `ringbolt replay` and `export`: a journal's events, written or published again.
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "commands.hpp"
#include "journal_place.hpp"
#include "json.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "tail_format.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kSlice = 100ms;

// Waits between events as long as lay between their stamps, divided by the speed. Who is late by more than a second, by a
// gate or a slow reader, begins a new schedule instead of making up for it in a burst.
class Spacing {
 public:
  explicit Spacing(double speed) : speed_(speed) {}

  // What has to be done before a long wait: nothing may be held back meanwhile.
  template <class BeforeWait>
  bool wait_for(std::uint64_t timestamp_ns, BeforeWait before_wait) {
    if (speed_ == 0 || timestamp_ns == 0) return !stop_requested();
    const auto now = steady_clock::now();
    if (last_ns_ == 0) due_ = now;
    const std::uint64_t step_ns = last_ns_ != 0 && timestamp_ns > last_ns_ ? timestamp_ns - last_ns_ : 0;
    last_ns_ = timestamp_ns;
    const double scaled = static_cast<double>(step_ns) / speed_;
    due_ += std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(scaled, 9e18 / 1e3)));
    if (now - due_ > 1s) due_ = now;
    if (due_ <= now) return !stop_requested();
    before_wait();
    return sleep_for(due_ - steady_clock::now());
  }

 private:
  double speed_;
  std::uint64_t last_ns_ = 0;
  steady_clock::time_point due_;
};

// To standard output, as `tail` does.
Exit write_range(RangeReader& reader, TailFormat format, double speed, Progress* progress) {
  Output output;
  Spacing spacing(speed);
  Event event;
  for (;;) {
    const Status status = reader.next(event);
    if (status == Status::empty || output.broken()) break;
    if (status == Status::gap) {
      if (format == TailFormat::json) {
        append_gap_json(output.buffer(), reader.last_gap());
      } else {
        static_cast<void>(output.flush());
        write_line(gap_line(reader.last_gap()));
      }
      continue;
    }
    if (!spacing.wait_for(event.timestamp_ns, [&] { static_cast<void>(output.flush()); })) break;
    append_event(output.buffer(), format, event);
    if (output.is_large()) static_cast<void>(output.flush());
    if (progress != nullptr) progress->show("reading", reader.done_events(), reader.all_events());
  }
  static_cast<void>(output.flush());
  return kDone;
}

bool same_directory(const std::string& a, const std::string& b) {
  std::error_code error;
  return std::filesystem::equivalent(a, b, error) && !error;
}

// Publishing a journal to its own ring would not end.
void refuse_own_ring(const std::string& directory, const std::string& ring) {
  std::optional<JournalStat> journal;
  try {
    journal = stat_ring(ring).journal;
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
    return;
  }
  if (!journal || !same_directory(journal->directory, directory)) return;
  throw Failure(kUsage, fmt::format("{} is the journal of ring {} itself: give another ring", directory, ring));
}

class Republish {
 public:
  Republish(RangeReader& reader, const std::string& ring)
      : reader_(reader), ring_(ring), publisher_(Publisher::open(ring)) {}

  Exit run(double speed) {
    try {
      publish_all(speed);
    } catch (...) {
      report();
      throw;
    }
    report();
    return kDone;
  }

 private:
  void publish_all(double speed) {
    Spacing spacing(speed);
    Progress progress;
    Event event;
    for (Status status = reader_.next(event); status != Status::empty; status = reader_.next(event)) {
      if (status == Status::gap) {
        write_line(gap_line(reader_.last_gap()));
        continue;
      }
      if (!spacing.wait_for(event.timestamp_ns, [] {}) || !publish(event)) return;
      progress.show("publishing", reader_.done_events(), reader_.all_events());
    }
  }

  bool publish(const Event& event) {
    const Attributes attributes = event.attributes();
    attributes_.assign(attributes.begin(), attributes.end());
    const EventOptions options{.type = event.type, .attributes = attributes_};
    PublishResult result = publisher_.try_publish(event.payload, options);
    while (!result && !stop_requested()) result = publisher_.publish_for(event.payload, kSlice, options);
    if (!result) return false;
    if (count_++ == 0) first_ = result.sequence;
    last_ = result.sequence;
    return true;
  }

  void report() const {
    if (count_ == 0) {
      say("published no events to {}", ring_);
    } else {
      say("published {} to {}: sequences {}..{}", counted(count_, "event", "events"), ring_, first_, last_);
    }
  }

  RangeReader& reader_;
  const std::string& ring_;
  Publisher publisher_;
  std::vector<Attribute> attributes_;
  std::uint64_t count_ = 0;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace

Exit replay(const ReplayCommand& command) {
  catch_signals();
  const std::string directory = journal_directory(command.ring);
  RangeReader reader(directory, command.range);
  if (command.into.empty()) return write_range(reader, command.format, command.speed.value_or(0), nullptr);
  refuse_own_ring(directory, command.into);
  return Republish(reader, command.into).run(command.speed.value_or(1));
}

Exit export_journal(const ExportCommand& command) {
  catch_signals();
  RangeReader reader(command.directory, command.range);
  Progress progress;
  return write_range(reader, TailFormat::json, 0, stdout_is_terminal() ? nullptr : &progress);
}

}  // namespace ringbolt::command
