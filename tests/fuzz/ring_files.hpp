// Rings that the library made, and their files mapped, so that an input is a copy into memory.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbolt/core/ring.hpp>
#include <ringbolt/ringbolt.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "fuzz/target.hpp"

namespace ringbolt::fuzz {

inline constexpr std::uint64_t kCapacity = core::kMinCapacityBytes;

class MappedFile {
 public:
  explicit MappedFile(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    struct stat status {};
    require(fd_ >= 0 && ::fstat(fd_, &status) == 0, "a file of the target's own can be opened");
    size_ = static_cast<std::size_t>(status.st_size);
    data_ = static_cast<std::byte*>(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
    require(data_ != MAP_FAILED, "a file of the target's own can be mapped");
    sound_.assign(data_, data_ + size_);
  }
  ~MappedFile() {
    ::munmap(data_, size_);
    ::close(fd_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] const Bytes& sound() const { return sound_; }
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] int fd() const { return fd_; }
  // These bytes and then zeros; the file may be shorter or longer than it was made.
  void set(const Bytes& file) {
    if (file.size() != length_) {
      length_ = file.size();
      require(::ftruncate(fd_, static_cast<off_t>(length_)) == 0, "the file takes any length");
    }
    std::memcpy(data_, file.data(), std::min(file.size(), size_));
    if (file.size() > size_)
      require(::pwrite(fd_, file.data() + size_, file.size() - size_, static_cast<off_t>(size_)) > 0, "the file takes more");
  }
  void restore() { set(sound_); }

 private:
  int fd_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t length_ = 0;
  Bytes sound_;
};

// What a call may end in: an answer, or an Error that says something.
template <class Action>
void tolerate(Action action) {
  try {
    action();
  } catch (const Error& error) {
    require(error.what()[0] != '\0', "an Error has a sentence");
  }
}

// Holds what a consumer is given to the promises: numbers only grow, what lies between two events is told as a gap, and the
// payload is memory that may be read.
class Watcher {
 public:
  explicit Watcher(std::uint64_t largest_payload = core::largest_payload_bytes(kCapacity)) : largest_(largest_payload) {}
  void operator()(const Event& event) {
    require(next_ == 0 || event.sequence == next_, "an event is the next one, or a gap was told", event.sequence);
    require(event.payload.size() <= largest_, "no payload is larger than the largest", event.payload.size());
    touch(event.payload);
    next_ = event.sequence + 1;
    ++events_;
  }
  void operator()(const Gap& gap) {
    require(next_ == 0 || gap.first >= next_ || gap.count() == 0, "a gap begins behind the last event", gap.first);
    next_ = gap.last + 1;
  }
  void skipping() { next_ = 0; }  // policy latest: by design
  [[nodiscard]] std::uint64_t events() const { return events_; }

 private:
  std::uint64_t largest_;
  std::uint64_t next_ = 0;  // 0: anything
  std::uint64_t events_ = 0;
};

inline void consume(const std::string& ring, const ConsumerOptions& options) {
  tolerate([&] {
    auto consumer = Consumer::attach(ring, options);
    Watcher watcher;
    if (options.policy == Policy::latest) {
      for (int i = 0; i < 3; ++i) {
        watcher.skipping();
        static_cast<void>(consumer.try_poll(watcher, 1));
      }
    } else {
      // A ring holds at most so many records; behind its end the handler is not called again.
      static_cast<void>(consumer.try_poll(watcher, 2 * kCapacity / sizeof(core::RecordHeader)));
      require(watcher.events() <= kCapacity / sizeof(core::RecordHeader) + 1, "no ring has so many events",
              watcher.events());
    }
    static_cast<void>(consumer.wait_for(std::chrono::nanoseconds(0)));
    consumer.commit();
    static_cast<void>(consumer.closed());
    static_cast<void>(consumer.publisher_alive());
  });
}

// A publisher that takes over, publishes, and goes. `alive` files of wild epochs go as well.
inline void take_over(const std::string& ring, const PublisherOptions& options = {}) {
  tolerate([&] {
    auto publisher = Publisher::open(ring, options);
    const Bytes payload = payload_of(publisher.next_sequence(), 900);
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t next = publisher.next_sequence();
      const PublishResult result = publisher.try_publish(payload);
      require(!result || result.sequence == next, "a publisher counts up", result.sequence);
    }
    static_cast<void>(publisher.try_publish_batch(std::vector{BatchEvent{payload, 1}, BatchEvent{{}, 2}}));
    publisher.close();
  });
  for (const auto& entry : std::filesystem::directory_iterator(place() + "/" + ring)) {
    if (entry.path().filename().string().starts_with("alive.")) std::filesystem::remove(entry.path());
  }
}

inline void add_words(std::vector<std::uint32_t>& hot, std::size_t begin, std::size_t end) {
  for (std::size_t at = begin; at < end; at += 8) hot.push_back(static_cast<std::uint32_t>(at));
}

}  // namespace ringbolt::fuzz
