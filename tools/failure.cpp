#include "failure.hpp"

#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/stat.hpp>

#include <algorithm>
#include <vector>

#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

// Is the ring there? Then it was the consumer's name that was not found.
bool has_ring(std::string_view ring) {
  try {
    return !stat_ring(ring).path.empty();
  } catch (const Error&) {
    return false;
  }
}

std::vector<std::string> consumer_names(std::string_view ring) {
  std::vector<std::string> names;
  for (const ConsumerStat& consumer : stat_ring(ring).consumers) {
    if (!consumer.name.empty()) names.push_back(consumer.name);
  }
  return names;
}

// Empty if nothing is near, or nothing can be read: a suggestion must not fail louder than what it is for.
std::string suggestion(std::string_view ring, std::string_view consumer) try {
  if (!consumer.empty() && has_ring(ring)) return closest(consumer, consumer_names(ring));
  if (ring.find('/') != std::string_view::npos) return {};
  return closest(ring, list_rings());
} catch (const Error&) {
  return {};
}

}  // namespace

Exit exit_for(Code code) noexcept {
  switch (code) {
    case Code::bad_name:
    case Code::bad_option: return kUsage;
    case Code::not_found:
    case Code::removed: return kNotFound;
    default: return kNotSo;
  }
}

Exit report(const Error& error, std::string_view ring, std::string_view consumer) {
  const std::string_view sentence = error.what();
  say("{}", sentence);
  const bool suggests =
      sentence.find("did you mean") != std::string_view::npos;  // the library does, where it looks for a ring
  if (error.code() == Code::not_found && !ring.empty() && !suggests) {
    if (const std::string meant = suggestion(ring, consumer); !meant.empty()) say("did you mean '{}'?", meant);
  }
  return exit_for(error.code());
}

}  // namespace ringbolt::command
