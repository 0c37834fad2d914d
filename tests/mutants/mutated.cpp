#include "mutants/mutated.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "mutants/table.hpp"

namespace ringbolt::mutants {
namespace {

std::uint64_t checked_hash(std::string_view name) {
  if (name.empty()) return 0;
  if (std::ranges::find(kTable, name, &Row::name) == kTable.end()) {
    std::fprintf(stderr, "there is no mutant '%.*s'\n", static_cast<int>(name.size()), name.data());
    std::exit(2);
  }
  return hash_of(name);
}

std::uint64_t from_environment() {
  const char* const name = std::getenv("RINGBOLT_MUTANT");
  return checked_hash(name != nullptr ? name : "");
}

}  // namespace

std::uint64_t active = from_environment();

void switch_on(std::string_view name) { active = checked_hash(name); }

}  // namespace ringbolt::mutants
