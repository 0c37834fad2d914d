#include "pub_input.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "failure.hpp"
#include "signals.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10;
constexpr std::size_t kLengthBytes = 4;

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

EventInput::EventInput(int fd, std::string name, Framing framing, std::uint64_t largest, bool keep)
    : fd_(fd), name_(std::move(name)), framing_(framing), largest_(largest) {
  if (keep) start_offset_ = ::lseek(fd, 0, SEEK_CUR);
  keep_ = keep && start_offset_ < 0;
  buffer_.resize(kPieceBytes);
}

void EventInput::rewind() {
  from_kept_ = keep_;
  kept_read_ = 0;
  begin_ = scanned_ = end_ = 0;
  number_ = 0;
  if (!from_kept_ && ::lseek(fd_, start_offset_, SEEK_SET) < 0) {
    throw Failure(kNotSo, fmt::format("cannot begin {} again: {}", name_, std::strerror(errno)));
  }
}

bool EventInput::take(std::string_view& payload) {
  return framing_ == Framing::lines ? take_line(payload) : take_length(payload);
}

bool EventInput::take_line(std::string_view& payload) {
  const char* newline = static_cast<const char*>(std::memchr(buffer_.data() + scanned_, '\n', end_ - scanned_));
  if (newline == nullptr) {
    scanned_ = end_;
    if (end_ - begin_ > largest_) too_large(end_ - begin_, true);
    return false;
  }
  const auto place = static_cast<std::size_t>(newline - buffer_.data());
  payload = {buffer_.data() + begin_, place - begin_};
  if (payload.size() > largest_) too_large(payload.size(), false);
  begin_ = scanned_ = place + 1;
  ++number_;
  return true;
}

bool EventInput::take_length(std::string_view& payload) {
  const std::string_view rest = pending();
  if (rest.size() < kLengthBytes) return false;
  const std::uint64_t size = little_endian(rest);
  if (size > largest_) too_large(size, false);
  if (rest.size() < kLengthBytes + size) return false;
  payload = rest.substr(kLengthBytes, size);
  begin_ += kLengthBytes + size;
  ++number_;
  return true;
}

// After the last byte: a line needs no newline there.
bool EventInput::take_last(std::string_view& payload) {
  if (begin_ == end_ || stop_requested()) return false;
  if (framing_ == Framing::lengths) {
    throw Failure(kNotSo, fmt::format("{} ends in the middle of event {}: only {} of it are there", name_, number_ + 1,
                                      counted(end_ - begin_, "byte", "bytes")));
  }
  payload = pending();
  begin_ = scanned_ = end_;
  ++number_;
  return true;
}

// Reads another piece behind what is left. False at the end, or when the command is told to stop.
bool EventInput::fill() {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= std::min(scanned_, begin_);
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kPieceBytes / 2) buffer_.resize(buffer_.size() * 2);
  const std::size_t got = read_some(buffer_.data() + end_, buffer_.size() - end_);
  end_ += got;
  bytes_read_ += got;
  return got != 0;
}

std::size_t EventInput::read_some(char* to, std::size_t size) {
  if (from_kept_) {
    const std::size_t got = kept_.copy(to, size, kept_read_);
    kept_read_ += got;
    return got;
  }
  for (;;) {
    if (!wait_readable(fd_)) return 0;
    const ssize_t got = ::read(fd_, to, size);
    if (got >= 0) {
      if (keep_) kept_.append(to, static_cast<std::size_t>(got));
      return static_cast<std::size_t>(got);
    }
    if (errno != EINTR && errno != EAGAIN) {
      throw Failure(kNotSo, fmt::format("cannot read {}: {}", name_, std::strerror(errno)));
    }
  }
}

void EventInput::too_large(std::uint64_t bytes, bool at_least) const {
  const char* what = framing_ == Framing::lines ? "line" : "event";
  throw Failure(kNotSo,
                fmt::format("{} {} of {} has {}{}, more than fits into this ring: an event has at most {} (a quarter of "
                            "the ring, header included); make a larger ring with --capacity",
                            what, thousands(number_ + 1), name_, at_least ? "more than " : "",
                            counted(at_least ? largest_ : bytes, "byte", "bytes"), counted(largest_, "byte", "bytes")));
}

}  // namespace ringbolt::command
