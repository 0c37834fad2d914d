// The command line: how commands and options are spelt, what `--help` says about them. Everything else about options is
// derived from these definitions: help, completion, the manual, and the test that holds `docs/cli.md` against them.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

#include "failure.hpp"

namespace ringbolt::command {

// What a command line came to.
struct Parsed {
  std::function<Exit()> run;  // empty: everything is done already
  std::string ring;           // the names that were typed, for suggestions
  std::string consumer;
};

// Defines all commands. Parsing with `app` then fills in `parsed`, which outlives it.
void define_commands(CLI::App& app, Parsed& parsed);

// One `candidate<TAB>description` a line for the last of `words`, which are what was typed behind the command's name; the
// line `:files` asks the shell for names of files. The scripts of `ringbolt completion` call it as `ringbolt __complete`.
[[nodiscard]] std::string complete(const CLI::App& app, const std::vector<std::string>& words);

// What a shell reads to complete the command: `bash`, `zsh` or `fish`.
[[nodiscard]] std::string completion_script(const std::string& shell);

// A page of the manual, as man(1) reads it: of that command, or without a name of all of them. Empty if there is no such command.
[[nodiscard]] std::string manual_page(const CLI::App& app, const std::string& command);

}  // namespace ringbolt::command
