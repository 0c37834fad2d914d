// Reads orders in a program that runs on Asio: one thread, which sleeps until there is an order or its clock ticks.
// asio RING NAME
#include <ringbolt/asio.hpp>
#include <ringbolt/ringbolt.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>

namespace asio = boost::asio;

struct Order {
  std::uint64_t id;
  double price;
  std::uint32_t quantity;
  std::uint32_t reserved;
};

asio::awaitable<std::uint64_t> count_orders(ringbolt::Consumer& consumer) {
  ringbolt::AsioConsumer orders(co_await asio::this_coro::executor, consumer);
  ringbolt::Event event;
  std::uint64_t pieces = 0;
  while (co_await orders.next(event) == ringbolt::Status::ok) {
    pieces += event.as<Order>().quantity;
    consumer.commit(event.sequence);
  }
  co_return pieces;
}

asio::awaitable<void> tick(asio::steady_timer& clock) {
  for (;;) {
    clock.expires_after(std::chrono::milliseconds(10));
    co_await clock.async_wait(asio::use_awaitable);
  }
}

int main(int argc, char** argv) try {
  if (argc != 3) return std::fprintf(stderr, "usage: asio RING NAME\n"), 2;
  auto consumer = ringbolt::Consumer::attach(argv[1], {.name = argv[2], .policy = ringbolt::Policy::gate});
  asio::io_context context;
  asio::steady_timer clock(context);
  asio::co_spawn(context, tick(clock), [](const std::exception_ptr&) {});
  asio::co_spawn(context, count_orders(consumer), [&](const std::exception_ptr& failed, std::uint64_t pieces) {
    clock.cancel();
    if (failed) std::rethrow_exception(failed);
    std::printf("%s: %llu pieces\n", argv[2], static_cast<unsigned long long>(pieces));
  });
  context.run();
  return 0;
} catch (const ringbolt::Error& error) {
  std::fprintf(stderr, "asio: %s\n", error.what());
  return 1;
}
