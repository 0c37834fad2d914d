// System calls go through one seam, so that a test can fail any of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <regex>

#include "sources.hpp"

namespace ringbolt::house {
namespace {

// What asks the kernel for nothing that could fail, or is no system call at all.
constexpr std::array kNoSeam{"getpid",      "geteuid",     "strerror",   "strnlen",       "sysconf",
                             "sched_yield", "crc32_iscsi", "getgrnam_r", "clock_gettime", "pthread_setname_np",
                             "getpwnam_r"};

// `::name(` in the global namespace, in code and not in a comment. Names of more than one part are somebody's own.
std::vector<std::string> raw_calls(const std::string& line) {
  static const std::regex call(R"((^|[^A-Za-z0-9_:>.~])::([a-z_0-9]+)\()");
  std::vector<std::string> names;
  const std::string code = line.substr(0, line.find("//"));
  for (std::sregex_iterator it(code.begin(), code.end(), call), end; it != end; ++it) names.push_back((*it)[2]);
  return names;
}

TEST(SystemCalls, OfTheLibraryGoThroughTheSeam) {
  std::size_t looked_at = 0;
  for (const std::string folder : {"core", "ipc"}) {
    for (const Source& source : sources_in(folder)) {
      if (source.path == "ipc/system.hpp") continue;
      ++looked_at;
      for (std::size_t i = 0; i < source.lines.size(); ++i) {
        for (const std::string& name : raw_calls(source.lines[i])) {
          EXPECT_NE(std::ranges::find(kNoSeam, name), kNoSeam.end()) << at(source, i) << " calls ::" << name << " itself";
        }
        EXPECT_EQ(source.lines[i].find("std::thread("), std::string::npos) << at(source, i) << ": sys::start_thread";
      }
    }
  }
  EXPECT_GT(looked_at, 50U);
}

TEST(SystemCalls, AreToldFromOtherNames) {
  EXPECT_EQ(raw_calls("  if (::open(path) != 0 && ::unlinkat(fd, name, 0)) {"),
            (std::vector<std::string>{"open", "unlinkat"}));
  EXPECT_TRUE(raw_calls("  return sys::open(path) + std::move(x) + Error::of(3);  // as ::open( does").empty());
}

}  // namespace
}  // namespace ringbolt::house
