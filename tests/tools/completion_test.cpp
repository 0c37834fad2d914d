// `ringbolt completion`: each script in its own shell, and the answers that all of them are given.
#include "command.hpp"

#include <algorithm>
#include <set>

namespace ringbolt::command::test {
namespace {

class CompletionTest : public CommandTest {
 protected:
  void SetUp() override {
    box.run_ok({"pub", "orders"}, "x\n");
    box.run_ok({"pub", "prices"}, "x\n");
    box.run_ok({"tail", "orders", "--as", "billing", "--no-follow"});
    box.run_ok({"tail", "orders", "--as", "audit", "--no-follow"});
  }

  // What is offered for the last of `words`.
  std::set<std::string> offered(Arguments words) {
    words.insert(words.begin(), "__complete");
    std::set<std::string> candidates;
    for (const std::string& line : lines_of(box.run_ok(words))) candidates.insert(line.substr(0, line.find('\t')));
    return candidates;
  }

  [[nodiscard]] bool has(const std::string& shell) const {
    return box.run({"-c", "command -v " + shell + " > /dev/null"}, "", {.program = {"sh"}}).status == 0;
  }

  // Runs a script in a shell in which `ringbolt` is the command, and compares its lines.
  void expect_lines(const std::vector<std::string>& shell, const std::string& script,
                    const std::set<std::string>& expected) {
    const Result result = box.run({script}, "", {.program = shell});
    const auto lines = lines_of(result.out);
    EXPECT_EQ(std::set<std::string>(lines.begin(), lines.end()), expected) << result.err;
  }
};

using Names = std::set<std::string>;

TEST_F(CompletionTest, OffersCommandsAndOptions) {
  EXPECT_EQ(offered({"st"}), Names{"stat"});
  EXPECT_EQ(offered({"c"}), (Names{"create", "completion"}));
  EXPECT_EQ(offered({"tail", "orders", "--no"}), Names{"--no-follow"});
  EXPECT_TRUE(offered({"create", "x", "--"}).contains("--capacity"));
  EXPECT_EQ(offered({"nonsense", ""}), Names{});
}

TEST_F(CompletionTest, OffersWhatThereIs) {
  EXPECT_EQ(offered({"tail", ""}), (Names{"orders", "prices"}));
  EXPECT_EQ(offered({"tail", "--policy", "gate", "p"}), Names{"prices"});
  EXPECT_EQ(offered({"evict", "orders", ""}), (Names{"audit", "billing"}));
  EXPECT_EQ(offered({"evict", "prices", ""}), Names{});
  EXPECT_EQ(offered({"tail", "orders", "--json", "--as", "b"}), Names{"billing"});
  EXPECT_EQ(offered({"tail", "orders", "--after", ""}), (Names{"audit", "billing"}));
  EXPECT_EQ(offered({"pub", "orders", ""}), Names{":files"});
}

TEST_F(CompletionTest, OffersTheValuesThatAnOptionTakes) {
  EXPECT_EQ(offered({"tail", "orders", "--policy", ""}), (Names{"gate", "journal", "lossy", "latest"}));
  EXPECT_EQ(offered({"tail", "--from", "e"}), Names{"earliest"});
  EXPECT_EQ(offered({"tail", "--from", "=", "e"}), Names{"earliest"});  // as bash cuts it
  EXPECT_EQ(offered({"create", "x", "--timestamps", ""}), (Names{"on", "off"}));
  EXPECT_EQ(offered({"completion", ""}), (Names{"bash", "zsh", "fish"}));
  EXPECT_EQ(offered({"tail", "--count", ""}), Names{});
}

TEST_F(CompletionTest, WorksInBash) {
  if (!has("bash")) GTEST_SKIP() << "bash is not installed";
  const std::string source = "source <(\"$RINGBOLT\" completion bash); ";
  const std::string ask = "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ringbolt; printf '%s\\n' \"${COMPREPLY[@]}\"";
  const std::vector<std::string> shell{"bash", "--norc", "-c"};
  expect_lines(shell, source + "COMP_WORDS=(\"$RINGBOLT\" tail o); " + ask, {"orders"});
  expect_lines(shell, source + "COMP_WORDS=(\"$RINGBOLT\" forget orders ''); " + ask, {"audit", "billing"});
  expect_lines(shell, source + "COMP_WORDS=(\"$RINGBOLT\" tail orders --from =); " + ask, {"earliest", "latest", "resume"});
  expect_lines(shell, source + "complete -p ringbolt", {"complete -F _ringbolt ringbolt"});
}

TEST_F(CompletionTest, WorksInZsh) {
  if (!has("zsh")) GTEST_SKIP() << "zsh is not installed";
  // What the completion system would be told.
  const std::string stubs =
      "compdef() { print -r -- compdef $*; }; _files() { print -r -- files; }; _describe() { print -rl -- \"${(@P)2}\"; }; ";
  const std::string source = stubs + "source <(\"$RINGBOLT\" completion zsh); ";
  const std::vector<std::string> shell{"zsh", "-f", "-c"};
  const auto asking = [&](const std::string& words) {
    return source + "words=(\"$RINGBOLT\" " + words + "); CURRENT=${#words}; _ringbolt";
  };
  expect_lines(shell, asking("tail o"), {"compdef _ringbolt ringbolt", "orders:ring"});
  expect_lines(shell, asking("forget orders ''"),
               {"compdef _ringbolt ringbolt", "audit:consumer, away", "billing:consumer, away"});
  expect_lines(shell, asking("pub orders ''"), {"compdef _ringbolt ringbolt", "files"});
}

TEST_F(CompletionTest, WorksInFish) {
  if (!has("fish")) GTEST_SKIP() << "fish is not installed";
  const std::string source = "function ringbolt; command $RINGBOLT $argv; end; $RINGBOLT completion fish | source; ";
  const std::vector<std::string> shell{"fish", "--no-config", "-c"};
  expect_lines(shell, source + "complete -C 'ringbolt tail o'", {"orders\tring"});
  expect_lines(shell, source + "complete -C 'ringbolt forget orders '",
               {"audit\tconsumer, away", "billing\tconsumer, away"});
  expect_lines(shell, source + "complete -C 'ringbolt completion z'", {"zsh"});
}

}  // namespace
}  // namespace ringbolt::command::test
