// Completion in shells. The scripts are thin: they hand what was typed to `ringbolt __complete`, which answers from the same
// definitions that the command line is parsed with, and so never drifts from them.
#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/stat.hpp>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "cli.hpp"

namespace ringbolt::command {
namespace {

struct Candidates {
  std::string prefix;  // what has been typed of the word
  std::string lines;

  void add(const std::string& text, const std::string& description = {}) {
    if (text.starts_with(prefix)) lines += text + "\t" + description + "\n";
  }
};

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  const auto named = app.get_subcommands([&name](const CLI::App* sub) { return sub->get_name() == name; });
  return named.empty() ? nullptr : named.front();
}

const CLI::Option* find_option(const CLI::App& app, const std::string& word) {
  const auto named =
      app.get_options([&word](const CLI::Option* option) { return option->nonpositional() && option->check_name(word); });
  return named.empty() ? nullptr : named.front();
}

std::vector<const CLI::Option*> positionals(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

void add_rings(Candidates& candidates) try {
  for (const std::string& ring : list_rings()) candidates.add(ring, "ring");
} catch (const Error&) {  // then there are none to offer
}

void add_consumers(Candidates& candidates, const std::string& ring) try {
  for (const ConsumerStat& consumer : stat_ring(ring).consumers) {
    if (!consumer.name.empty()) candidates.add(consumer.name, "consumer, " + consumer.state);
  }
} catch (const Error&) {
}

// A value as the option's type spells it: words in lower case stand for themselves, those in capitals for what there is.
void add_values(Candidates& candidates, const std::string& type, const std::string& ring) {
  std::istringstream parts(type);
  for (std::string part; std::getline(parts, part, '|');) {
    part = part.substr(0, part.find_first_of("[,"));
    if (part == "NAME") {
      add_rings(candidates);
    } else if (part == "CONSUMER") {
      add_consumers(candidates, ring);
    } else if (part == "FILE") {
      candidates.lines += ":files\n";
    } else if (std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::islower(c) != 0; })) {
      candidates.add(part);
    }
  }
}

void add_commands(Candidates& candidates, const CLI::App& app) {
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App* any) { return !any->get_group().empty(); })) {
    candidates.add(sub->get_name(), sub->get_description());
  }
}

void add_options(Candidates& candidates, const CLI::App& app) {
  for (const CLI::Option* option : app.get_options([](const CLI::Option* any) { return any->nonpositional(); })) {
    for (const std::string& name : option->get_lnames()) candidates.add("--" + name, option->get_description());
  }
}

// What the words before the last one come to.
struct Typed {
  const CLI::Option* wants_value = nullptr;  // the option in front of the last word
  std::vector<std::string> positionals;
};
Typed read_words(const CLI::App& command, const std::vector<std::string>& words) {
  Typed typed;
  for (const std::string& word : words) {
    if (word == "=") continue;  // bash cuts `--from=earliest` in three
    if (typed.wants_value != nullptr) {
      typed.wants_value = nullptr;
    } else if (word.starts_with('-')) {
      const CLI::Option* option = find_option(command, word);
      if (option != nullptr && takes_value(*option)) typed.wants_value = option;
    } else {
      typed.positionals.push_back(word);
    }
  }
  return typed;
}

constexpr const char* kBash = R"(# Completion of ringbolt for bash. Put `source <(ringbolt completion bash)` into ~/.bashrc.
_ringbolt() {
  local line word=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  [[ $word == = ]] && word=
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o default 2>/dev/null
    else
      COMPREPLY+=("${line%%$'\t'*}")
    fi
  done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$word" 2>/dev/null)
}
complete -F _ringbolt ringbolt
)";

constexpr const char* kZsh = R"(#compdef ringbolt
# Completion of ringbolt for zsh. Put `source <(ringbolt completion zsh)` into ~/.zshrc behind `compinit`, or this text into
# a file `_ringbolt` in a directory of $fpath.
_ringbolt() {
  local line files=0
  local -a candidates
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      files=1
    else
      candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    fi
  done < <("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( ${#candidates} )) && _describe ringbolt candidates
  (( files )) && _files
}
if [[ ${funcstack[1]} == _ringbolt ]]; then
  _ringbolt "$@"
else
  compdef _ringbolt ringbolt
fi
)";

constexpr const char* kFish =
    R"(# Completion of ringbolt for fish. Put this text into ~/.config/fish/completions/ringbolt.fish.
function __ringbolt_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c ringbolt -f -a '(__ringbolt_complete)'
)";

}  // namespace

std::string complete(const CLI::App& app, const std::vector<std::string>& words) {
  Candidates candidates{.prefix = words.empty() ? "" : words.back(), .lines = {}};
  const CLI::App* command = words.size() < 2 ? nullptr : find_command(app, words.front());
  if (command == nullptr) {
    if (words.size() > 1) return {};
    if (candidates.prefix.starts_with('-')) {
      add_options(candidates, app);
    } else {
      add_commands(candidates, app);
    }
    return candidates.lines;
  }
  const Typed typed = read_words(*command, {words.begin() + 1, words.end() - 1});
  const std::string ring = typed.positionals.empty() ? "" : typed.positionals.front();
  if (typed.wants_value != nullptr) {
    add_values(candidates, typed.wants_value->get_type_name(), ring);
  } else if (candidates.prefix.starts_with('-')) {
    add_options(candidates, *command);
  } else if (const auto places = positionals(*command); typed.positionals.size() < places.size()) {
    const CLI::Option& place = *places[typed.positionals.size()];
    add_values(candidates, place.get_name(true, false) + "|" + place.get_type_name(), ring);
  }
  return candidates.lines;
}

std::string completion_script(const std::string& shell) {
  if (shell == "bash") return kBash;
  return shell == "zsh" ? kZsh : kFish;
}

}  // namespace ringbolt::command
