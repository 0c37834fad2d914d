// The project's own text, for tests that hold it to its habits.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt::house {

struct Source {
  std::string path;  // from the root of the project
  std::vector<std::string> lines;
};

inline std::filesystem::path root() { return RINGBOLT_SOURCE_DIR; }

inline Source read_source(const std::string& path) {
  Source source{path, {}};
  std::ifstream in(root() / path);
  for (std::string line; std::getline(in, line);) source.lines.push_back(line);
  return source;
}

// The C and C++ files in a folder and below it, sorted; none if there is no such folder.
inline std::vector<Source> sources_in(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code missing;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root() / folder, missing)) {
    const std::string extension = entry.path().extension();
    if (extension != ".hpp" && extension != ".cpp" && extension != ".h" && extension != ".c") continue;
    paths.push_back(std::filesystem::relative(entry.path(), root()));
  }
  std::ranges::sort(paths);
  std::vector<Source> sources;
  sources.reserve(paths.size());
  for (const std::string& path : paths) sources.push_back(read_source(path));
  return sources;
}

// What git keeps; without git or outside a clone, every file that is not hidden and not in a build tree.
inline std::vector<std::string> tracked_files() {
  std::vector<std::string> paths;
  const std::string command = "git -c safe.directory='*' -C '" + root().string() + "' ls-files 2>/dev/null";
  if (FILE* git = ::popen(command.c_str(), "r"); git != nullptr) {
    std::array<char, 4096> line{};
    while (std::fgets(line.data(), line.size(), git) != nullptr) {
      std::string path(line.data());
      if (!path.empty() && path.back() == '\n') path.pop_back();
      paths.push_back(path);
    }
    if (::pclose(git) == 0 && !paths.empty()) return paths;
  }
  paths.clear();
  for (auto it = std::filesystem::recursive_directory_iterator(root()); it != std::filesystem::end(it); ++it) {
    const std::string name = it->path().filename();
    if (name.starts_with('.') || name.starts_with("build")) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file()) {
      paths.push_back(std::filesystem::relative(it->path(), root()));
    }
  }
  return paths;
}

// Where, for people.
inline std::string at(const Source& source, std::size_t line) { return source.path + ":" + std::to_string(line + 1); }

// The comment of a line, without its slashes; empty if there is none. No string literal of this project holds `//` in front
// of a comment that matters here.
inline std::string_view comment_of(std::string_view line) {
  const std::size_t slashes = line.find("//");
  return slashes == std::string_view::npos ? std::string_view{} : line.substr(slashes + 2);
}
inline bool is_only_comment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(' ');
  return first != std::string_view::npos && line.substr(first).starts_with("//");
}

}  // namespace ringbolt::house
