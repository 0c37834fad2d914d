// What all tests of ipc/ stand on: a place of its own for each test's rings, a watchdog, and looking at a ring's files.
#pragma once

#include <gtest/gtest.h>
#include <ringbolt/core/gates.hpp>
#include <ringbolt/core/ring.hpp>
#include <ringbolt/ringbolt.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt::test {

using namespace std::chrono_literals;

#if defined(__has_feature)
#define RINGBOLT_TEST_HAS_FEATURE(name) __has_feature(name)
#else
#define RINGBOLT_TEST_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || RINGBOLT_TEST_HAS_FEATURE(address_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

inline constexpr std::uint64_t kSmall = core::kMinCapacityBytes;  // the smallest ring: 64 KiB
// What a wait may take that ends long before in a sound ring, on a busy machine under a sanitizer.
inline constexpr std::chrono::nanoseconds kLong = 30s;

// A test with a RINGBOLT_DIR of its own in shared memory, which goes with it. A test that hangs is ended, with its name.
class IpcTest : public testing::Test {
 public:
  IpcTest();
  ~IpcTest() override;
  IpcTest(const IpcTest&) = delete;
  IpcTest& operator=(const IpcTest&) = delete;

 protected:
  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] std::string ring_path(std::string_view ring) const { return place_ + "/" + std::string(ring); }
  // Rings are made elsewhere from here on.
  void use_place(const std::string& directory) const;
  [[nodiscard]] static std::vector<std::string> names_in(const std::string& directory);

 private:
  std::string place_;
};

// A file of a ring, mapped read-write, for tests that look at its bytes or write them.
class RingFile {
 public:
  explicit RingFile(const std::string& path);
  RingFile(const RingFile&) = delete;
  RingFile& operator=(const RingFile&) = delete;
  ~RingFile();

  [[nodiscard]] std::span<std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] core::EventsHeader& events() const { return *reinterpret_cast<core::EventsHeader*>(data_); }
  [[nodiscard]] core::RegistryHeader& registry() const { return *reinterpret_cast<core::RegistryHeader*>(data_); }
  [[nodiscard]] core::ConsumerEntry& entry(std::size_t index) const {
    return reinterpret_cast<core::ConsumerEntry*>(data_ + sizeof(core::RegistryHeader))[index];
  }
  // Of the record at a position of the first lap.
  [[nodiscard]] core::RecordHeader& record(std::uint64_t position) const {
    return *reinterpret_cast<core::RecordHeader*>(data_ + events().data_offset + position);
  }
  // After a change of what it covers.
  void renew_checksum() const;

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// A payload that tells which event it belongs to, at every byte.
[[nodiscard]] std::vector<std::byte> numbered_payload(std::uint64_t sequence, std::size_t size);
[[nodiscard]] bool is_numbered_payload(std::span<const std::byte> payload, std::uint64_t sequence);

// Publishes `count` events of `size` bytes, each with its own number in it. Returns the last one's sequence.
std::uint64_t publish_numbered(Publisher& publisher, std::uint64_t count, std::size_t size);
// Publishes such events until a gating consumer is in the way; returns how many went through.
std::uint64_t publish_until_full(Publisher& publisher, std::size_t size);

// All events that can be polled now, as their sequences; each must carry its number.
std::vector<std::uint64_t> poll_sequences(Consumer& consumer, std::size_t limit = ~std::size_t{0});
// As texts.
std::vector<std::string> poll_texts(Consumer& consumer, std::size_t limit = ~std::size_t{0});
[[nodiscard]] std::vector<std::uint64_t> sequences(std::uint64_t first, std::uint64_t last);

// The statistics of one consumer; fails the test and answers an empty one if it is not there.
[[nodiscard]] ConsumerStat stat_of(std::string_view ring, std::string_view consumer);

// `action` must throw an Error of that code whose sentence contains all of `words`. Every such sentence must name what it
// is about, and be followed by why or what to do.
void expect_error(const std::function<void()>& action, Code code, const std::vector<std::string>& words = {});

// Calls `done` until it says yes; false after a long time.
[[nodiscard]] bool eventually(const std::function<bool()>& done);

// The seed of a random test: printed, and taken back from the environment (`SEED=… ipc_tests`).
[[nodiscard]] std::uint64_t test_seed();

}  // namespace ringbolt::test

namespace ringbolt {

// How failed expectations name these.
void PrintTo(Status status, std::ostream* out);
void PrintTo(Code code, std::ostream* out);

}  // namespace ringbolt
