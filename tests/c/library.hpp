// The shared library as a file, for tests of what it shows.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <regex>
#include <string>

namespace ringbolt::c {

inline std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string output;
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof(buffer), pipe.get())) output.append(buffer, got);
  return output;
}

// What it exports, as NAME@VERSION, and of which kind each is: T for a function.
inline std::map<std::string, std::string> versioned_symbols() {
  static const std::regex versioned(R"( ([A-Z]) ([^\s@]+)@@?([^\s@]+)\n)");
  const std::string symbols = output_of("nm -D --defined-only '" RINGBOLT_C_LIBRARY "'");
  std::map<std::string, std::string> found;
  for (std::sregex_iterator at(symbols.begin(), symbols.end(), versioned), end; at != end; ++at)
    found[(*at)[2].str() + "@" + (*at)[3].str()] = (*at)[1];
  return found;
}

}  // namespace ringbolt::c
