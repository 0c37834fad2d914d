// What publishing and polling cost, in instructions: the only limits on speed that a test decides, because they are the same on
// every machine. Where the C library's memcpy is called, which differs by processor, there is room for it.
#include "cost/stepping.hpp"
#include "counts.hpp"
#include "ipc/support.hpp"

#include <ringbolt/core/shared_word.hpp>

#include <array>
#include <atomic>
#include <cstdio>

#include <unistd.h>

namespace ringbolt::cost {
namespace {

struct Payload {
  std::array<std::uint64_t, 8> words{};  // 64 bytes
};

// As GCC 12 and as Clang 16 compile it.
struct Limit {
  std::size_t gcc = 0;
  std::size_t clang = 0;
};

// Prints it and holds it.
void expect_at_most(const char* what, const Limit& limits, const Cost& cost) {
#if defined(__clang__)
  const std::size_t limit = limits.clang;
#else
  const std::size_t limit = limits.gcc;
#endif
  std::printf("%-46s %4zu instructions, at most %zu\n", what, cost.instructions, limit);
  EXPECT_LE(cost.instructions, limit) << what;
  EXPECT_GT(cost.instructions, 5U) << what << ": this cannot be all of it";
  EXPECT_EQ(cost.locked, 0U) << what;
  EXPECT_EQ(cost.fences, 0U) << what;
  EXPECT_EQ(cost.system_calls, 0U) << what;
}

Cost per_event(Cost cost, std::size_t events) {
  cost.instructions = (cost.instructions + events - 1) / events;
  return cost;
}

class CostTest : public test::IpcTest {
 protected:
  void SetUp() override {
    if (const std::string reason = why_not(); !reason.empty()) GTEST_SKIP() << reason;
  }
  static Publisher open() { return Publisher::open("cost", {.capacity_bytes = 1 << 20, .timestamps = false}); }
};

// Without this a counter that counts nothing would be content with everything.
TEST_F(CostTest, IsCountedRight) {
  const Cost nothing = cost_of([] {});
  EXPECT_EQ(nothing, Cost{});

#if defined(__x86_64__)
  EXPECT_EQ(cost_of([] { asm volatile("nop; nop; nop" ::: "memory"); }), Cost{.instructions = 3});
  std::uint64_t word = 0;
  EXPECT_EQ(cost_of([&] { asm volatile("lock incq %0" : "+m"(word)); }).locked, 1U);
  EXPECT_EQ(cost_of([&] {
              std::uint64_t value = 0;
              asm volatile("xchgq %0, %1" : "+r"(value), "+m"(word));
            }).locked,
            1U);
  EXPECT_EQ(cost_of([] { asm volatile("mfence; lfence; sfence" ::: "memory"); }).fences, 3U);
#endif
  EXPECT_EQ(cost_of([] { ::getppid(); }).system_calls, 1U);
  EXPECT_GT(cost_of([] { core::fence_seq_cst(); }).fences + cost_of([] { core::fence_seq_cst(); }).locked, 0U);
}

TEST_F(CostTest, OfPublishing) {
  auto publisher = open();
  Payload payload;
  expect_at_most("publish 64 bytes, size known to the compiler", {45, 45}, cost_of([&] { publisher.publish(payload); }));

  volatile std::size_t size = sizeof payload;
  const auto bytes = [&] { return std::as_bytes(std::span(&payload, 1)).first(size); };
  expect_at_most("publish 64 bytes, size known at run time", {88, 84}, cost_of([&] { publisher.publish(bytes()); }));
  expect_at_most("try_publish 64 bytes", {86, 86}, cost_of([&] { (void)publisher.try_publish(bytes()); }));
  expect_at_most("claim 64 bytes, fill, commit", {94, 104}, cost_of([&] {
                   Claim claim = publisher.claim(sizeof payload);
                   std::memcpy(claim.payload().data(), &payload, sizeof payload);
                   claim.commit();
                 }));

  constexpr std::size_t kBatch = 64;
  const std::vector<Payload> batch(kBatch);
  expect_at_most("publish_batch, an event of 64", {64, 58},
                 per_event(cost_of([&] { publisher.publish_batch(std::span<const Payload>(batch)); }), kBatch));
}

TEST_F(CostTest, OfPolling) {
  auto publisher = open();
  std::uint64_t sum = 0;
  const auto handle = [&](const Event& event) { sum += event.sequence; };
  const auto polling = [&](Policy policy, std::size_t events) {
    auto consumer = Consumer::attach("cost", {.policy = policy, .start = Start::latest});
    const auto publish = [&] {
      for (std::size_t i = 0; i < events; ++i) publisher.publish(Payload{});
    };
    return cost_of(publish, [&] { consumer.poll(handle); });
  };
  constexpr std::size_t kEvents = 64;
  expect_at_most("poll, an event of 64, gate", {64, 85}, per_event(polling(Policy::gate, kEvents), kEvents));
  expect_at_most("poll, an event of 64, lossy", {116, 148}, per_event(polling(Policy::lossy, kEvents), kEvents));
  expect_at_most("poll of one event, gate", {245, 275}, polling(Policy::gate, 1));
  expect_at_most("poll of one event, lossy", {305, 340}, polling(Policy::lossy, 1));
  expect_at_most("poll of nothing, gate", {165, 171}, polling(Policy::gate, 0));
  EXPECT_GT(sum, 0U);
}

}  // namespace
}  // namespace ringbolt::cost
