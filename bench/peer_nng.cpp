// nng over ipc://, the pair protocol.
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include "lane_loops.hpp"

#include <cstdlib>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

void check(int error) {
  if (error != 0) throw std::runtime_error(std::string("nng: ") + nng_strerror(error));
}

class NngLane {
 public:
  explicit NngLane(const Plan& /*plan*/)
      : address_("ipc://" + std::string(std::getenv("RINGBOLT_DIR")) + "/nng-" + std::to_string(++count_)) {}

  class Sender {
   public:
    Sender(NngLane& lane, const Plan& plan) {
      check(nng_pair0_open(&socket_));
      const std::uint64_t messages = plan.capacity_bytes / plan.payload_bytes;
      nng_socket_set_int(socket_, NNG_OPT_SENDBUF, static_cast<int>(messages > 8192 ? 8192 : messages));
      check(nng_listen(socket_, lane.address_.c_str(), nullptr, 0));
    }
    ~Sender() { nng_close(socket_); }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;
    void send(std::span<const std::byte> message) {
      check(nng_send(socket_, const_cast<std::byte*>(message.data()), message.size(), 0));
    }
    void flush() {}

   private:
    nng_socket socket_ = NNG_SOCKET_INITIALIZER;
  };

  class Receiver {
   public:
    Receiver(NngLane& lane, const Plan& plan, std::size_t /*index*/) : message_(plan.payload_bytes) {
      check(nng_pair0_open(&socket_));
      check(nng_socket_set_int(socket_, NNG_OPT_RECVBUF, 8192));
      check(nng_socket_set_ms(socket_, NNG_OPT_RECONNMINT, 1));
      check(nng_dial(socket_, lane.address_.c_str(), nullptr, NNG_FLAG_NONBLOCK));
    }
    ~Receiver() { nng_close(socket_); }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;
    template <class Take>
    std::size_t poll(Take& take) {
      return receive(take, NNG_FLAG_NONBLOCK);
    }
    template <class Take>
    void sleep(Take& take) {
      receive(take, 0);
    }
    static constexpr std::uint64_t lost() noexcept { return 0; }

   private:
    template <class Take>
    std::size_t receive(Take& take, int flags) {
      std::size_t bytes = message_.size();
      const int error = nng_recv(socket_, message_.data(), &bytes, flags);
      if (error == NNG_EAGAIN) return 0;
      check(error);
      take(std::span<const std::byte>(message_.data(), bytes));
      return 1;
    }
    nng_socket socket_ = NNG_SOCKET_INITIALIZER;
    std::vector<std::byte> message_;
  };

 private:
  static inline int count_ = 0;
  std::string address_;
};

}  // namespace

std::vector<LaneKind> nng_lanes() { return {{.name = "nng", .make = make_lane<NngLane>, .sleeps = true, .slowness = 100}}; }

}  // namespace ringbolt::bench
