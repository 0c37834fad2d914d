// iceoryx 2.0: publisher and subscribers that hold each other back, RouDi started here with a small pool. One process may only
// be one application, which is why the sides of a slice are always fresh processes.
#include <unistd.h>

#include "daemon.hpp"
#include "lane_loops.hpp"

#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace ringbolt::bench {
namespace {

void need_roudi() {
  static const bool started = [] {
    const std::string config = std::string(std::getenv("RINGBOLT_DIR")) + "/roudi.toml";
    std::ofstream(config) << "[general]\nversion = 1\n[[segment]]\n[[segment.mempool]]\nsize = 128\ncount = 2000\n"
                             "[[segment.mempool]]\nsize = 4224\ncount = 2000\n";
    start_daemon({"iox-roudi", "-c", config, "-l", "off"}, [] { return true; });  // an application waits for it by itself
    return true;
  }();
  static_cast<void>(started);
}

iox::RuntimeName_t text(const std::string& name) { return {iox::cxx::TruncateToCapacity, name.c_str()}; }

class IceoryxLane {
 public:
  explicit IceoryxLane(const Plan& /*plan*/) : name_("lane-" + std::to_string(++count_)) { need_roudi(); }

  class Sender {
   public:
    Sender(IceoryxLane& lane, const Plan& /*plan*/) : publisher_(lane.service(), options()) {}
    void send(std::span<const std::byte> message) {
      auto chunk = publisher_.loan(static_cast<std::uint32_t>(message.size()), 8);
      if (chunk.has_error()) throw std::runtime_error("iceoryx has no memory to lend");
      std::memcpy(chunk.value(), message.data(), message.size());
      publisher_.publish(chunk.value());
    }
    void flush() {}

   private:
    static iox::popo::PublisherOptions options() {
      iox::popo::PublisherOptions wanted;
      wanted.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
      return wanted;
    }
    iox::popo::UntypedPublisher publisher_;
  };

  class Receiver {
   public:
    Receiver(IceoryxLane& lane, const Plan& plan, std::size_t /*index*/)
        : subscriber_(lane.service(), options()), bytes_(plan.payload_bytes) {
      while (subscriber_.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      if (plan.asleep && set_.attachState(subscriber_, iox::popo::SubscriberState::HAS_DATA).has_error()) {
        throw std::runtime_error("iceoryx cannot attach to a WaitSet");
      }
    }
    template <class Take>
    std::size_t poll(Take& take) {
      auto chunk = subscriber_.take();
      if (chunk.has_error()) return 0;
      take(std::span<const std::byte>(static_cast<const std::byte*>(chunk.value()), bytes_));
      subscriber_.release(chunk.value());
      return 1;
    }
    template <class Take>
    void sleep(Take& take) {
      set_.wait();
      while (poll(take) != 0) {
      }
    }
    static constexpr std::uint64_t lost() noexcept { return 0; }

   private:
    static iox::popo::SubscriberOptions options() {
      iox::popo::SubscriberOptions wanted;
      wanted.queueCapacity = 256;
      wanted.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
      return wanted;
    }
    iox::popo::UntypedSubscriber subscriber_;
    iox::popo::WaitSet<1> set_;
    std::size_t bytes_;
  };

 private:
  [[nodiscard]] iox::capro::ServiceDescription service() const {
    iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kOff,
                                                             iox::log::LogLevelOutput::kHideLogLevel);
    iox::runtime::PoshRuntime::initRuntime(text("ringbolt-bench-" + std::to_string(getpid())));
    return {text("ringbolt"), text("bench"), text(name_)};
  }

  static inline int count_ = 0;
  std::string name_;
};

}  // namespace

std::vector<LaneKind> iceoryx_lanes() {
  return {{.name = "iceoryx",
           .make = make_lane<IceoryxLane>,
           .sleeps = true,
           .most_receivers = kMostReceivers,
           .slowness = 100}};
}

}  // namespace ringbolt::bench
