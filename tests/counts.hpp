// What a test's run came to, on one line of its output: `counts: 5000 kills, 12 stops`. `./dev soak` adds these lines up.
#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>

namespace ringbolt::test {

struct Count {
  const char* what;  // in the plural
  std::uint64_t times;
};

inline void print_counts(std::initializer_list<Count> counts) {
  const char* before = "counts: ";
  for (const Count& count : counts) {
    std::printf("%s%llu %s", before, static_cast<unsigned long long>(count.times), count.what);
    before = ", ";
  }
  std::printf("\n");
}

}  // namespace ringbolt::test
