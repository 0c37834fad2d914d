// A forked process of a test: it runs a function, says what happened, and is waited for or killed. Words go both ways, so
// that nothing has to wait by the clock.
#pragma once

#include <sys/types.h>

#include <ringbolt/ipc/consumer.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace ringbolt::test {

// One end of a channel of short words; closed with the object.
class Words {
 public:
  explicit Words(int fd) noexcept : fd_(fd) {}
  Words(Words&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Words& operator=(Words&&) = delete;
  ~Words();

  void say(std::string_view word) const;
  // The next word; empty when the other end is gone, or after a long time.
  [[nodiscard]] std::string hear() const;
  // The next word must be this one. In a child, ends the process if not.
  void expect(std::string_view word) const;

 private:
  int fd_;
};

class Child {
 public:
  // Runs `body` in a child, which then exits without returning: with 0, or with 1 if an expectation failed in it or an
  // exception came out. It dies with the test's process.
  explicit Child(const std::function<void(const Words&)>& body);
  Child(Child&&) = delete;
  ~Child();  // killed, if it was not waited for

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const Words& words() const { return words_; }
  // Waits for its end; true if it exited with 0.
  [[nodiscard]] bool join();
  void kill();
  void signal(int number) const;

 private:
  Child(const std::function<void(const Words&)>& body, std::pair<int, int> ends);

  Words words_;
  pid_t pid_ = -1;
};

// One that has attached to the ring `orders` so, and stays.
class AttachedChild : public Child {
 public:
  explicit AttachedChild(const ConsumerOptions& options);
};

// For bodies of children: becomes another user and group for good. False if that is not allowed.
[[nodiscard]] bool become(uid_t user, gid_t group);
// The user `nobody`, and whether a test can become it: needs root.
inline constexpr uid_t kNobody = 65534;
inline constexpr gid_t kNogroup = 65534;
[[nodiscard]] bool can_become_others();

}  // namespace ringbolt::test
