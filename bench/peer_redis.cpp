// Redis Streams, a server of its own on a Unix socket: XADD in pipelines of 100 where messages come without a pause, XREAD.
#include <hiredis/hiredis.h>
#include <unistd.h>

#include "daemon.hpp"
#include "lane_loops.hpp"

#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

using Connection = std::unique_ptr<redisContext, decltype(&redisFree)>;
using Reply = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;

std::string socket_path() { return std::string(std::getenv("RINGBOLT_DIR")) + "/redis"; }

Connection connect() { return {redisConnectUnix(socket_path().c_str()), &redisFree}; }

Reply reply_of(const Connection& connection, void* answer) {
  Reply reply(static_cast<redisReply*>(answer), &freeReplyObject);
  if (!reply || reply->type == REDIS_REPLY_ERROR) {
    throw std::runtime_error(std::string("Redis: ") + (reply ? reply->str : connection->errstr));
  }
  return reply;
}

void need_server() {
  static const bool started = [] {
    const std::vector<std::string> words{"redis-server",
                                         "--port",
                                         "0",
                                         "--unixsocket",
                                         socket_path(),
                                         "--save",
                                         "",
                                         "--appendonly",
                                         "no",
                                         "--daemonize",
                                         "no",
                                         "--dir",
                                         std::getenv("RINGBOLT_DIR")};
    start_daemon(words, [] {
      const Connection connection = connect();
      return connection && connection->err == 0;
    });
    return true;
  }();
  static_cast<void>(started);
}

class RedisLane {
 public:
  explicit RedisLane(const Plan& /*plan*/) : stream_("lane-" + std::to_string(++count_)) { need_server(); }
  ~RedisLane() {
    if (getpid() != owner_) return;
    const Connection connection = connect();
    Reply(static_cast<redisReply*>(redisCommand(connection.get(), "DEL %s", stream_.c_str())), &freeReplyObject);
  }
  RedisLane(const RedisLane&) = delete;
  RedisLane& operator=(const RedisLane&) = delete;

  class Sender {
   public:
    Sender(RedisLane& lane, const Plan& plan)
        : stream_(lane.stream_), connection_(connect()), most_pending_(plan.interval_ns == 0 && !plan.asleep ? 100 : 1) {}
    void send(std::span<const std::byte> message) {
      redisAppendCommand(connection_.get(), "XADD %s * m %b", stream_.c_str(), message.data(), message.size());
      if (++pending_ >= most_pending_) flush();
    }
    void flush() {
      for (; pending_ > 0; --pending_) {
        void* answer = nullptr;
        redisGetReply(connection_.get(), &answer);
        reply_of(connection_, answer);
      }
    }

   private:
    std::string stream_;
    Connection connection_;
    int most_pending_;
    int pending_ = 0;
  };

  class Receiver {
   public:
    Receiver(RedisLane& lane, const Plan& /*plan*/, std::size_t /*index*/) : stream_(lane.stream_), connection_(connect()) {}
    template <class Take>
    std::size_t poll(Take& take) {
      return take_all(take, reply_of(connection_, redisCommand(connection_.get(), "XREAD COUNT 256 STREAMS %s %s",
                                                               stream_.c_str(), last_.c_str())));
    }
    template <class Take>
    void sleep(Take& take) {
      take_all(take, reply_of(connection_, redisCommand(connection_.get(), "XREAD COUNT 256 BLOCK 10000 STREAMS %s %s",
                                                        stream_.c_str(), last_.c_str())));
    }
    static constexpr std::uint64_t lost() noexcept { return 0; }

   private:
    // [[stream, [[id, [field, value]], …]]]
    template <class Take>
    std::size_t take_all(Take& take, const Reply& reply) {
      if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) return 0;
      const redisReply* entries = reply->element[0]->element[1];
      for (std::size_t i = 0; i < entries->elements; ++i) {
        const redisReply* entry = entries->element[i];
        const redisReply* value = entry->element[1]->element[1];
        last_.assign(entry->element[0]->str, entry->element[0]->len);
        take(std::as_bytes(std::span(value->str, value->len)));
      }
      return entries->elements;
    }
    std::string stream_;
    Connection connection_;
    std::string last_ = "0";
  };

 private:
  static inline int count_ = 0;
  std::string stream_;
  pid_t owner_ = getpid();
};

}  // namespace

std::vector<LaneKind> redis_lanes() {
  return {{.name = "Redis Streams",
           .make = make_lane<RedisLane>,
           .sleeps = true,
           .most_receivers = kMostReceivers,
           .slowness = 200}};
}

}  // namespace ringbolt::bench
