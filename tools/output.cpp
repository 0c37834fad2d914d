#include "output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "failure.hpp"
#include "signals.hpp"

namespace ringbolt::command {
namespace {

// One write. Once the command was told to stop it must not hang on a reader that has stalled: then only as much is written
// as a pipe that is ready takes without waiting, and a reader gets a second for each.
ssize_t write_some(const char* data, std::size_t size) {
  if (!stop_requested()) return ::write(STDOUT_FILENO, data, size);
  if (!wait_writable(STDOUT_FILENO, std::chrono::seconds(1))) {
    errno = EPIPE;
    return -1;
  }
  return ::write(STDOUT_FILENO, data, std::min<std::size_t>(size, PIPE_BUF));
}

}  // namespace

bool Output::flush() {
  const char* at = buffer_.data();
  const char* end = at + buffer_.size();
  while (at != end && !broken_) {
    const ssize_t written = write_some(at, static_cast<std::size_t>(end - at));
    if (written >= 0) {
      at += written;
    } else if (errno == EAGAIN) {
      wait_writable(STDOUT_FILENO, std::chrono::seconds(1));
    } else if (errno == EPIPE) {
      broken_ = true;
    } else if (errno != EINTR) {
      const int error = errno;
      buffer_.clear();
      broken_ = true;
      throw Failure(kNotSo, fmt::format("cannot write to standard output: {}", std::strerror(error)));
    }
  }
  buffer_.clear();
  return !broken_;
}

bool Output::reader_has_gone() noexcept {
  pollfd out{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  if (::poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0) broken_ = true;
  return broken_;
}

void print(std::string_view text) {
  Output output;
  output.buffer().append(text.data(), text.data() + text.size());
  static_cast<void>(output.flush());
}

}  // namespace ringbolt::command
