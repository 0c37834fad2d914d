#include "support.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <ostream>
#include <thread>

namespace ringbolt::test {
namespace {

constexpr unsigned kWatchdogSeconds =
    150;  // a test takes a second or two; under a sanitizer on a busy machine ten times that

std::array<char, 256> watched_test;

void bark(int) {
  static constexpr char text[] = "watchdog: this test hangs: ";
  static_cast<void>(::write(STDERR_FILENO, text, sizeof text - 1));
  static_cast<void>(::write(STDERR_FILENO, watched_test.data(), ::strnlen(watched_test.data(), watched_test.size())));
  static_cast<void>(::write(STDERR_FILENO, "\n", 1));
  ::_exit(124);
}

void watch() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  std::snprintf(watched_test.data(), watched_test.size(), "%s.%s", info->test_suite_name(), info->name());
  struct sigaction action {};
  action.sa_handler = bark;
  ::sigaction(SIGALRM, &action, nullptr);
  ::alarm(kWatchdogSeconds);
}

// Where RINGBOLT_DIR led when the tests were started: whoever set it takes care of what is in there.
const std::string& place_of_all_tests() {
  static const std::string place = [] {
    const char* chosen = std::getenv("RINGBOLT_DIR");
    return std::string(chosen != nullptr && *chosen != '\0' ? chosen : "/dev/shm");
  }();
  return place;
}

}  // namespace

IpcTest::IpcTest() {
  watch();
  std::string pattern = place_of_all_tests() + "/ringbolt-ipc.XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  ::chmod(pattern.c_str(), 0755);  // other users must be able to come by
  place_ = pattern;
  use_place(place_);
}

IpcTest::~IpcTest() {
  std::error_code ignored;
  std::filesystem::remove_all(place_, ignored);
  use_place(place_of_all_tests());
  ::alarm(0);
}

void IpcTest::use_place(const std::string& directory) const { ::setenv("RINGBOLT_DIR", directory.c_str(), 1); }

std::vector<std::string> IpcTest::names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

RingFile::RingFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct stat status {};
  if (fd < 0 || ::fstat(fd, &status) != 0) throw std::runtime_error("cannot open " + path);
  size_ = static_cast<std::size_t>(status.st_size);
  data_ = static_cast<std::byte*>(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  ::close(fd);
  if (data_ == MAP_FAILED) throw std::runtime_error("cannot map " + path);
}

RingFile::~RingFile() { ::munmap(data_, size_); }

void RingFile::renew_checksum() const {
  // Both headers end their fixed part with a checksum of the 120 bytes before it.
  events().checksum = core::fnv1a(reinterpret_cast<const std::uint8_t*>(data_), offsetof(core::EventsHeader, checksum));
}

std::vector<std::byte> numbered_payload(std::uint64_t sequence, std::size_t size) {
  std::vector<std::byte> payload(size);
  for (std::size_t i = 0; i < size; ++i)
    payload[i] = static_cast<std::byte>((sequence * 0x9e37'79b9'7f4a'7c15) >> (i % 8 * 8)) ^ static_cast<std::byte>(i / 8);
  return payload;
}

bool is_numbered_payload(std::span<const std::byte> payload, std::uint64_t sequence) {
  return std::ranges::equal(payload, numbered_payload(sequence, payload.size()));
}

std::uint64_t publish_numbered(Publisher& publisher, std::uint64_t count, std::size_t size) {
  for (std::uint64_t i = 0; i < count; ++i) publisher.publish(numbered_payload(publisher.next_sequence(), size));
  return publisher.next_sequence() - 1;
}

std::uint64_t publish_until_full(Publisher& publisher, std::size_t size) {
  std::uint64_t count = 0;
  while (publisher.try_publish(numbered_payload(publisher.next_sequence(), size))) ++count;
  return count;
}

std::vector<std::uint64_t> poll_sequences(Consumer& consumer, std::size_t limit) {
  std::vector<std::uint64_t> seen;
  consumer.poll(
      [&](const Event& event) {
        EXPECT_TRUE(is_numbered_payload(event.payload, event.sequence)) << event.sequence;
        seen.push_back(event.sequence);
      },
      limit);
  return seen;
}

std::vector<std::string> poll_texts(Consumer& consumer, std::size_t limit) {
  std::vector<std::string> seen;
  consumer.poll([&](const Event& event) { seen.emplace_back(event.text()); }, limit);
  return seen;
}

std::vector<std::uint64_t> sequences(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t sequence = first; sequence <= last; ++sequence) all.push_back(sequence);
  return all;
}

ConsumerStat stat_of(std::string_view ring, std::string_view consumer) {
  for (const ConsumerStat& stat : stat_ring(ring).consumers) {
    if (stat.name == consumer) return stat;
  }
  ADD_FAILURE() << "no consumer '" << consumer << "' in the statistics of ring '" << ring << "'";
  return {};
}

void expect_error(const std::function<void()>& action, Code code, const std::vector<std::string>& words) {
  try {
    action();
    ADD_FAILURE() << "no error where " << code_name(code) << " was expected";
  } catch (const Error& error) {
    const std::string sentence = std::string(error.what()).substr(0, 1'000);
    EXPECT_STREQ(code_name(error.code()), code_name(code)) << sentence;
    for (const std::string& word : words) EXPECT_NE(sentence.find(word), std::string::npos) << word << "\nin: " << sentence;
    EXPECT_TRUE(sentence.find(':') != std::string::npos || sentence.find(';') != std::string::npos ||
                sentence.find(',') != std::string::npos)
        << "says what, but neither why nor what to do: " << sentence;
  } catch (const std::exception& other) {
    ADD_FAILURE() << "expected Error " << code_name(code) << ", not: " << other.what();
  }
}

bool eventually(const std::function<bool()>& done) {
  const auto give_up = std::chrono::steady_clock::now() + kLong;
  while (!done()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

std::uint64_t test_seed() {
  const char* given = std::getenv("SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::printf("seed %llu (SEED=%llu repeats this run)\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(seed));
  return seed;
}

}  // namespace ringbolt::test

namespace ringbolt {

void PrintTo(Status status, std::ostream* out) { *out << status_name(status); }
void PrintTo(Code code, std::ostream* out) { *out << code_name(code); }

}  // namespace ringbolt
