// `ringbolt-bench`: the modes, all of them, and compare. `docs/performance.md` says how to read what it prints.
#include <CLI/CLI.hpp>

#include "benchmarks.hpp"
#include "compare.hpp"
#include "daemon.hpp"
#include "lanes.hpp"
#include "scratch.hpp"

#include <fmt/format.h>

#include <functional>

namespace {

namespace bench = ringbolt::bench;

constexpr const char* kExamples =
    "examples:\n"
    "  ringbolt-bench latency\n"
    "  ringbolt-bench all --cpus 2,3 --json results.json\n"
    "  ringbolt-bench compare before.json after.json\n\n"
    "Measures Ringbolt on this machine, and beside it what else is there. Results go to standard output, warnings to "
    "standard error.";

struct Arguments {
  std::vector<int> cpus;
  std::string json;
  bool quick = false;
  bool smoke = false;
  bool no_peers = false;
  std::size_t slices = 0;
  bench::LatencyOptions latency;
  bench::JournalBenchOptions journal;
  std::string before;
  std::string after;

  [[nodiscard]] bench::Effort effort() const {
    bench::Effort effort = smoke ? bench::kSmoke : quick ? bench::kQuick : bench::Effort{};
    if (slices != 0) effort.slices = slices;
    effort.peers = !no_peers;
    return effort;
  }
};

const CLI::Validator kWords(
    [](std::string& text) {
      const bool good = !text.empty() && text.size() < 8 && text.find_first_not_of("0123456789") == std::string::npos &&
                        std::stoul(text) >= 8 && std::stoul(text) % 8 == 0 && std::stoul(text) <= 65'536;
      return good ? std::string() : text + " is not a multiple of 8 from 8 to 65536";
    },
    "BYTES");

struct Mode {
  const char* name;
  const char* what;
  std::function<void(bench::Report&, const bench::Effort&, const Arguments&)> run;
};

// In the order of `all`.
const std::vector<Mode>& modes() {
  using bench::Effort;
  using bench::Report;
  const auto plain = [](void (*run)(Report&, const Effort&)) {
    return [run](Report& report, const Effort& effort, const Arguments&) { run(report, effort); };
  };
  static const std::vector<Mode> all{
      {"latency", "Round trip between two processes against two bare cache lines",
       [](Report& report, const Effort& effort, const Arguments& arguments) {
         run_latency(report, effort, arguments.latency);
       }},
      {"oneway", "Delay at fixed rates up to saturation, by schedule", plain(bench::run_oneway)},
      {"wake", "Wake-up of a sleeping consumer against a bare system call", plain(bench::run_wake)},
      {"throughput", "Events a second, by payload, capacity, consumers and policy", plain(bench::run_throughput)},
      {"publish", "A publish against a memcpy, and with timestamps", plain(bench::run_publish)},
      {"consumers", "A publish with up to 256 consumers, awake, asleep or slow", plain(bench::run_consumers)},
      {"jitter", "The longest publishes beside a consumer killed, stopped or overrun", plain(bench::run_jitter)},
      {"reclaim", "Delay until a publisher goes on after its gating consumer was killed", plain(bench::run_reclaim)},
      {"join", "Attaching while the publisher runs", plain(bench::run_join)},
      {"journal", "Recording against plain writes, replay against memcpy",
       [](Report& report, const Effort& effort, const Arguments& arguments) {
         run_journal(report, effort, arguments.journal);
       }},
      {"catchup", "From far behind in the journal until live",
       [](Report& report, const Effort& effort, const Arguments& arguments) {
         run_catchup(report, effort, arguments.journal);
       }},
  };
  return all;
}

void declare(CLI::App& app, Arguments& arguments) {
  app.fallthrough();
  app.require_subcommand(1);
  app.add_option("--cpus", arguments.cpus, "The two CPUs to pin to, as 0,1; the first two by default")
      ->delimiter(',')
      ->expected(2);
  app.add_option("--json", arguments.json, "Write the results to this file as well, one object a line");
  app.add_option("--dir", arguments.journal.directory,
                 "Of the journal's benchmarks: a directory on the file system to measure")
      ->capture_default_str();
  app.add_option("--slices", arguments.slices, "How often each contender has its turn; 15 by default")
      ->check(CLI::PositiveNumber);
  app.add_flag("--quick", arguments.quick, "Fewer and shorter slices, and representative parameters");
  app.add_flag("--smoke", arguments.smoke, "Whether it works, and nothing about how fast")->excludes("--quick");
  app.add_flag("--no-peers", arguments.no_peers, "Ringbolt and the bare references alone");

  for (const Mode& mode : modes()) app.add_subcommand(mode.name, mode.what);
  app.get_subcommand("latency")
      ->add_option("--payload", arguments.latency.payloads, "Payload bytes, one or several as 32,64")
      ->delimiter(',')
      ->check(kWords)
      ->capture_default_str();
  app.get_subcommand("journal")
      ->add_option("--mib", arguments.journal.mebibytes, "MiB of records in each slice")
      ->check(CLI::Range(std::uint64_t{8}, std::uint64_t{4'096}))
      ->capture_default_str();
  app.add_subcommand("all", "All of these");
  CLI::App* compare =
      app.add_subcommand("compare", "What two results say differently, beyond their noise; status 1 if anything");
  compare->add_option("before", arguments.before, "A file that --json has written")->required();
  compare->add_option("after", arguments.after, "Another")->required();
}

// However a run ends.
struct DaemonsEnd {
  ~DaemonsEnd() { bench::end_daemons(); }
};

int run(const Arguments& arguments, const std::string& chosen, const std::string& command) {
  const DaemonsEnd at_the_end;
  bench::Report report(bench::look_at_machine(arguments.cpus), command);
  const bench::Effort effort = arguments.effort();
  if (effort.peers) {
    for (const std::string& peer : bench::missing_peers()) report.warn("not measured, because it is not there: " + peer);
  }
  for (const Mode& mode : modes()) {
    if (chosen == "all" || chosen == mode.name) mode.run(report, effort, arguments);
  }
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
  if (chosen == "compare") return bench::compare_results(arguments.before, arguments.after);
  return bench::run_in_scratch([&] { return run(arguments, chosen, command); });
}
