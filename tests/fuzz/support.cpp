#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "fuzz/target.hpp"

namespace ringbolt::fuzz {

void require(bool promise, std::string_view sentence, std::uint64_t detail) {
  if (promise) return;
  std::fprintf(stderr, "broken promise: %.*s (%llu)\n", static_cast<int>(sentence.size()), sentence.data(),
               static_cast<unsigned long long>(detail));
  std::abort();
}

Bytes payload_of(std::uint64_t sequence, std::size_t size) {
  Bytes payload(size);
  for (std::size_t i = 0; i < size; ++i)
    payload[i] = static_cast<std::byte>((sequence * 0x9e37'79b9'7f4a'7c15) >> (i % 8 * 8)) ^ static_cast<std::byte>(i / 8);
  return payload;
}

bool is_payload_of(std::span<const std::byte> payload, std::uint64_t sequence) {
  return std::ranges::equal(payload, payload_of(sequence, payload.size()));
}

void touch(std::span<const std::byte> bytes) {
  std::uint64_t sum = 0;
  for (const std::byte byte : bytes) sum += static_cast<std::uint64_t>(byte);
  asm volatile("" : : "r"(sum));  // keeps the compiler from leaving the reads out
}

namespace {

class Place {
 public:
  Place() {
    const char* chosen = std::getenv("RINGBOLT_DIR");
    path_ = std::filesystem::path(chosen != nullptr && *chosen != '\0' ? chosen : "/dev/shm") / "ringbolt-fuzz.XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) {
      std::perror(path_.c_str());
      std::abort();
    }
    ::setenv("RINGBOLT_DIR", path_.c_str(), 1);
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

const std::string& place() {
  static const Place place;
  return place.path();
}

}  // namespace ringbolt::fuzz
