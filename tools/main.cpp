// The command `ringbolt`. Standard output is data, standard error is for people; the exit status is one of `Exit`.
//
// Where to look: `cli.cpp` has every option, `cmd_*.cpp` what each command does, `json.cpp` every key that it writes.
#include <algorithm>
#include <csignal>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "cli.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(sub->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// What was probably meant by a command or an option that does not exist; empty if nothing is near.
std::string meant(const CLI::App& app, const CLI::App& sub, const std::vector<std::string>& words) {
  if (&sub == &app) return words.empty() ? "" : closest(words.front(), command_names(app));
  for (const std::string& word : sub.remaining()) {
    if (std::string near = closest(word, option_names(sub)); !near.empty()) return near;
  }
  return {};
}

Exit usage_error(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& words) {
  const auto chosen = app.get_subcommands();
  const CLI::App& sub = chosen.empty() ? app : *chosen.front();
  const std::string help = chosen.empty() ? "ringbolt --help" : "ringbolt " + sub.get_name() + " --help";
  if (words.empty()) {
    write_line(app.help());
    return kUsage;
  }
  if (chosen.empty() && !words.front().starts_with('-')) {
    say("there is no command '{}'; see `{}`", printable(words.front()), help);
  } else if (const auto extra = sub.remaining(); !extra.empty()) {
    const auto option =
        std::find_if(extra.begin(), extra.end(), [](const std::string& word) { return word.starts_with('-'); });
    say("`ringbolt {}` does not take '{}'; see `{}`", sub.get_name(),
        printable(option == extra.end() ? extra.back() : *option), help);
  } else {
    say("{}; see `{}`", error.what(), help);
  }
  if (const std::string near = meant(app, sub, words); !near.empty()) say("did you mean '{}'?", near);
  return kUsage;
}

// Runs what was parsed; whatever goes wrong becomes a sentence and an exit status.
int run(const Parsed& parsed) {
  try {
    return parsed.run ? parsed.run() : kDone;
  } catch (const Error& error) {
    return report(error, parsed.ring, parsed.consumer);
  } catch (const Failure& failure) {
    say("{}", failure.what());
    return failure.status;
  } catch (const std::exception& error) {
    say("{}", error.what());
    return kNotSo;
  }
}

int main_with(const std::vector<std::string>& words) {
  CLI::App app;
  Parsed parsed;
  define_commands(app, parsed);
  if (!words.empty() && words.front() == "__complete") {
    print(complete(app, {words.begin() + 1, words.end()}));
    return kDone;
  }
  if (!words.empty() && words.front() == "__man") {
    const std::string page = manual_page(app, words.size() > 1 ? words[1] : "");
    print(page);
    return page.empty() ? kNotFound : kDone;
  }
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // it takes them last first
  } catch (const CLI::RuntimeError& status) {
    return status.get_exit_code();
  } catch (const CLI::CallForVersion& version) {
    print(std::string(version.what()) + "\n");
    return kDone;
  } catch (const CLI::Success&) {
    print(app.help());
    return kDone;
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, words);
  }
  const int status = run(parsed);
  die_if_stopped();
  return status;
}

}  // namespace
}  // namespace ringbolt::command

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has had enough is an answer of `write`, not an accident
  try {
    return ringbolt::command::main_with({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& error) {
    ringbolt::command::say("{}", error.what());
    return ringbolt::command::kNotSo;
  }
}
