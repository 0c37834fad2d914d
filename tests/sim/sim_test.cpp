// Thousands of runs of ring, journal and consumers together, each drawn from a seed: see `world.hpp`.
//
// The environment: SEED says the first run's seed, RINGBOLT_RUNS how many there are, RINGBOLT_SOAK_SECONDS goes on for so long.
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <optional>
#include <random>
#include <string>

#include "counts.hpp"
#include "mutants/mutated.hpp"
#include "world.hpp"

namespace ringbolt::sim {
namespace {

constexpr std::uint64_t kRuns = 2'000;
constexpr std::uint64_t kFirstSeed = 1'000;
constexpr std::chrono::seconds kLongestInCi{40};
constexpr std::uint64_t kRunsOfAWorker = 40;  // what dead processes leave on the heap goes with the worker
constexpr unsigned kWatchdogSeconds = 300;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What a worker process leaves: it is shared with the one that started it.
struct Report {
  Totals totals;
  std::uint64_t seed = 0;  // of the run that it is at
  std::uint64_t hash = 0;  // of the last one
  bool failed = false;
  std::array<char, 65'536> text{};
};

// Runs seeds in a process of its own, in a directory of its own.
class Worker {
 public:
  Worker() {
    void* const page = ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw std::bad_alloc();
    report_ = new (page) Report;
    std::string name = "/dev/shm/ringbolt-sim-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::bad_alloc();
    directory_ = name;
  }
  ~Worker() {
    std::filesystem::remove_all(directory_);
    ::munmap(report_, sizeof(Report));
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start(std::uint64_t seed, std::uint64_t runs) {
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::alarm(kWatchdogSeconds);
    for (std::uint64_t i = 0; i < runs && !report_->failed; ++i) {
      report_->seed = seed + i;
      World world(report_->seed, directory_, report_->totals);
      const std::string violation = world.run();
      report_->hash = world.hash();
      report_->failed = !violation.empty();
      std::strncpy(report_->text.data(), violation.c_str(), report_->text.size() - 1);
    }
    ::_exit(0);
  }
  // Empty, or what went wrong.
  std::string finish() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    std::string said = report_->text.data();
    if (WIFSIGNALED(status)) said = "the run died of signal " + std::to_string(WTERMSIG(status));
    if (said.empty()) return "";
    return said + "SEED=" + std::to_string(report_->seed) + " RINGBOLT_RUNS=1 repeats this run";
  }
  [[nodiscard]] const Report& report() const noexcept { return *report_; }

 private:
  Report* report_ = nullptr;
  std::string directory_;
  pid_t pid_ = 0;
};

void add(Totals& sum, const Totals& more) {
  const auto words = [](auto& totals) { return reinterpret_cast<std::uint64_t*>(&totals); };
  Totals copy = more;
  for (std::size_t i = 0; i < sizeof(Totals) / sizeof(std::uint64_t); ++i) words(sum)[i] += words(copy)[i];
}

TEST(Simulator, EveryRunKeepsThePromisesAndEveryoneCatchesUp) {
  const std::chrono::seconds soak{number_from("RINGBOLT_SOAK_SECONDS", 0)};
  // The same runs each time, so that a red one is red for whoever made it so; a soak goes where nobody was.
  std::uint64_t seed = number_from("SEED", soak.count() != 0 ? std::random_device{}() : kFirstSeed);
  std::printf("seed %llu (SEED=%llu repeats this run)\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(seed));
  const std::uint64_t wanted = number_from("RINGBOLT_RUNS", kRuns);
  const auto began = std::chrono::steady_clock::now();
  Totals totals;
  while (true) {
    const auto spent = std::chrono::steady_clock::now() - began;
    if (soak.count() != 0 ? spent >= soak : totals.runs >= wanted || spent >= kLongestInCi) break;
    std::array<std::optional<Worker>, 2> workers;
    for (std::optional<Worker>& worker : workers) {
      const std::uint64_t runs = std::min(kRunsOfAWorker, wanted);
      worker.emplace().start(seed, runs);
      seed += runs;
      if (wanted == 1) break;
    }
    std::string wrong;
    for (std::optional<Worker>& worker : workers) {
      if (!worker) continue;
      if (const std::string said = worker->finish(); !said.empty()) wrong = said;
      add(totals, worker->report().totals);
    }
    ASSERT_EQ(wrong, "");
  }
  ::ringbolt::test::print_counts({{"simulated runs", totals.runs},
                                  {"events published", totals.events},
                                  {"events seen", totals.seen},
                                  {"kills", totals.kills},
                                  {"stops", totals.stops},
                                  {"power cuts", totals.power_cuts},
                                  {"disk faults", totals.faults},
                                  {"take-overs", totals.takeovers},
                                  {"resumed cursors", totals.resumes},
                                  {"gaps", totals.gaps},
                                  {"evictions", totals.evictions},
                                  {"turns from journal to ring", totals.turns},
                                  {"points", totals.points}});
  if (totals.runs < 500) return;
  for (const std::uint64_t met : {totals.kills, totals.stops, totals.power_cuts, totals.faults, totals.takeovers,
                                  totals.resumes, totals.gaps, totals.evictions, totals.turns})
    EXPECT_GT(met, totals.runs / 50);
}

TEST(Simulator, TheSameSeedIsTheSameRun) {
  const std::uint64_t seed = number_from("SEED", std::random_device{}());
  for (std::uint64_t i = 0; i < 40; ++i) {
    std::array<std::uint64_t, 2> hashes{};
    for (std::uint64_t& hash : hashes) {
      Worker worker;
      worker.start(seed + i, 1);
      EXPECT_EQ(worker.finish(), "");
      hash = worker.report().hash;
    }
    ASSERT_EQ(hashes[0], hashes[1]) << "SEED=" << seed + i;
  }
}

// A test of the test: a durable mark that moves when the write has returned.
TEST(Simulator, CatchesADurableMarkThatMovesBeforeTheSync) {
  mutants::switch_on("acknowledge_before_sync");
  std::string said;
  for (std::uint64_t seed = 1; said.empty() && seed < 1'000; seed += kRunsOfAWorker) {
    Worker worker;
    worker.start(seed, kRunsOfAWorker);
    said = worker.finish();
  }
  mutants::switch_on("");
  // What the mark promised is not on the disk: an observer misses it, or the next journal finds it torn.
  EXPECT_TRUE(said.find("durable") != std::string::npos || said.find("does not hold together") != std::string::npos) << said;
}

}  // namespace
}  // namespace ringbolt::sim
