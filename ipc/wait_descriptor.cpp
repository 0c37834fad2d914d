#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/wait_descriptor.hpp>

#include <array>
#include <cerrno>

namespace ringbolt::ipc {
namespace {

[[noreturn]] void refuse(const char* what, int error) {
  const char* limit = nullptr;
  if (error == EMFILE)
    limit =
        "open files of this process (`ulimit -n`), or such descriptors of this user (`sysctl "
        "fs.inotify.max_user_instances`)";
  if (error == ENOSPC) limit = "watches of this user (`sysctl fs.inotify.max_user_watches`)";
  if (limit != nullptr) {
    throw Error(Code::system,
                std::string("cannot make ") + what + " for a consumer to wait on: too many " + limit +
                    ": raise the limit, or wait with next()",
                error);
  }
  throw_refused(std::string("cannot make ") + what + " for a consumer to wait on", error, "whoever may read the ring can");
}

}  // namespace

WaitDescriptor::WaitDescriptor(const std::string& watched)
    : both_(sys::epoll_create()), timer_(sys::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (!both_ || !timer_) refuse("a descriptor", errno);
  if (sys::epoll_add(both_.get(), timer_.get()) != 0) refuse("a timer", errno);
  if (!watched.empty()) {
    bell_ = Descriptor(sys::inotify_init(IN_NONBLOCK | IN_CLOEXEC));
    if (!bell_) refuse("a descriptor", errno);
    if (sys::inotify_add_watch(bell_.get(), watched.c_str(), IN_ATTRIB | IN_DONT_FOLLOW) != 0)
      refuse(("a watch of " + watched).c_str(), errno);
    if (sys::epoll_add(both_.get(), bell_.get()) != 0) refuse("a watch", errno);
  }
  set_timer(0);
}

// What is the same as the last that nobody has read, the kernel does not keep twice: one read takes what there can be.
void WaitDescriptor::read_bell() noexcept {
  alignas(inotify_event) std::array<std::byte, 1024> events;
  while (bell_ && sys::read(bell_.get(), events.data(), events.size()) == static_cast<ssize_t>(events.size())) {
  }
}

void WaitDescriptor::set_timer(std::uint64_t after_ns) noexcept {
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(after_ns / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(after_ns % 1'000'000'000);
  if (after_ns == 0) when.it_value.tv_nsec = 1;  // nought would stop it
  sys::timerfd_settime(timer_.get(), when);
}

}  // namespace ringbolt::ipc
