// Pages of the manual, from the same definitions that the command line is parsed with and that `--help` shows, in the macros of
// man(7). `cmake/documents.cmake` writes them while building; `ringbolt __man` is not for people.
#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>
#include <utility>

#include "cli.hpp"

namespace ringbolt::command {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 5> kExits{{
    {"0", "Done."},
    {"1", "Looked, and the answer is no: in use, not allowed, no space, damaged, input or output failed."},
    {"2", "The command line makes no sense, or a name or value in it cannot be."},
    {"3", "No such ring, consumer, journal or file; or the ring was removed."},
    {"4", "Time-out."},
}};
constexpr std::array<std::pair<const char*, const char*>, 2> kVariables{{
    {"RINGBOLT_DIR", "The directory that rings are in; /dev/shm/ringbolt-UID if not set."},
    {"NO_COLOR", "If set to anything, nothing is coloured."},
}};

// As it is: nothing in it is a request of roff, and no character is made prettier than what one has to type.
std::string literal(const std::string& text) {
  std::string escaped;
  if (text.starts_with('.')) escaped = "\\&";
  for (const char c : text) {
    switch (c) {
      case '\\': escaped += "\\e"; break;
      case '-': escaped += "\\-"; break;
      case '\'': escaped += "\\(aq"; break;
      case '`': escaped += "\\(ga"; break;
      case '^': escaped += "\\(ha"; break;
      case '~': escaped += "\\(ti"; break;
      default: escaped += c;
    }
  }
  return escaped;
}
std::string bold(const std::string& text) { return "\\fB" + literal(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + literal(text) + "\\fR"; }
std::string item(const std::string& term, const std::string& text) { return ".TP\n" + term + "\n" + literal(text) + "\n"; }
std::string sentence(std::string text) {
  if (!text.ends_with('.')) text += '.';
  return text;
}
std::string page_name(const CLI::App& command) { return "ringbolt-" + command.get_name(); }

std::vector<const CLI::App*> listed_commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* any) { return !any->get_group().empty(); });
}
std::vector<const CLI::Option*> positionals(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

// `NAME`, `[FILE]`, `IN...`; of an option `--socket PATH`.
std::string usage(const CLI::Option& option) {
  std::string text =
      option.get_positional() ? italic(option.get_name(true, false)) : bold("--" + option.get_lnames().front());
  if (!option.get_positional() && !option.get_type_name().empty()) text += " " + italic(option.get_type_name());
  if (option.get_positional() && option.get_expected_max() > 1) text += "...";
  return option.get_required() ? text : "[" + text + "]";
}

std::string synopsis(const CLI::App& app) {
  std::string text = bold("ringbolt " + app.get_name());
  for (const CLI::Option* place : positionals(app)) text += " " + usage(*place);
  for (const CLI::Option* option : app.get_options([](const CLI::Option* any) { return any->nonpositional(); })) {
    if (option->get_required()) text += " " + usage(*option);
  }
  return text + " [" + italic("OPTION") + "]...\n";
}

std::string option_term(const CLI::Option& option) {
  std::string term;
  for (const std::string& name : option.get_snames()) term += bold("-" + name) + ", ";
  for (const std::string& name : option.get_lnames()) term += bold("--" + name) + ", ";
  term.resize(term.size() - 2);
  if (!option.get_type_name().empty()) term += " " + italic(option.get_type_name());
  return term;
}

// Under the headings that `--help` has; "Options" is everything without one.
std::string options_text(const CLI::App& app) {
  std::string text = ".SH OPTIONS\n";
  std::vector<std::string> groups{"Options"};
  const auto options = app.get_options([](const CLI::Option* any) { return any->nonpositional(); });
  for (const CLI::Option* option : options) {
    if (std::ranges::find(groups, option->get_group()) == groups.end()) groups.push_back(option->get_group());
  }
  for (const std::string& group : groups) {
    if (group.empty()) continue;
    if (group != "Options") text += ".SS " + literal(group) + "\n";
    for (const CLI::Option* option : options) {
      if (option->get_group() == group) text += item(option_term(*option), sentence(option->get_description()));
    }
  }
  return text;
}

std::string examples_text(const CLI::App& app) {
  std::string text = ".SH EXAMPLES\n.EX\n";
  std::istringstream examples(app.get_footer());
  for (std::string line; std::getline(examples, line);) text += literal(line) + "\n";
  return text + ".EE\n";
}

std::string heading(std::string name, std::string title) {
  std::string upper = name;
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  title.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(title.front())));
  return ".TH " + literal(upper) + " 1 \"\" \"ringbolt " RINGBOLT_VERSION "\" \"Ringbolt\"\n.SH NAME\n" + literal(name) +
         " \\- " + literal(title) + "\n.SH SYNOPSIS\n";
}

std::string command_page(const CLI::App& app) {
  std::string text = heading(page_name(app), app.get_description()) + synopsis(app);
  text += ".SH DESCRIPTION\n" + literal(sentence(app.get_description())) + "\n";
  for (const CLI::Option* place : positionals(app)) {
    text += item(italic(place->get_name(true, false)), sentence(place->get_description()));
  }
  return text + options_text(app) + examples_text(app) + ".SH SEE ALSO\n" + bold("ringbolt") + "(1)\n";
}

std::string overview_page(const CLI::App& app) {
  std::string text = heading("ringbolt", "an event ring in shared memory") + bold("ringbolt") + " " + italic("COMMAND") +
                     " [" + italic("ARGUMENT") + "]...\n.SH DESCRIPTION\n" + literal(app.get_description()) +
                     "\n.PP\nEach command has a page of its own, and says its options with \\fB\\-\\-help\\fR.\n"
                     ".SH COMMANDS\n";
  for (const CLI::App* command : listed_commands(app)) {
    text += item(bold("ringbolt " + command->get_name()), sentence(command->get_description()));
  }
  text += options_text(app) + examples_text(app) + ".SH EXIT STATUS\n";
  for (const auto& [status, meaning] : kExits) text += item(status, meaning);
  text += ".SH ENVIRONMENT\n";
  for (const auto& [name, meaning] : kVariables) text += item(bold(name), meaning);
  text += ".SH SEE ALSO\n";
  std::string separator;
  for (const CLI::App* command : listed_commands(app)) {
    text += std::exchange(separator, ",\n") + bold(page_name(*command)) + "(1)";
  }
  return text + "\n";
}

}  // namespace

std::string manual_page(const CLI::App& app, const std::string& command) {
  if (command.empty()) return overview_page(app);
  for (const CLI::App* listed : listed_commands(app)) {
    if (listed->get_name() == command) return command_page(*listed);
  }
  return {};
}

}  // namespace ringbolt::command
