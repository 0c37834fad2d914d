// The one exception type of the library.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace ringbolt {

// What went wrong, as something a program can decide by. `code_name` gives the word for people and for JSON.
enum class Code {
  bad_name,          // a ring's or consumer's name is empty, too long or has other characters than A-Z a-z 0-9 . _ -
  bad_option,        // an option's value makes no sense, alone or with another one
  not_found,         // no such ring, or no such consumer
  already_exists,    // creation of what is there
  not_allowed,       // file permissions or ownership forbid it
  wrong_version,     // made by a version of Ringbolt with another layout version
  foreign_layout,    // made by a build or machine whose structs or byte order differ
  too_short,         // a file ends before what its header promises
  damaged,           // a header or a record does not hold together
  in_use,            // another live publisher, another live consumer of that name, or a live owner in the way
  options_differ,    // reopening with a fixed option that differs from the ring's
  no_space,          // the shared-memory file system or memory is full
  event_too_large,   // more than a quarter of the ring, header included
  registry_full,     // every consumer slot has a live owner
  cycle,             // `after` would make consumers wait for each other in a circle
  followed_changed,  // a consumer named in `after` was replaced, or skipped events
  overrun,           // events were lost: Consumer::last_gap says which
  evicted,           // the gate was taken away because its budget was spent: Consumer::last_gap says what was lost
  holds_ring,        // asks for more while its uncommitted events fill the ring
  removed,           // the ring's directory is gone
  journal_stalled,   // the ring is full because its journal cannot write, or is not there
  other_ring,        // a journal of another ring
  cursor_ahead,      // a cursor names events that a power cut took back: what comes after it is not what it would have been
  forked,            // the handle was inherited by a forked child; attach again there
  system,            // any other refusal of the operating system
};
[[nodiscard]] const char* code_name(Code code) noexcept;

// Thrown by everything that is not on the hot path. `what()` is a sentence in three parts: what failed and on what, why,
// and what to do about it.
class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& sentence, int system_errno = 0)
      : std::runtime_error(sentence), code_(code), errno_(system_errno) {}

  [[nodiscard]] Code code() const noexcept { return code_; }
  // errno of the system call that failed, or 0.
  [[nodiscard]] int system_errno() const noexcept { return errno_; }

 private:
  Code code_;
  int errno_;
};

}  // namespace ringbolt
