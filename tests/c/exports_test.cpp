// What libringbolt.so shows to a program that loads it, and what its header asks for.
#include <ringbolt/ringbolt.h>

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "library.hpp"

namespace ringbolt::c {
namespace {

std::set<std::string> words(const std::string& text, const std::string& pattern) {
  std::set<std::string> found;
  const std::regex expression(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), expression); at != std::sregex_iterator(); ++at)
    found.insert((*at)[1]);
  return found;
}

std::string content_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST(CExports, AreTheHeadersFunctionsAndNothingElse) {
  const std::string header = content_of(RINGBOLT_SOURCE_DIR "/bindings/c/ringbolt.h");
  const std::set<std::string> declared = words(header, R"(RINGBOLT_API [a-z0-9_ *]*?\b(ringbolt_\w+)\()");
  const std::string symbols = output_of("nm -D --defined-only '" RINGBOLT_C_LIBRARY "'");
  const std::set<std::string> exported = words(symbols, R"( T ([^\s@]+)@@RINGBOLT_0\n)");
  EXPECT_GE(declared.size(), 39U);
  EXPECT_EQ(declared, exported);
  EXPECT_EQ(words(symbols, R"( [^A] ([^\s@]+)(?:@|\n))"), exported) << "something without a version, or of C++, is shown";
}

TEST(CExports, NeedNothingButTheSystem) {
  const std::string needed = output_of("readelf -d '" RINGBOLT_C_LIBRARY "'");
  for (const std::string& library : words(needed, R"(NEEDED\)\s+Shared library: \[([^\]]+)\])")) {
    EXPECT_TRUE(library.starts_with("libc.") || library.starts_with("libm.") || library.starts_with("libstdc++.") ||
                library.starts_with("libgcc_s.") || library.starts_with("libisal.") || library.starts_with("ld-linux"))
        << library;
  }
}

}  // namespace
}  // namespace ringbolt::c
