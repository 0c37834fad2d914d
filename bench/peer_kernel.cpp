// What the kernel has between two processes: a pipe, and a Unix socket that keeps messages apart.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lane_loops.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

// Two descriptors without blocking: who spins tries again, who sleeps polls.
class Ends {
 public:
  Ends() = default;
  ~Ends() {
    close(in);
    close(out);
  }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;
  int in = -1;
  int out = -1;
};

class PipeEnds : public Ends {
 public:
  explicit PipeEnds(const Plan& plan) {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "cannot make a pipe");
    in = ends[0];
    out = ends[1];
    fcntl(out, F_SETPIPE_SZ, static_cast<int>(plan.capacity_bytes));  // as much as the kernel allows
  }
};

class SocketEnds : public Ends {
 public:
  explicit SocketEnds(const Plan& plan) {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "cannot make a socket pair");
    in = ends[0];
    out = ends[1];
    const int bytes = static_cast<int>(plan.capacity_bytes);
    if (setsockopt(out, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
      setsockopt(out, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
  }
};

template <class Pair>
class DescriptorPair {
 public:
  explicit DescriptorPair(const Plan& plan) : ends_(plan) {}

  class Sender {
   public:
    Sender(DescriptorPair& lane, const Plan& /*plan*/) : out_(lane.ends_.out) {}
    void send(std::span<const std::byte> message) {
      while (!message.empty()) {  // a pipe may take a part of it
        const ssize_t written = write(out_, message.data(), message.size());
        if (written > 0) {
          message = message.subspan(static_cast<std::size_t>(written));
        } else {
          check(errno == EAGAIN || errno == EINTR, "cannot write");
          sched_yield();
        }
      }
    }
    void flush() {}

   private:
    int out_;
  };

  class Receiver {
   public:
    Receiver(DescriptorPair& lane, const Plan& plan, std::size_t /*index*/)
        : in_(lane.ends_.in), message_(plan.payload_bytes) {}
    template <class Take>
    std::size_t poll(Take& take) {
      const ssize_t got = read(in_, message_.data() + have_, message_.size() - have_);
      if (got < 0) {
        check(errno == EAGAIN || errno == EINTR, "cannot read");
        return 0;
      }
      have_ += static_cast<std::size_t>(got);
      if (have_ < message_.size()) return 0;
      have_ = 0;
      take(std::span<const std::byte>(message_));
      return 1;
    }
    template <class Take>
    void sleep(Take& take) {
      pollfd readable{.fd = in_, .events = POLLIN, .revents = 0};
      check(::poll(&readable, 1, 100'000) == 1, "no message in 100 s");
      poll(take);
    }
    static constexpr std::uint64_t lost() noexcept { return 0; }

   private:
    int in_;
    std::vector<std::byte> message_;
    std::size_t have_ = 0;
  };

 private:
  Pair ends_;
};

}  // namespace

std::vector<LaneKind> kernel_lanes() {
  return {{.name = "pipe", .make = make_lane<DescriptorPair<PipeEnds>>, .sleeps = true, .slowness = 30},
          {.name = "unix socket", .make = make_lane<DescriptorPair<SocketEnds>>, .sleeps = true, .slowness = 50}};
}

}  // namespace ringbolt::bench
