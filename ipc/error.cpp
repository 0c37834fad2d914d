#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/event.hpp>

namespace ringbolt {

const char* code_name(Code code) noexcept {
  switch (code) {
    case Code::bad_name: return "bad_name";
    case Code::bad_option: return "bad_option";
    case Code::not_found: return "not_found";
    case Code::already_exists: return "already_exists";
    case Code::not_allowed: return "not_allowed";
    case Code::wrong_version: return "wrong_version";
    case Code::foreign_layout: return "foreign_layout";
    case Code::too_short: return "too_short";
    case Code::damaged: return "damaged";
    case Code::in_use: return "in_use";
    case Code::options_differ: return "options_differ";
    case Code::no_space: return "no_space";
    case Code::event_too_large: return "event_too_large";
    case Code::registry_full: return "registry_full";
    case Code::cycle: return "cycle";
    case Code::followed_changed: return "followed_changed";
    case Code::overrun: return "overrun";
    case Code::evicted: return "evicted";
    case Code::holds_ring: return "holds_ring";
    case Code::removed: return "removed";
    case Code::journal_stalled: return "journal_stalled";
    case Code::other_ring: return "other_ring";
    case Code::cursor_ahead: return "cursor_ahead";
    case Code::forked: return "forked";
    case Code::system: return "system";
  }
  return "unknown";
}

const char* status_name(Status status) noexcept {
  switch (status) {
    case Status::ok: return "ok";
    case Status::empty: return "empty";
    case Status::full: return "full";
    case Status::journal_stalled: return "journal_stalled";
    case Status::too_large: return "too_large";
    case Status::gap: return "gap";
    case Status::evicted: return "evicted";
    case Status::closed: return "closed";
    case Status::timed_out: return "timed_out";
  }
  return "unknown";
}

void Event::throw_size_mismatch(std::size_t wanted_bytes) const {
  throw Error(Code::bad_option, "event " + std::to_string(sequence) + " (type " + std::to_string(type) + ") has " +
                                    std::to_string(payload.size()) + " bytes and was asked for as a type of " +
                                    std::to_string(wanted_bytes) + ": check its type before reading it as a struct");
}

}  // namespace ringbolt
