// `ringbolt pub`: each line of a file or of standard input becomes an event.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "commands.hpp"
#include "json.hpp"
#include "output.hpp"
#include "pub_input.hpp"
#include "signals.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kSlice = 100ms;  // how long a wait goes without a look at whether to stop
constexpr auto kPatience = 2s;  // blocked for so long: say by whom
constexpr auto kProgressStep = 200ms;

// Spaces events by a schedule, so that a late one does not delay those after it. Whoever is late by more than a second, by
// slow input or a gate, begins a new schedule instead of making up for it in a burst.
class Pace {
 public:
  explicit Pace(double rate) : interval_(rate > 0 ? static_cast<std::int64_t>(1e9 / rate) : 0), due_(steady_clock::now()) {}

  // Waits until the next event is due; false if the command is told to stop.
  bool wait() {
    if (interval_.count() == 0) return true;
    const auto now = steady_clock::now();
    if (due_ > now && !sleep_for(due_ - now)) return false;
    if (now - due_ > 1s) due_ = now;
    due_ += interval_;
    return true;
  }

 private:
  std::chrono::nanoseconds interval_;
  steady_clock::time_point due_;
};

// The file, opened; closed at the end. `-` is standard input.
class InputFile {
 public:
  explicit InputFile(const std::string& path) : name_(path == "-" ? "standard input" : path) {
    if (path == "-") return;
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) {
      throw Failure(errno == ENOENT ? kNotFound : kNotSo, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
    }
    struct ::stat status {};
    if (::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode)) size_ = static_cast<std::uint64_t>(status.st_size);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() {
    if (fd_ != STDIN_FILENO) ::close(fd_);
  }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }  // 0: not known

 private:
  int fd_ = STDIN_FILENO;
  std::string name_;
  std::uint64_t size_ = 0;
};

std::uint64_t publisher_pid(const std::string& ring) try { return stat_ring(ring).publisher_pid; } catch (const Error&) {
  return 0;
}

// Opens the ring; as a standby waits for the lease, in slices, so that it can be told to stop. Empty if it was.
std::optional<Publisher> open_ring(const PubCommand& command) {
  PublisherOptions options = command.options;
  if (!command.standby) return Publisher::open(command.ring, options);
  options.standby = kSlice;
  bool said = false;
  while (!stop_requested()) {
    try {
      return Publisher::open(command.ring, options);
    } catch (const Error& error) {
      if (error.code() != Code::in_use) throw;
    }
    if (!said) say("standing by for {}, which process {} publishes", command.ring, publisher_pid(command.ring));
    said = true;
  }
  return std::nullopt;
}

// The consumer that has held the publisher up longest in events, and what to do about it. Empty if there is none by now.
std::string who_blocks(const std::string& ring) {
  const RingStat stat = stat_ring(ring);
  const ConsumerStat* worst = nullptr;
  for (const ConsumerStat& consumer : stat.consumers) {
    if (consumer.state == "gating" && (worst == nullptr || consumer.lag_events > worst->lag_events)) worst = &consumer;
  }
  if (worst == nullptr) return {};
  const std::string lag = counted(worst->lag_events, "event", "events");
  if (worst->name.empty()) {
    return fmt::format("waiting for an anonymous gating consumer, process {}, {} behind; ending that process frees the ring",
                       worst->pid, lag);
  }
  if (!worst->waits_for.empty()) {
    return fmt::format("waiting for consumer {}, {} behind, which waits for {}, which is gone; start that one again",
                       worst->name, lag, worst->waits_for);
  }
  return fmt::format("waiting for consumer {}, process {}, {} behind; `ringbolt evict {} {}` would go on without it",
                     worst->name, worst->pid, lag, ring, worst->name);
}

class Pub {
 public:
  Pub(const PubCommand& command, Publisher publisher)
      : command_(command), publisher_(std::move(publisher)), pace_(command.rate) {
    for (const auto& [name, value] : command.attributes) attributes_.push_back({name, value});
  }

  // Publishes everything. What came through before a failure is reported all the same.
  Exit run() {
    try {
      publish_all();
      if (command_.close && !stop_requested()) publisher_.close();
    } catch (...) {
      report();
      throw;
    }
    report();
    return kDone;
  }

 private:
  void publish_all() {
    const InputFile file(command_.file);
    EventInput input(file.fd(), file.name(), command_.binary ? Framing::lengths : Framing::lines,
                     publisher_.largest_payload_bytes(), command_.repeat > 1);
    if (stderr_is_terminal() && ::isatty(file.fd()) == 1) say("each line you type is an event; Ctrl-D ends");
    const std::uint64_t total_bytes = file.size() * command_.repeat;
    for (std::uint64_t round = 0; round < command_.repeat && !stop_requested(); ++round) {
      if (round != 0) input.rewind();
      std::string_view payload;
      while (input.next(payload)) {
        if (!pace_.wait() || !publish(payload)) return;
        if (total_bytes != 0 && (count_ % 4096 == 0 || command_.rate != 0)) show(input.bytes_read(), total_bytes);
      }
      if (count_ == 0) return;  // nothing to repeat
    }
  }

  // False if the command is told to stop before there was room.
  bool publish(std::string_view payload) {
    if (stop_requested()) return false;
    const EventOptions options{.type = command_.type, .attributes = attributes_};
    PublishResult result = publisher_.try_publish(payload, options);
    if (!result) result = publish_waiting(payload, options);
    if (!result) return false;
    if (count_++ == 0) first_ = result.sequence;
    last_ = result.sequence;
    return true;
  }

  // A gating consumer is in the way.
  PublishResult publish_waiting(std::string_view payload, EventOptions options) {
    const auto bytes = std::as_bytes(std::span(payload));
    const auto since = steady_clock::now();
    bool said = false;
    for (;;) {
      const PublishResult result = publisher_.publish_for(bytes, kSlice, options);
      if (result || stop_requested()) return result;
      if (said || !stderr_is_terminal() || steady_clock::now() - since < kPatience) continue;
      if (const std::string blocker = who_blocks(command_.ring); !blocker.empty()) say("{}", blocker);
      said = true;
    }
  }

  void show(std::uint64_t bytes_read, std::uint64_t total_bytes) {
    const auto now = steady_clock::now();
    if (now < next_progress_) return;
    next_progress_ = now + kProgressStep;
    show_progress(fmt::format("{} events, {} of {}", thousands(count_), size_text(bytes_read), size_text(total_bytes)));
  }

  void report() const {
    if (count_ == 0) {
      say("published no events to {}", command_.ring);
    } else {
      say("published {} to {}: sequences {}..{}", counted(count_, "event", "events"), command_.ring, first_, last_);
    }
    if (command_.json) print(published_json(first_, last_, count_));
  }

  const PubCommand& command_;
  Publisher publisher_;
  Pace pace_;
  std::vector<Attribute> attributes_;
  std::uint64_t count_ = 0;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
  steady_clock::time_point next_progress_ = steady_clock::now() + kProgressStep;
};

}  // namespace

Exit pub(const PubCommand& command) {
  catch_signals();
  if (command.file != "-" && ::access(command.file.c_str(), R_OK) != 0) {  // before a ring is made for nothing
    static_cast<void>(InputFile(command.file));
  }
  std::optional<Publisher> publisher = open_ring(command);
  if (!publisher) return kDone;
  return Pub(command, std::move(*publisher)).run();
}

}  // namespace ringbolt::command
