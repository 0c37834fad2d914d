// Waiting for events in a program that runs on Asio, with a coroutine or any other completion token.
//
//   ringbolt::AsioConsumer events(co_await asio::this_coro::executor, consumer);
//   ringbolt::Event event;
//   while (co_await events.next(event) == ringbolt::Status::ok) handle(event);
//
// Header-only, on top of `Consumer::fd`; the library itself needs no Asio. It takes Boost.Asio, or the standalone Asio where
// RINGBOLT_STANDALONE_ASIO is defined. `next` needs a compiler and an Asio with coroutines (C++20).
#pragma once

#include <ringbolt/ipc/consumer.hpp>

#include <utility>  // before Boost 1.74, which forgets it

#if defined(RINGBOLT_STANDALONE_ASIO)
#include <asio/awaitable.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/use_awaitable.hpp>
namespace ringbolt {
namespace net = ::asio;
}
#else
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
namespace ringbolt {
namespace net = ::boost::asio;
}
#endif

namespace ringbolt {

// Does not own the Consumer, which must outlive it and stay where it is. Used like the Consumer by one thread at a time: give it
// the executor of a strand where the context runs on several. Errors are thrown as by the Consumer.
class AsioConsumer {
 public:
  // Throws Error as `Consumer::fd` does.
  template <class Executor>
  AsioConsumer(const Executor& executor, Consumer& consumer) : consumer_(&consumer), descriptor_(executor, consumer.fd()) {}
  AsioConsumer(const AsioConsumer&) = delete;
  AsioConsumer& operator=(const AsioConsumer&) = delete;
  ~AsioConsumer() {
    descriptor_.release();
  }  // whoever waits completes with operation_aborted; the descriptor is the Consumer's

  // Completes when the consumer should look again, as `Consumer::fd` says. Look first: what has come already is not waited for.
  template <class CompletionToken>
  auto async_wait(CompletionToken&& token) {
    return descriptor_.async_wait(net::posix::descriptor_base::wait_read, std::forward<CompletionToken>(token));
  }

#if defined(ASIO_HAS_CO_AWAIT) || defined(BOOST_ASIO_HAS_CO_AWAIT)
  // The next event: ok, gap, evicted or closed, as `Consumer::next_for` answers. `event` is valid until the next call. While
  // there are events it does not give the thread away; a coroutine that shares it with others posts itself now and then.
  [[nodiscard]] net::awaitable<Status> next(Event& event) {
    for (;;) {
      const Status status = consumer_->try_next(event);
      if (status != Status::empty) co_return status;
      co_await async_wait(net::use_awaitable);
    }
  }
#endif

 private:
  Consumer* consumer_;
  net::posix::stream_descriptor descriptor_;
};

}  // namespace ringbolt
