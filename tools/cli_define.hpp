// What the definitions of commands are made of. For `cli.cpp`, `cli_journal.cpp` and `cli_see.cpp` alone.
#pragma once

#include <CLI/CLI.hpp>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "cli.hpp"
#include "commands.hpp"
#include "units.hpp"

namespace ringbolt::command {

// An option whose text is read by `parse`; what that says becomes a usage error that names the option.
template <class Parse, class Store>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, const char* type, Parse parse, Store store,
                        const std::string& description) {
  const auto read = [name, parse, store](const std::string& text) {
    try {
      store(parse(text));
    } catch (const BadValue& bad) {
      throw CLI::ValidationError(name, bad.what());
    }
  };
  return app.add_option_function<std::string>(name, read, description)->type_name(type);
}

// An option that takes a whole number from `least` to what `Number` holds, or to `most`.
template <class Number>
CLI::Option* add_number(CLI::App& app, const std::string& name, Number& number, std::uint64_t least,
                        const std::string& description, Number most = std::numeric_limits<Number>::max()) {
  return add_parsed(
      app, name, "N",
      [least, most](const std::string& text) { return parse_number(text, least, static_cast<std::uint64_t>(most)); },
      [&number](std::uint64_t value) { number = static_cast<Number>(value); }, description);
}

inline void add_ring(CLI::App& app, std::string& ring) {
  app.add_option("NAME", ring, "The ring: a name, or with a slash a path")->required()->type_name("");
}

inline void add_consumer(CLI::App& app, std::string& consumer) {
  app.add_option("CONSUMER", consumer, "The consumer's name")->required()->type_name("");
}

// Command `name`, run by `function` with a `Command` that its options have filled in.
template <class Command>
class Definition {
 public:
  Definition(CLI::App& app, Parsed& parsed, const char* name, const char* examples, const char* description,
             Exit (*function)(const Command&))
      : app_(app.add_subcommand(name, description)), command_(std::make_shared<Command>()) {
    app_->footer(examples);
    app_->callback([&parsed, function, command = command_] {
      parsed.run = [function, command] { return function(*command); };
      if constexpr (requires { command->ring; }) parsed.ring = command->ring;
      if constexpr (requires { command->consumer; }) parsed.consumer = command->consumer;
    });
  }
  [[nodiscard]] CLI::App& app() const { return *app_; }
  [[nodiscard]] Command& command() const { return *command_; }

 private:
  CLI::App* app_;
  std::shared_ptr<Command> command_;
};

// How a new ring gets its journal; `create` and `pub` take the same.
void add_journal_options(CLI::App& app, JournalOptions& options);
// The forms in which events are written; `tail` and `replay` take the same.
void add_event_formats(CLI::App& app, TailFormat& format);
// The commands that work on a journal.
void define_journal_commands(CLI::App& app, Parsed& parsed);
// Those that look at rings: `stat`, `top`, `ls`, `doctor`.
void define_see_commands(CLI::App& app, Parsed& parsed);

}  // namespace ringbolt::command
