// The question that the mutated copy of the library asks at each place of `table.hpp`: is this mutant on? The environment
// variable RINGBOLT_MUTANT says which one is, from the start of the process on; a test may also switch one on itself.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace ringbolt::mutants {

constexpr std::uint64_t hash_of(std::string_view name) noexcept {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  return hash;
}

// A name as the number that is compared, so that asking costs a load and no more.
struct Name {
  consteval Name(const char* name) noexcept : hash(hash_of(name)) {}  // NOLINT(google-explicit-constructor)
  std::uint64_t hash;
};

extern std::uint64_t active;  // of the mutant that is on; 0: none

constexpr bool mutated(Name name) noexcept { return !std::is_constant_evaluated() && active == name.hash; }

// From here on. An empty name: none. One that the table does not know ends the process with status 2.
void switch_on(std::string_view name);

}  // namespace ringbolt::mutants
