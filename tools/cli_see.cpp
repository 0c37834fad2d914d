// The definitions of the commands that look at rings.
#include "cli_define.hpp"

namespace ringbolt::command {
namespace {

void define_stat(CLI::App& app, Parsed& parsed) {
  const Definition<StatCommand> definition(app, parsed, "stat",
                                           "ringbolt stat orders\n"
                                           "ringbolt stat orders --watch 5 --json | jq .events_per_s",
                                           "Show a ring, its publisher and its consumers", stat);
  StatCommand& command = definition.command();
  add_ring(definition.app(), command.ring);
  add_parsed(
      definition.app(), "-w,--watch", "[SECONDS]",
      [](const std::string& text) { return parse_seconds(text.empty() ? "1" : text); },
      [&command](std::chrono::nanoseconds interval) { command.watch = interval; },
      "Write a line each second, or after so many, until the ring is removed")
      ->expected(0, 1)
      ->allow_extra_args(false);
  definition.app().add_flag("--json", command.json, "Write one JSON object; with --watch one a line");
}

void define_top(CLI::App& app, Parsed& parsed) {
  const Definition<TopCommand> definition(app, parsed, "top",
                                          "ringbolt top\n"
                                          "ringbolt top orders payments",
                                          "Watch rings and their consumers live, on a terminal", top);
  definition.app()
      .add_option("NAME", definition.command().rings, "The rings; all in the directory unless said")
      ->type_name("");
}

void define_ls(CLI::App& app, Parsed& parsed) {
  const Definition<LsCommand> definition(app, parsed, "ls",
                                         "ringbolt ls\n"
                                         "RINGBOLT_DIR=/dev/shm/shared ringbolt ls --json",
                                         "List the rings", ls);
  definition.app().add_flag("--json", definition.command().json, "Write a JSON object for each ring, one a line");
}

void define_doctor(CLI::App& app, Parsed& parsed) {
  const Definition<DoctorCommand> definition(app, parsed, "doctor",
                                             "ringbolt doctor\n"
                                             "ringbolt doctor orders --fix",
                                             "Find what is wrong with rings, journals and the machine, and what to do",
                                             doctor);
  CLI::App& sub = definition.app();
  DoctorCommand& command = definition.command();
  sub.add_option("NAME", command.ring, "The ring; unless said all in the directory, and the machine")->type_name("");
  sub.add_flag("--fix", command.fix,
               "Do what cannot hurt: release gates of the dead, remove half-made rings, restore modes");
  sub.add_option("--root", command.root, "Look at the machine's proc, sys and etc below this directory; / unless said")
      ->type_name("DIR");
  sub.add_flag("--json", command.json, "Write a JSON object for each finding, one a line");
}

void define_metrics(CLI::App& app, Parsed& parsed) {
  const Definition<MetricsCommand> definition(app, parsed, "metrics",
                                              "ringbolt metrics --listen 127.0.0.1:9464\n"
                                              "ringbolt metrics orders prices --once > ringbolt.prom",
                                              "Serve what stat shows to Prometheus", metrics);
  MetricsCommand& command = definition.command();
  definition.app().add_option("NAME", command.rings, "The rings; all that there are unless said")->type_name("");
  add_parsed(
      definition.app(), "--listen", "ADDRESS:PORT", parse_listen,
      [&command](std::string listen) { command.listen = std::move(listen); },
      "Where to serve /metrics; 127.0.0.1:9464 unless said, port 0: one that is free");
  definition.app().add_flag("--once", command.once, "Write them to standard output instead, and end");
}

}  // namespace

void define_see_commands(CLI::App& app, Parsed& parsed) {
  define_stat(app, parsed);
  define_top(app, parsed);
  define_doctor(app, parsed);
  define_metrics(app, parsed);
  define_ls(app, parsed);
}

}  // namespace ringbolt::command
