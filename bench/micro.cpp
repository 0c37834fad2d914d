// What one call costs, alone on its CPU, on Google Benchmark. Rings of 1 MiB, so that nothing waits for memory; the same
// run has the memcpy to compare with. `ringbolt-bench publish` is the careful comparison: it interleaves.
#include <benchmark/benchmark.h>
#include <ringbolt/funnel.hpp>
#include <ringbolt/ringbolt.hpp>

#include "scratch.hpp"
#include "timing.hpp"

#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

namespace {

using namespace ringbolt;

constexpr std::uint64_t kRingBytes = std::uint64_t{1} << 20;
constexpr const char* kRing = "micro";

// A ring of its own for each benchmark.
class Ring {
 public:
  explicit Ring(bool timestamps = false)
      : publisher_(Publisher::open(kRing, {.capacity_bytes = kRingBytes, .timestamps = timestamps, .prefault = true})) {}
  ~Ring() { remove_ring(kRing, true); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  Publisher& publisher() noexcept { return publisher_; }

 private:
  Publisher publisher_;
};

void count_events(benchmark::State& state, std::int64_t events_each, std::size_t payload) {
  state.SetItemsProcessed(state.iterations() * events_each);
  state.SetBytesProcessed(state.iterations() * events_each * static_cast<std::int64_t>(payload));
}

void Memcpy(benchmark::State& state) {
  const auto payload = static_cast<std::size_t>(state.range(0));
  const std::size_t record = core::record_bytes(payload);
  std::vector<std::byte> to(kRingBytes + record);
  const std::vector<std::byte> from(record);
  std::size_t at = 0;
  for (auto _ : state) {
    std::memcpy(to.data() + at, from.data(), record);
    benchmark::ClobberMemory();
    at = (at + record) & (kRingBytes - 1);
  }
  count_events(state, 1, payload);
}

void Publish(benchmark::State& state) {
  const auto payload = static_cast<std::size_t>(state.range(0));
  Ring ring(state.range(1) != 0);
  const std::vector<std::byte> bytes(payload);
  for (auto _ : state) benchmark::DoNotOptimize(ring.publisher().publish(bytes));
  count_events(state, 1, payload);
}

void PublishWithIdleConsumers(benchmark::State& state) {
  Ring ring;
  std::deque<Consumer> idle;  // registered, never polled
  for (std::int64_t i = 0; i < state.range(0); ++i) idle.push_back(Consumer::attach(kRing, {.policy = Policy::lossy}));
  const std::vector<std::byte> bytes(64);
  for (auto _ : state) benchmark::DoNotOptimize(ring.publisher().publish(bytes));
  count_events(state, 1, bytes.size());
}

void ClaimCommit(benchmark::State& state) {
  const auto payload = static_cast<std::size_t>(state.range(0));
  Ring ring;
  for (auto _ : state) {
    Claim claim = ring.publisher().claim(payload);
    std::memset(claim.payload().data(), 1, payload);
    benchmark::DoNotOptimize(claim.commit());
  }
  count_events(state, 1, payload);
}

void PublishBatch(benchmark::State& state) {
  Ring ring;
  const std::vector<std::byte> bytes(64);
  const std::vector<BatchEvent> batch(static_cast<std::size_t>(state.range(0)), BatchEvent{.payload = bytes});
  for (auto _ : state) benchmark::DoNotOptimize(ring.publisher().publish_batch(batch));
  count_events(state, state.range(0), bytes.size());
}

// Reading 1024 events that are there; publishing them is not timed. The time of one is in `items_per_second`.
void Poll(benchmark::State& state, const ConsumerOptions& options) {
  constexpr std::size_t kEvents = 1024;
  Ring ring;
  Consumer consumer = Consumer::attach(kRing, options);
  const std::vector<std::byte> bytes(64);
  const std::size_t expected = options.policy == Policy::latest ? 1 : kEvents;  // `latest` passes over the others
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kEvents; ++i) ring.publisher().publish(bytes);
    const std::uint64_t from = bench::ticks();
    std::size_t taken = 0;
    while (const std::size_t now = consumer.poll([&](const Event& event) { sum += event.payload.size(); }, 256))
      taken += now;
    state.SetIterationTime(static_cast<double>(bench::ticks() - from) * bench::ns_per_tick() / 1e9);
    if (taken != expected) state.SkipWithError("events are missing");
  }
  benchmark::DoNotOptimize(sum);
  count_events(state, static_cast<std::int64_t>(expected), bytes.size());
}

