// Standard output as a stream of data: collected here, written in large pieces when its owner says so.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string_view>

namespace ringbolt::command {

class Output {
 public:
  // Where to append. Nothing of it is written before `flush`.
  [[nodiscard]] fmt::memory_buffer& buffer() noexcept { return buffer_; }
  // Is there enough for a piece that is worth a system call?
  [[nodiscard]] bool is_large() const noexcept { return buffer_.size() >= kLargeBytes; }

  // Writes everything. False if it could not: the reader has gone, or does not read while the command was told to stop.
  // Then `broken` is true and nothing more is written. Throws Failure for any other error, such as a full disk.
  [[nodiscard]] bool flush();
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  // Asks whether anybody still reads, without writing; once the answer is no, `broken` is true.
  [[nodiscard]] bool reader_has_gone() noexcept;

 private:
  static constexpr std::size_t kLargeBytes = std::size_t{64} << 10;
  fmt::memory_buffer buffer_;
  bool broken_ = false;
};

// Writes a whole answer to standard output at once. Throws Failure if that is not possible, except to a reader that has gone.
void print(std::string_view text);

}  // namespace ringbolt::command
