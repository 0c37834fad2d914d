// One of three programs that do the same in C++, C and Python, for matrix_test.py:
//
//   player publish RING CAPACITY MORE JOURNAL   MORE events and the end of the stream, or without end where MORE is 0
//   player consume RING POLICY                  as "reader", to the end of the stream
//
// Event n has as payload n and 7919 n, as type n modulo 1000, and every tenth the attribute `key`, which is n in digits. The
// publisher says at its end which is the last one; the consumer every 500 events which it has committed, and at its end what it read.
#include <ringbolt/ringbolt.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

struct Numbers {
  std::uint64_t number;
  std::uint64_t product;
};

int publish(const char* ring, std::uint64_t capacity, std::uint64_t more, const char* journal) {
  auto publisher = ringbolt::Publisher::open(ring, {.capacity_bytes = capacity, .journal = {.directory = journal}});
  for (std::uint64_t done = 0; more == 0 || done < more; ++done) {
    const std::uint64_t next = publisher.next_sequence();
    const Numbers numbers{next, 7919 * next};
    const std::string digits = std::to_string(next);
    const ringbolt::Attribute key{"key", digits};
    ringbolt::EventOptions options{.type = static_cast<std::uint32_t>(next % 1000)};
    if (next % 10 == 0) options.attributes = {&key, 1};
    publisher.publish(std::as_bytes(std::span(&numbers, 1)), options);
    if (done % 20 == 19) std::this_thread::sleep_for(1ms);  // so that it can be killed in the middle
  }
  publisher.close();
  std::printf("published %llu\n", static_cast<unsigned long long>(publisher.next_sequence() - 1));
  return 0;
}

void check(const ringbolt::Event& event) {
  Numbers numbers{};
  bool right = event.payload.size() == sizeof numbers && event.type == event.sequence % 1000;
  if (right) std::memcpy(&numbers, event.payload.data(), sizeof numbers);
  std::string key;
  for (const ringbolt::Attribute& attribute : event.attributes())
    key += std::string(attribute.name) + "=" + std::string(attribute.value);
  right = right && numbers.number == event.sequence && numbers.product == 7919 * event.sequence &&
          key == (event.sequence % 10 == 0 ? "key=" + std::to_string(event.sequence) : "");
  if (right) return;
  std::fprintf(stderr, "player: event %llu is another one\n", static_cast<unsigned long long>(event.sequence));
  std::exit(1);
}

int consume(const char* ring, const std::string& policy) {
  auto consumer = ringbolt::Consumer::attach(ring, {.name = "reader",
                                                    .policy = policy == "gate"      ? ringbolt::Policy::gate
                                                              : policy == "lossy"   ? ringbolt::Policy::lossy
                                                              : policy == "journal" ? ringbolt::Policy::journal
                                                                                    : ringbolt::Policy::latest});
  std::uint64_t first = 0;
  std::uint64_t received = 0;
  std::uint64_t lost = 0;
  for (ringbolt::Event event;;) {
    const ringbolt::Status status = consumer.next_for(event, 10s);
    if (first == 0) first = status == ringbolt::Status::gap ? consumer.last_gap().first : event.sequence;
    if (status == ringbolt::Status::ok) {
      check(event);
      consumer.commit(event.sequence);
      if (++received % 500 == 0) {
        std::printf("at %llu\n", static_cast<unsigned long long>(event.sequence));
        std::fflush(stdout);
      }
    } else if (status == ringbolt::Status::gap) {
      lost += consumer.last_gap().count();
    } else if (status == ringbolt::Status::closed) {
      break;
    } else {
      std::fprintf(stderr, "player: %s\n", ringbolt::status_name(status));
      return 1;
    }
  }
  std::printf("read %llu %llu %llu %llu\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(consumer.next_sequence() - 1), static_cast<unsigned long long>(received),
              static_cast<unsigned long long>(lost));
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 6 && std::strcmp(argv[1], "publish") == 0)
    return publish(argv[2], std::strtoull(argv[3], nullptr, 10), std::strtoull(argv[4], nullptr, 10), argv[5]);
  if (argc == 4 && std::strcmp(argv[1], "consume") == 0) return consume(argv[2], argv[3]);
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "player: %s\n", error.what());
  return 1;
}
