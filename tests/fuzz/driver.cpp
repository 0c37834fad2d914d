// Without libFuzzer: runs the corpus, then mutations of it, always the same ones for a seed.
//
//   fuzz_TARGET [CORPUS-DIRECTORY]      RUNS, SEED and RINGBOLT_SOAK_SECONDS are taken from the environment
//
// An input that ends the process is in the file that is named then: put it into the corpus with its fix.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "counts.hpp"
#include "fuzz/target.hpp"

namespace ringbolt::fuzz {
namespace {

using File = std::vector<std::uint8_t>;

constexpr unsigned kWatchdogSeconds = 60;  // of one input, which takes milliseconds
constexpr std::size_t kMostInputBytes = 256;

File running;  // what a death is told with

void tell_input(const char* how) {
  std::array<char, 64> name{};
  std::snprintf(name.data(), name.size(), "fuzz-input-%d", static_cast<int>(::getpid()));
  std::fprintf(stderr, "%s: the input is in %s:", how, name.data());
  for (const std::uint8_t byte : running) std::fprintf(stderr, " %02x", byte);
  std::fprintf(stderr, "\n");
  std::ofstream(name.data(), std::ios::binary)
      .write(reinterpret_cast<const char*>(running.data()), static_cast<std::streamsize>(running.size()));
}

// Not safe in a signal handler in general; the process is lost anyway, and this is what explains it.
void die(int signal) {
  ::signal(signal, SIG_DFL);
  tell_input(signal == SIGALRM ? "it hangs" : "it ended the process");
  ::raise(signal);
}

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

void run_one(const File& input) {
  running = input;
  ::alarm(kWatchdogSeconds);
  target().run(parse(target(), input));
  ::alarm(0);
}

std::vector<File> read_corpus(const char* directory) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<File> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

int run(int count, char** arguments) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM}) ::signal(signal, die);
  std::vector<File> corpus{File{}};
  if (count > 1) {
    for (File& file : read_corpus(arguments[1])) corpus.push_back(std::move(file));
  }
  for (const File& file : corpus) run_one(file);

  const std::uint64_t seed = number_from("SEED", std::random_device{}());
  const std::uint64_t wanted = number_from("RUNS", 2'000);
  const std::uint64_t soak_seconds = number_from("RINGBOLT_SOAK_SECONDS", 0);
  std::printf("SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(soak_seconds);
  std::mt19937_64 random(seed);
  std::uint64_t runs = 0;
  for (; runs < wanted || (soak_seconds != 0 && std::chrono::steady_clock::now() < until); ++runs) {
    // What was made goes into the pool now and then, so that changes add up.
    const File& from = corpus[random() % corpus.size()];
    File made = mutate(target(), from, random(), kMostInputBytes);
    run_one(made);
    if (random() % 16 == 0) corpus.size() < 1'000 ? corpus.push_back(std::move(made)) : corpus[random() % 1'000].swap(made);
  }
  test::print_counts({{"fuzzed inputs", runs}});
  return 0;
}

}  // namespace
}  // namespace ringbolt::fuzz

int main(int count, char** arguments) { return ringbolt::fuzz::run(count, arguments); }