void CopyFromShared(benchmark::State& state) {
  const auto payload = static_cast<std::size_t>(state.range(0));
  const std::vector<std::byte> from(payload + 8);
  std::vector<std::byte> to(payload + 8);
  for (auto _ : state) {
    core::copy_from_shared(to.data(), from.data(), payload);
    benchmark::ClobberMemory();
  }
  count_events(state, 1, payload);
}
void CopyByMemcpy(benchmark::State& state) {
  auto payload = static_cast<std::size_t>(state.range(0));
  const std::vector<std::byte> from(payload + 8);
  std::vector<std::byte> to(payload + 8);
  for (auto _ : state) {
    benchmark::DoNotOptimize(payload);
    std::memcpy(to.data(), from.data(), payload);
    benchmark::ClobberMemory();
  }
  count_events(state, 1, payload);
}

// So many threads publish to one ring, each as fast as it can: through a funnel, or one after the other behind a mutex. The time
// of an event is the wall clock's over all threads; one more thread drains the funnel.
struct Many {
  std::optional<Funnel> funnel;
  std::optional<Publisher> publisher;
  std::mutex mutex;
};
std::optional<Many> many;

template <class Publish>
void publish_from_threads(benchmark::State& state, Publish publish) {
  const std::vector<std::byte> bytes(64);
  for (auto _ : state) publish(std::span(bytes));
  if (state.thread_index() == 0) state.SetItemsProcessed(state.iterations() * state.threads());
}
void ThroughFunnel(benchmark::State& state) {
  publish_from_threads(state, [](std::span<const std::byte> bytes) { many->funnel->publish(bytes); });
}
void BehindMutex(benchmark::State& state) {
  publish_from_threads(state, [](std::span<const std::byte> bytes) {
    const std::scoped_lock lock(many->mutex);
    benchmark::DoNotOptimize(many->publisher->publish(bytes));
  });
}
// What each event costs its thread until it is known to be in the ring.
void ThroughFunnelWaiting(benchmark::State& state) {
  publish_from_threads(
      state, [](std::span<const std::byte> bytes) { benchmark::DoNotOptimize(many->funnel->publish(bytes).wait()); });
}

void open_many(bool funnel) {
  many.emplace();
  auto publisher = Publisher::open(kRing, {.capacity_bytes = kRingBytes, .timestamps = false, .prefault = true});
  if (funnel) {
    many->funnel.emplace(std::move(publisher), FunnelOptions{.payload_bytes = 64, .thread = true});
  } else {
    many->publisher.emplace(std::move(publisher));
  }
}
void close_many(const benchmark::State& /*state*/) {
  many.reset();
  remove_ring(kRing, true);
}

void declare() {
  using benchmark::RegisterBenchmark;
  const std::vector<std::int64_t> payloads{0, 8, 32, 64, 256, 1024, 4096};
  const auto by_payload = [&](const char* name, auto* function) {
    auto* registered = RegisterBenchmark(name, function)->ArgName("payload");
    for (const std::int64_t payload : payloads) registered->Arg(payload);
  };
  by_payload("memcpy of header and payload", Memcpy);
  RegisterBenchmark("publish", Publish)->ArgNames({"payload", "timestamps"})->ArgsProduct({payloads, {0, 1}});
  by_payload("claim, memset, commit", ClaimCommit);
  RegisterBenchmark("publish, idle lossy consumers", PublishWithIdleConsumers)
      ->ArgName("consumers")
      ->Arg(0)
      ->Arg(64)
      ->Arg(256);
  RegisterBenchmark("publish_batch", PublishBatch)->ArgName("events")->Arg(1)->Arg(8)->Arg(64);

  const auto poll = [](const char* name, const ConsumerOptions& options) {
    RegisterBenchmark(name, Poll, options)->UseManualTime();
  };
  poll("poll, gate, in place", {.policy = Policy::gate});
  poll("poll, gate, copy", {.policy = Policy::gate, .read = Read::copy});
  poll("poll, gate with budget, copy", {.policy = Policy::gate, .budget = std::chrono::seconds(1)});
  poll("poll, lossy, copy", {.policy = Policy::lossy});
  poll("poll, lossy, in place", {.policy = Policy::lossy, .read = Read::in_place});
  poll("poll, latest", {.policy = Policy::latest});

  const auto from_threads = [](const char* name, auto* function, bool funnel) {
    auto* registered = RegisterBenchmark(name, function)->UseRealTime()->Teardown(close_many);
    registered->Setup(funnel ? +[](const benchmark::State&) { open_many(true); }
                             : +[](const benchmark::State&) { open_many(false); });
    for (const int threads : {1, 2, 4, 8}) registered->Threads(threads);
  };
  from_threads("many threads, funnel", ThroughFunnel, true);
  from_threads("many threads, mutex", BehindMutex, false);
  from_threads("many threads, funnel, ticket waited for", ThroughFunnelWaiting, true);

  by_payload("copy_from_shared", CopyFromShared);
  by_payload("copy by memcpy", CopyByMemcpy);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  return ringbolt::bench::run_in_scratch([] {
    declare();
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
  });
}
