// Where the demo's ring lives: a directory of its own, gone when the demo is, however that ends.
#pragma once

#include <sys/types.h>

#include <string>

namespace ringbolt::demo {

// Made before anything else. A small process waits for the end of this one, by whatever death, and then removes the
// directory: `kill -9` of the demo leaves nothing behind either.
class Place {
 public:
  Place();  // throws Error: no_space, not_allowed, system
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  // The ring's name, as other terminals can use it.
  [[nodiscard]] std::string ring() const { return directory_ + "/demo"; }
  // Every forked process calls this first: one that holds on to the pipe would keep the directory alive.
  void leave_in_child() const noexcept;

 private:
  std::string directory_;
  int pipe_ = -1;
  pid_t caretaker_ = -1;
};

}  // namespace ringbolt::demo
