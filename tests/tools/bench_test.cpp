// `ringbolt bench`: the door to `ringbolt-bench`.
#include "command.hpp"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace ringbolt::command::test {
namespace {

namespace fs = std::filesystem;

// A copy of the command in a directory of its own, where nothing else is.
class BenchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "ringbolt-bench-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    place_ = name;
    fs::copy_file(RINGBOLT_COMMAND, place_ / "ringbolt");
  }
  void TearDown() override { fs::remove_all(place_); }

  void put_program(const fs::path& path) const {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "#!/bin/sh\nfor word in \"$@\"; do echo \"<$word>\"; done\nexit 3\n";
    fs::permissions(path, fs::perms::owner_all);
  }
  // Exit status and what was written, wherever.
  [[nodiscard]] std::pair<int, std::string> run(const std::string& words) const {
    const std::string line = "PATH=/nowhere '" + (place_ / "ringbolt").string() + "' bench " + words + " 2>&1";
    FILE* const pipe = ::popen(line.c_str(), "r");
    std::string output;
    std::array<char, 4'096> part{};
    while (std::fgets(part.data(), part.size(), pipe) != nullptr) output += part.data();
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
  }

  fs::path place_;
};

TEST_F(BenchTest, HandsOnAllThatFollows) {
  for (const char* where : {"ringbolt-bench", "bench/ringbolt-bench"}) {
    put_program(place_ / where);
    EXPECT_EQ(run("latency --payload 64 --help"), std::pair(3, std::string("<latency>\n<--payload>\n<64>\n<--help>\n")));
    EXPECT_EQ(run(""), std::pair(3, std::string("<all>\n")));
    fs::remove_all(place_ / where);
  }
}

TEST_F(BenchTest, SaysWhereTheProgramComesFromIfItIsNotThere) {
  const auto [status, output] = run("latency");
  EXPECT_EQ(status, 1);
  EXPECT_NE(output.find("./dev bench"), std::string::npos) << output;
}

}  // namespace
}  // namespace ringbolt::command::test
