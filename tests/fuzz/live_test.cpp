// Somebody writes over the shared memory of a ring while publisher, journal, consumers, statistics and one take-over after the
// other run in the same process: each of them ends in an answer or an Error, and none reads or writes outside its mapping.
// What is in an event may be wrong, as the ring has no checksums.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "counts.hpp"
#include "fuzz/journals.hpp"
#include "ipc/support.hpp"

namespace ringbolt::fuzz {
namespace {

using namespace std::chrono_literals;
using test::RingFile;

constexpr std::uint32_t kSlots = 6;

// What all threads of a round share.
struct Round {
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> damages{0};
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> read{0};
  std::atomic<std::uint64_t> errors{0};
};

template <class Action>
void tolerate(Round& round, Action action) {
  try {
    action();
  } catch (const Error& error) {
    ++round.errors;
    EXPECT_NE(error.what()[0], '\0');
  }
}

void keep_publishing(Round& round) {
  while (!round.over) {
    tolerate(round, [&] {
      auto publisher = Publisher::open("orders");
      for (std::size_t i = 0; i < 500 && !round.over; ++i) {
        const Bytes payload(i * 37 % 3'000);
        if (publisher.publish_for(payload, 1ms)) ++round.published;
        if (i % 50 == 0) publisher.try_publish_batch(std::vector{BatchEvent{payload, 1}, BatchEvent{{}, 2}});
      }
    });
  }
}

void keep_consuming(Round& round, const ConsumerOptions& options) {
  struct Handler {
    Round& round;
    void operator()(const Event& event) const {
      touch(event.payload);
      ++round.read;
    }
    void operator()(const Gap&) const {}
  };
  while (!round.over) {
    tolerate(round, [&] {
      auto consumer = Consumer::attach("orders", options);
      for (int i = 0; i < 50 && !round.over; ++i) {
        static_cast<void>(consumer.try_poll(Handler{round}, 100));
        static_cast<void>(consumer.wait_for(1ms));
        consumer.commit();
      }
    });
  }
}

void keep_looking(Round& round) {
  while (!round.over) {
    tolerate(round, [] { static_cast<void>(stat_ring("orders")); });
    tolerate(round, [] { evict_consumer("orders", "billing", true); });
    tolerate(round, [] { seek_consumer("orders", "away", Start::earliest); });
    tolerate(round, [] { static_cast<void>(verify_journal(std::string(std::getenv("RINGBOLT_DIR")) + "/journal")); });
  }
}

// Words of the page that a test must not write to: which directory, and how large a file to allocate in memory.
bool is_spared(std::size_t at) {
  const bool directory = at >= offsetof(core::JournalPage, directory) && at < offsetof(core::JournalPage, sync);
  const std::size_t segment = offsetof(core::JournalPage, segment_bytes);
  return directory || (at + 8 > segment && at < segment + 8);
}

// Half of it among the words that everything hangs on. What an attach refuses at once is rarely damaged, and not for long.
void keep_damaging(Round& round, std::uint64_t seed, std::chrono::nanoseconds time) {
  const std::string ring = std::string(std::getenv("RINGBOLT_DIR")) + "/orders";
  const RingFile events(ring + "/events");
  const RingFile consumers(ring + "/consumers");
  const RingFile page(ring + "/journal");
  std::mt19937_64 random(seed);
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    const std::uint64_t which = random() % 8;
    const RingFile& file = which < 5 ? events : which < 7 ? consumers : page;
    std::size_t header = sizeof(core::EventsHeader);
    if (&file == &consumers) header = sizeof(core::RegistryHeader) + kSlots * sizeof(core::ConsumerEntry);
    if (&file == &page) header = sizeof(core::JournalPage);
    const std::size_t range = random() % 2 == 0 ? header : file.bytes().size();
    const std::size_t at = random() % (range - 8);
    if (&file == &page && is_spared(at)) continue;
    const std::uint64_t value = random() % 3 == 0 ? random() : random() % 100'000;
    const bool fixed = at < 128;
    if (fixed && random() % 20 != 0) continue;
    std::uint64_t sound = 0;
    std::memcpy(&sound, &file.bytes()[at & ~std::size_t{7}], sizeof sound);
    if (random() % 4 == 0) {
      std::memcpy(&file.bytes()[at & ~std::size_t{7}], &value, sizeof value);
    } else {
      file.bytes()[at] = static_cast<std::byte>(value);
    }
    ++round.damages;
    for (int i = 0; i < 2'000; ++i) core::spin_hint();
    if (fixed) std::memcpy(&file.bytes()[at & ~std::size_t{7}], &sound, sizeof sound);
  }
}

class LiveDamage : public test::IpcTest {};

TEST_F(LiveDamage, EndsNobodyAndLeadsNobodyAstray) {
  const std::uint64_t seed = test::test_seed();
  const char* soak = std::getenv("RINGBOLT_SOAK_SECONDS");
  const auto budget = std::chrono::seconds(soak != nullptr ? std::max(10L, std::strtol(soak, nullptr, 10)) : 8L);
  const auto until = std::chrono::steady_clock::now() + budget;
  std::uint64_t damages = 0;
  std::uint64_t published = 0;
  std::uint64_t read = 0;
  std::uint64_t errors = 0;
  for (std::uint64_t number = 0; std::chrono::steady_clock::now() < until; ++number) {
    SCOPED_TRACE(number);
    {
      auto publisher = Publisher::open(
          "orders", {.capacity_bytes = test::kSmall,
                     .consumer_slots = kSlots,
                     .journal = {.directory = place() + "/journal", .sync = Sync::none, .segment_bytes = 64 << 10}});
      test::publish_numbered(publisher, 200, 900);
    }
    Round round;
    {
      std::vector<std::jthread> threads;
      threads.emplace_back([&] { keep_publishing(round); });
      threads.emplace_back([&] { keep_looking(round); });
      for (const ConsumerOptions& options :
           {ConsumerOptions{.policy = Policy::lossy}, ConsumerOptions{.name = "billing", .policy = Policy::gate},
            ConsumerOptions{.name = "audit", .policy = Policy::gate, .budget = 1ms, .after = {"billing"}},
            ConsumerOptions{.policy = Policy::latest, .read = Read::in_place}, ConsumerOptions{.start = Start::at(1)}})
        threads.emplace_back([&round, options] { keep_consuming(round, options); });
      keep_damaging(round, seed + number, 500ms);
      round.over = true;
    }
    damages += round.damages;
    published += round.published;
    read += round.read;
    errors += round.errors;
    remove_ring("orders", true);
    std::filesystem::remove_all(place() + "/journal");
  }
  EXPECT_GT(damages, 0U);
  EXPECT_GT(published, 0U);
  EXPECT_GT(read, 0U);
  EXPECT_GT(errors, 0U) << "the damage reached nobody";
  test::print_counts({{"live damages", damages},
                      {"events published under damage", published},
                      {"events read under damage", read},
                      {"errors told", errors}});
}

}  // namespace
}  // namespace ringbolt::fuzz
