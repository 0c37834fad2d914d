// `ringbolt bench`: the door to the program that measures, which is one of its own because it has to know the peers.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "commands.hpp"

namespace ringbolt::command {
namespace {

constexpr const char* kProgram = "ringbolt-bench";

// Beside this command, or where the build leaves it; otherwise as the shell would find it.
std::string program() {
  std::error_code missing;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", missing).parent_path();
  for (const std::filesystem::path& path : {here / kProgram, here / "bench" / kProgram}) {
    if (::access(path.c_str(), X_OK) == 0 && !std::filesystem::is_directory(path, missing)) return path;
  }
  return kProgram;
}

}  // namespace

Exit bench(const BenchCommand& command) {
  std::vector<std::string> words{program()};
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  if (words.size() == 1) words.emplace_back("all");
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execvp(pointers.front(), pointers.data());
  const int error = errno;
  throw Failure(kNotSo, std::string("cannot run ") + kProgram + ": " + std::strerror(error) +
                            (error == ENOENT ? ": it comes with the source, where `./dev bench` builds and runs it" : ""));
}

}  // namespace ringbolt::command
