#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/start.hpp>

#include <algorithm>

namespace ringbolt::ipc {

using core::Found;
using core::Location;

namespace {

constexpr int kMostAttempts = 100'000;  // each is overtaken only if the publisher wrote most of a ring meanwhile

// Searches until the publisher no longer overtakes the search.
template <class Search>
Location settle(const std::string& name, Search search) {
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    const Location location = search();
    if (location.found == Found::record || location.found == Found::end) return location;
    if (location.found == Found::corrupt) {
      // Bytes that are being written over look like anything; it is damage if they still do after another look.
      const Location again = search();
      if (again.found != Found::corrupt) continue;
      throw Error(Code::damaged, "ring '" + name + "' is damaged: at position " + std::to_string(again.place.position) +
                                     ", where event " + std::to_string(again.place.sequence) +
                                     " should begin, is something else");
    }
  }
  throw Error(Code::damaged, "no record of ring '" + name + "' can be found: its header names none that holds together");
}

}  // namespace

StartPlace find_start(const core::RingView& ring, Start start, core::Place cursor, const std::string& name) {
  const core::Locator locator(ring);
  const bool resumes = start.kind == Start::Kind::resume && cursor.sequence != 0;
  StartPlace result;
  if (resumes && cursor.sequence > core::kLargestSequence) {
    throw Error(Code::damaged, "a cursor of ring '" + name + "' is damaged: it says event " +
                                   std::to_string(cursor.sequence - 1) +
                                   ", to which no publisher comes: choose where the consumer goes on (--from, Start::at)");
  }
  if (resumes || start.kind == Start::Kind::sequence) {
    const std::uint64_t wanted = std::max(resumes ? cursor.sequence : start.value, ring.first_sequence);
    result.wanted_sequence = wanted;
    core::Record record;
    if (resumes && locator.published_at(cursor, record)) {  // the cursor's own note of where that is
      result.place = cursor;
      return result;
    }
    const Location location = settle(name, [&] { return locator.sequence(wanted); });
    result.place = location.place;
    if (location.found == Found::end && location.place.sequence < wanted) result.skip_below_sequence = wanted;
    return result;
  }
  switch (start.kind) {
    case Start::Kind::latest: result.place = settle(name, [&] { return locator.end(); }).place; return result;
    case Start::Kind::time: {
      if ((ring.header->options & core::kOptionTimestamps) == 0) {
        throw Error(Code::bad_option, "ring '" + name + "' was created without timestamps: start at a sequence instead");
      }
      const Location location = settle(name, [&] { return locator.time(start.value); });
      result.place = location.place;
      result.wanted_sequence = location.place.sequence;
      if (location.found == Found::end) result.skip_before_ns = start.value;
      return result;
    }
    case Start::Kind::earliest:
    case Start::Kind::resume:
    case Start::Kind::sequence: break;
  }
  result.place = settle(name, [&] { return locator.oldest(); }).place;
  return result;
}

core::Place find_halfway(const core::RingView& ring, const std::string& name) {
  const core::Locator locator(ring);
  return settle(name, [&] { return locator.halfway(); }).place;
}

}  // namespace ringbolt::ipc
