// `ringbolt-bench`: latency, publish, reclaim, throughput, journal, all. `docs/performance.md` says how to read what it prints.
#include <CLI/CLI.hpp>

#include "benchmarks.hpp"
#include "scratch.hpp"

#include <fmt/format.h>

namespace {

namespace bench = ringbolt::bench;

constexpr const char* kExamples =
    "examples:\n"
    "  ringbolt-bench latency\n"
    "  ringbolt-bench all --cpus 2,3 --json results.json\n\n"
    "Measures Ringbolt on this machine. Results go to standard output, warnings to standard error.";

struct Arguments {
  std::vector<int> cpus;
  std::string json;
  bench::LatencyOptions latency;
  bench::PublishOptions publish;
  bench::ReclaimOptions reclaim;
  bench::ThroughputOptions throughput;
  bench::JournalBenchOptions journal;
};

const CLI::Validator kWords(
    [](std::string& text) {
      const bool good = !text.empty() && text.size() < 8 && text.find_first_not_of("0123456789") == std::string::npos &&
                        std::stoul(text) >= 8 && std::stoul(text) % 8 == 0 && std::stoul(text) <= 65'536;
      return good ? std::string() : text + " is not a multiple of 8 from 8 to 65536";
    },
    "BYTES");

void declare(CLI::App& app, Arguments& arguments) {
  app.fallthrough();
  app.require_subcommand(1);
  app.add_option("--cpus", arguments.cpus, "The two CPUs to pin to, as 0,1; the first two by default")
      ->delimiter(',')
      ->expected(2);
  app.add_option("--json", arguments.json, "Write the results to this file as well");

  CLI::App* latency = app.add_subcommand("latency", "Round trip between two processes against two bare cache lines");
  latency->add_option("--payload", arguments.latency.payloads, "Payload bytes, one or several as 32,64")
      ->delimiter(',')
      ->check(kWords)
      ->capture_default_str();
  latency->add_option("--slices", arguments.latency.slices, "How often each contender has its turn")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  latency->add_flag("--timestamps", arguments.latency.timestamps, "Stamp every event with the wall clock");

  CLI::App* publish = app.add_subcommand("publish", "A publish against a memcpy, and with consumers registered");
  publish->add_option("--slices", arguments.publish.slices, "How many slices against memcpy")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  publish->add_option("--rounds", arguments.publish.rounds, "How often the consumers come and go")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();

  CLI::App* reclaim = app.add_subcommand("reclaim", "Delay until a publisher goes on after its gating consumer was killed");
  reclaim->add_option("--kills", arguments.reclaim.kills, "How many consumers to kill")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();

  CLI::App* throughput = app.add_subcommand("throughput", "Events a second to one gating consumer");
  throughput->add_option("--payload", arguments.throughput.payloads, "Payload bytes, one or several as 32,64")
      ->delimiter(',')
      ->check(kWords)
      ->capture_default_str();
  throughput->add_option("--slices", arguments.throughput.slices, "How often each payload has its turn")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();

  CLI::App* journal = app.add_subcommand("journal", "Recording against plain writes, replay against memcpy");
  journal->add_option("--dir", arguments.journal.directory, "A directory on the file system to measure")
      ->capture_default_str();
  journal->add_option("--mib", arguments.journal.mebibytes, "MiB of records in each slice")
      ->check(CLI::Range(std::uint64_t{8}, std::uint64_t{4'096}))
      ->capture_default_str();
  journal->add_option("--slices", arguments.journal.slices, "How often each side has its turn")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();

  app.add_subcommand("all", "All of them, with their defaults");
}

int run(const Arguments& arguments, const std::string& chosen, const std::string& command) {
  bench::Report report(bench::look_at_machine(arguments.cpus), command);
  const bool all = chosen == "all";
  if (all || chosen == "latency") bench::run_latency(report, arguments.latency);
  if (all || chosen == "publish") bench::run_publish(report, arguments.publish);
  if (all || chosen == "throughput") bench::run_throughput(report, arguments.throughput);
  if (all || chosen == "reclaim") bench::run_reclaim(report, arguments.reclaim);
  if (all || chosen == "journal") bench::run_journal(report, arguments.journal);
  report.check_distance();
  if (!arguments.json.empty()) report.write_json(arguments.json);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kExamples, "ringbolt-bench");
  Arguments arguments;
  declare(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  std::string command = "ringbolt-bench";
  for (int i = 1; i < argc; ++i) command += fmt::format(" {}", argv[i]);
  const std::string chosen = app.get_subcommands().front()->get_name();
  return bench::run_in_scratch([&] { return run(arguments, chosen, command); });
}
