// What the C functions share: how an exception becomes a result, and how options that may be older or shorter are read. The C
// binding translates and decides nothing.
#pragma once

#include <ringbolt/ringbolt.hpp>

#include "ringbolt.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace ringbolt::c {

constexpr std::int32_t result_of(Status status) noexcept { return static_cast<std::int32_t>(status); }
constexpr std::int32_t result_of(Code code) noexcept { return -1 - static_cast<std::int32_t>(code); }

// Keeps the sentence for `ringbolt_last_error`, and returns `result`. Without memory the sentence is shorter.
std::int32_t fail(std::int32_t result, const char* sentence, int system_errno = 0) noexcept;
// Of the exception that is being handled.
std::int32_t fail_with_current_exception() noexcept;

// Calls `body`, which returns a result or nothing (RINGBOLT_OK). No exception leaves it.
template <class Body>
std::int32_t guarded(Body body) noexcept {
  try {
    if constexpr (std::is_void_v<decltype(body())>) {
      body();
      return RINGBOLT_OK;
    } else {
      return body();
    }
  } catch (...) {
    return fail_with_current_exception();
  }
}

inline Error bad_option(const std::string& sentence) { return {Code::bad_option, sentence}; }

template <class Pointer>
void require(Pointer pointer, const char* what) {
  if (pointer == nullptr) throw bad_option(std::string(what) + " is NULL");
}

constexpr std::size_t kLargestStruct = 4096;  // of any version to come; what claims more was not initialised

// The caller's options as this version knows them: what a shorter struct lacks is zero, and what a longer one has beyond must be.
template <class Options>
Options known(const Options* given, const char* what) {
  Options options{};
  if (given == nullptr) return options;
  std::size_t size = 0;
  std::memcpy(&size, given, sizeof(size));
  if (size < sizeof(size) || size > kLargestStruct)
    throw bad_option(std::string(what) + ".size is not set: it must be sizeof(" + what + ")");
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  std::memcpy(&options, bytes, std::min(size, sizeof(Options)));
  const bool newer =
      size > sizeof(Options) && std::any_of(bytes + sizeof(Options), bytes + size, [](auto b) { return b != 0; });
  if (newer) throw bad_option(std::string(what) + " has options that this version of the library does not know");
  return options;
}

inline std::chrono::nanoseconds duration(std::int64_t ns, const char* what) {
  if (ns < 0) throw bad_option(std::string(what) + " is negative");
  return std::chrono::nanoseconds(ns);
}
inline std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

Wait wait_of(std::uint32_t wait);
PublisherOptions publisher_options(const ringbolt_publisher_options* given);

template <class Enum>
Enum checked_enum(std::uint32_t value, std::uint32_t largest, const char* what) {
  if (value > largest) throw bad_option(std::string(what) + " " + std::to_string(value) + " is not one of the header's");
  return static_cast<Enum>(value);
}

}  // namespace ringbolt::c
