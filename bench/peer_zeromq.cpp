// ZeroMQ over ipc://: PUSH and PULL for one receiver, XPUB and SUB with unbounded queues for several.
#include <unistd.h>
#include <zmq.h>

#include "lane_loops.hpp"

#include <cstdlib>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

void check(int answer) {
  if (answer < 0) throw std::runtime_error(std::string("ZeroMQ: ") + zmq_strerror(zmq_errno()));
}

class Socket {
 public:
  Socket(int type, int high_water_mark) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, type)) {
    zmq_setsockopt(socket_, ZMQ_SNDHWM, &high_water_mark, sizeof high_water_mark);
    zmq_setsockopt(socket_, ZMQ_RCVHWM, &high_water_mark, sizeof high_water_mark);
  }
  ~Socket() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] void* get() const noexcept { return socket_; }

 private:
  void* context_;
  void* socket_;
};

class ZeroMqLane {
 public:
  explicit ZeroMqLane(const Plan& plan)
      : address_("ipc://" + std::string(std::getenv("RINGBOLT_DIR")) + "/zmq-" + std::to_string(++count_)),
        fans_out_(plan.receivers > 1),
        high_water_mark_(fans_out_ ? 0 : static_cast<int>(plan.capacity_bytes / plan.payload_bytes)) {}

  class Sender {
   public:
    Sender(ZeroMqLane& lane, const Plan& plan) : socket_(lane.fans_out_ ? ZMQ_XPUB : ZMQ_PUSH, lane.high_water_mark_) {
      check(zmq_bind(socket_.get(), lane.address_.c_str()));
      char subscription[8];
      for (std::size_t i = 0; lane.fans_out_ && i < plan.receivers;) {
        const int verbose = 1;
        zmq_setsockopt(socket_.get(), ZMQ_XPUB_VERBOSE, &verbose, sizeof verbose);
        check(zmq_recv(socket_.get(), subscription, sizeof subscription, 0));
        ++i;
      }
    }
    void send(std::span<const std::byte> message) { check(zmq_send(socket_.get(), message.data(), message.size(), 0)); }
    void flush() {}

   private:
    Socket socket_;
  };

  class Receiver {
   public:
    Receiver(ZeroMqLane& lane, const Plan& plan, std::size_t /*index*/)
        : socket_(lane.fans_out_ ? ZMQ_SUB : ZMQ_PULL, lane.high_water_mark_), message_(plan.payload_bytes) {
      check(zmq_connect(socket_.get(), lane.address_.c_str()));
      if (lane.fans_out_) check(zmq_setsockopt(socket_.get(), ZMQ_SUBSCRIBE, "", 0));
    }
    template <class Take>
    std::size_t poll(Take& take) {
      return receive(take, ZMQ_DONTWAIT);
    }
    template <class Take>
    void sleep(Take& take) {
      receive(take, 0);
    }
    static constexpr std::uint64_t lost() noexcept { return 0; }

   private:
    template <class Take>
    std::size_t receive(Take& take, int flags) {
      const int got = zmq_recv(socket_.get(), message_.data(), message_.size(), flags);
      if (got < 0 && (zmq_errno() == EAGAIN || zmq_errno() == EINTR)) return 0;
      check(got);
      take(std::span<const std::byte>(message_.data(), static_cast<std::size_t>(got)));
      return 1;
    }
    Socket socket_;
    std::vector<std::byte> message_;
  };

 private:
  static inline int count_ = 0;
  std::string address_;
  bool fans_out_;
  int high_water_mark_;
};

}  // namespace

std::vector<LaneKind> zeromq_lanes() {
  return {
      {.name = "ZeroMQ", .make = make_lane<ZeroMqLane>, .sleeps = true, .most_receivers = kMostReceivers, .slowness = 30}};
}

}  // namespace ringbolt::bench
