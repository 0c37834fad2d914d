// Where `pub` takes its events from: a descriptor, cut into lines or into pieces of a stated length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringbolt::command {

enum class Framing : std::uint8_t {
  lines,    // up to a newline, which is not part of the event; the last one needs none
  lengths,  // behind a 4-byte little-endian length
};

// One thread. Reads in large pieces and copies nothing but what a piece cuts in two.
class EventInput {
 public:
  // Does not own `fd`. `name` is for messages. No event may be larger than `largest`. With `keep` the input can be begun
  // again even if it cannot be read twice: then it is kept in memory.
  EventInput(int fd, std::string name, Framing framing, std::uint64_t largest, bool keep);

  // The next event, valid until the next call. Waits for input. False at the end of it, or when the command is told to stop.
  // Throws Failure for an event that is too large, input that ends in the middle of one, and what the system says.
  [[nodiscard]] bool next(std::string_view& payload) {
    while (!take(payload)) {
      if (!fill()) return take_last(payload);
    }
    return true;
  }
  // From the beginning once more.
  void rewind();

  // How much of it has been read, for progress.
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }

 private:
  [[nodiscard]] bool take(std::string_view& payload);
  [[nodiscard]] bool take_line(std::string_view& payload);
  [[nodiscard]] bool take_length(std::string_view& payload);
  [[nodiscard]] bool take_last(std::string_view& payload);
  [[nodiscard]] bool fill();
  [[nodiscard]] std::size_t read_some(char* to, std::size_t size);
  [[noreturn]] void too_large(std::uint64_t bytes, bool at_least) const;
  [[nodiscard]] std::string_view pending() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }

  int fd_;
  std::string name_;
  Framing framing_;
  std::uint64_t largest_;
  std::int64_t start_offset_ = -1;  // where to seek to for another round; -1: cannot
  bool keep_ = false;               // in `kept_`, on the first round
  std::string kept_;
  std::size_t kept_read_ = 0;
  bool from_kept_ = false;
  std::string buffer_;
  std::size_t begin_ = 0;    // of what has not been taken
  std::size_t scanned_ = 0;  // there is no newline before this place
  std::size_t end_ = 0;
  std::uint64_t number_ = 0;  // of the event that was taken last, from 1
  std::uint64_t bytes_read_ = 0;
};

}  // namespace ringbolt::command
