#include "child.hpp"

#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace ringbolt::test {
namespace {

constexpr int kLongestSilenceMs = 60'000;
constexpr unsigned kChildSeconds = 120;

int failures_so_far() {
  const testing::TestResult& result = *testing::UnitTest::GetInstance()->current_test_info()->result();
  int failures = 0;
  for (int i = 0; i < result.total_part_count(); ++i) failures += result.GetTestPartResult(i).failed() ? 1 : 0;
  return failures;
}

[[noreturn]] void run(const std::function<void(const Words&)>& body, pid_t parent, const Words& words) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::signal(SIGALRM, SIG_DFL);
  ::alarm(kChildSeconds);
  const int inherited_failures = failures_so_far();
  try {
    body(words);
  } catch (const std::exception& error) {
    ADD_FAILURE() << "in a child: " << error.what();
  }
  std::fflush(nullptr);
  ::_exit(failures_so_far() > inherited_failures ? 1 : 0);
}

std::pair<int, int> connected_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  return {ends[0], ends[1]};
}

}  // namespace

Words::~Words() {
  if (fd_ >= 0) ::close(fd_);
}

void Words::say(std::string_view word) const { static_cast<void>(::send(fd_, word.data(), word.size(), MSG_NOSIGNAL)); }

std::string Words::hear() const {
  pollfd heard{fd_, POLLIN, 0};
  while (::poll(&heard, 1, kLongestSilenceMs) < 0 && errno == EINTR) {
  }
  std::array<char, 1024> buffer{};
  const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
}

void Words::expect(std::string_view word) const { EXPECT_EQ(hear(), word); }

Child::Child(const std::function<void(const Words&)>& body) : Child(body, connected_pair()) {}

Child::Child(const std::function<void(const Words&)>& body, std::pair<int, int> ends) : words_(ends.first) {
  const auto [ours, theirs] = ends;
  const pid_t parent = ::getpid();
  std::fflush(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) std::abort();
  if (pid_ == 0) {
    ::close(ours);
    const Words words(theirs);
    run(body, parent, words);
  }
  ::close(theirs);
}

Child::~Child() { kill(); }

bool Child::join() {
  if (pid_ < 0) return false;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void Child::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  static_cast<void>(join());
}

void Child::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

AttachedChild::AttachedChild(const ConsumerOptions& options)
    : Child([&](const Words& words) {
        auto consumer = Consumer::attach("orders", options);
        words.say("attached");
        static_cast<void>(words.hear());
      }) {
  words().expect("attached");
}

bool become(uid_t user, gid_t group) {
  const bool became = ::setgroups(0, nullptr) == 0 && ::setgid(group) == 0 && ::setuid(user) == 0 && ::geteuid() == user;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // forgotten with the old user
  return became;
}

bool can_become_others() { return ::geteuid() == 0; }

}  // namespace ringbolt::test
