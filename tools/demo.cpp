#include "demo.hpp"

#include <CLI/CLI.hpp>

#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "demo_story.hpp"
#include "failure.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "terminal.hpp"

namespace ringbolt::command {
namespace {

struct Options {
  std::optional<std::string> file;
  double seconds = 30;
  bool json = false;
  std::string cheat{};
};

// Shared with every process that is forked later; zero at first.
demo::Board& make_board() {
  void* memory = ::mmap(nullptr, sizeof(demo::Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Error(Code::no_space, "cannot get a page of memory for the demo", errno);
  return *new (memory) demo::Board{};  // lives as long as the process
}

Exit run(const Options& options) {
  const demo::Plan plan(demo::load_log(options.file), options.seconds);
  if (!plan.log().note.empty()) say("{}", plan.log().note);
  demo::Board& board = make_board();
  catch_signals();
  demo::Screen screen(options.json);
  bool complete = false;
  demo::Facts facts;
  {
    const demo::Place place;
    demo::Story story(plan, board, place, screen, demo::cheat_named(options.cheat));
    complete = story.run();
    facts = story.facts();
  }
  screen.leave();
  if (!complete) {
    say("interrupted; the ring and all processes of the demo are gone");
    die_if_stopped();
    return kNotSo;
  }
  const demo::Verdict verdict = demo::judge(facts, plan);
  print(options.json ? demo::verdict_json(verdict, facts, plan) : demo::verdict_text(verdict, facts, plan));
  return verdict.ok() ? kDone : kNotSo;
}

Exit run_and_report(const Options& options) {
  try {
    return run(options);
  } catch (const Error& error) {
    return report(error, "", "");
  } catch (const Failure& failure) {
    say("{}", failure.what());
    return failure.status;
  }
}

}  // namespace

void add_demo(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* demo =
      app.add_subcommand("demo", "Show the main job, live: publish a log, kill processes, and judge the outcome");
  demo->footer("ringbolt demo\nringbolt demo --file /var/log/syslog --seconds 60");
  demo->add_option("--file", options->file, "Event log to publish; /var/log/dpkg.log, or a sample that ships")
      ->type_name("LOG");
  demo->add_option("--seconds", options->seconds, "How long it takes, about; 30, and from 3 to 3600")
      ->type_name("N")
      ->check(CLI::Range(3.0, 3600.0).description(""));
  demo->add_flag("--json", options->json, "Print the verdict as one object; what happens goes to standard error");
  demo->add_option("--cheat", options->cheat, "Break a promise on purpose, to see that the verdict notices")
      ->type_name("drop|repeat|hide|tear|skip")
      ->check(CLI::IsMember({"drop", "repeat", "hide", "tear", "skip"}).description(""));
  demo->callback([options] {
    if (const Exit status = run_and_report(*options); status != kDone) throw CLI::RuntimeError(status);
  });
}

}  // namespace ringbolt::command
