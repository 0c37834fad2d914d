// Makes the mutated copy of the library, at build time: each file as it is, but at the place of each row of `table.hpp` the
// question whether that mutant is on. What the compiler says of a copy names the line of the original.
//
//   make_mutants SOURCE-DIRECTORY OUTPUT-DIRECTORY FILE...
//
// A row whose snippet is not in its file exactly once, or that overlaps another one, is an error.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "table.hpp"

namespace ringbolt::mutants {
namespace {

constexpr std::string_view kOpen = "«";
constexpr std::string_view kClose = "»";

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "make_mutants: %s\n", why.c_str());
  std::exit(1);
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

// Only if it differs, so that what did not change is not compiled again.
void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  if (std::filesystem::exists(path) && read(path) == text) return;
  std::ofstream out(path, std::ios::binary);
  out << text;
  if (!out.flush()) fail("cannot write " + path.string());
}

// The part of a file that a row replaces.
struct Part {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend auto operator<=>(const Part&, const Part&) = default;
};

Part find_part(const Row& row, const std::string& text) {
  std::string snippet(row.original);
  std::size_t begin = 0;
  std::size_t end = snippet.size();
  if (const std::size_t open = snippet.find(kOpen); open != std::string::npos) {
    snippet.erase(open, kOpen.size());
    const std::size_t close = snippet.find(kClose);
    if (close == std::string::npos) fail("row " + std::string(row.name) + ": a « without its »");
    snippet.erase(close, kClose.size());
    begin = open;
    end = close;
  }
  const std::size_t at = text.find(snippet);
  const char* const wrong = at == std::string::npos                           ? " is not in "
                            : text.find(snippet, at + 1) != std::string::npos ? " is more than once in "
                                                                              : nullptr;
  if (wrong != nullptr) {
    std::ostringstream message;
    message << "row " << row.name << " of tests/mutants/table.hpp: its snippet" << wrong << row.file << ":\n" << snippet;
    fail(message.str());
  }
  return {at + begin, at + end};
}

// Rows of the same part stand one behind the other, the original last.
std::string replacement(const std::vector<const Row*>& rows, const std::string& original) {
  std::ostringstream text;
  for (const Row* row : rows) {
    if (row->form != rows.front()->form) fail("row " + std::string(row->name) + " is of another form than its neighbour");
    if (row->mutant.find('\n') != std::string_view::npos) fail("row " + std::string(row->name) + ": more than a line");
    const std::string question = "::ringbolt::mutants::mutated(\"" + std::string(row->name) + "\")";
    if (row->form == Form::expression) {
      text << "(" << question << " ? (" << row->mutant << ") : ";
    } else {
      text << "if (" << question << ") { " << row->mutant << " } else ";
    }
  }
  if (rows.front()->form == Form::statement) {
    text << "{ " << original << " }";
  } else {
    text << "(" << original << ")" << std::string(rows.size(), ')');
  }
  return text.str();
}

void make(const std::filesystem::path& source, const std::filesystem::path& output, const std::string& file) {
  std::string text = read(source / file);
  std::map<Part, std::vector<const Row*>, std::greater<>> parts;  // the last one first, so that places stay
  for (const Row& row : kTable) {
    if (row.file == file) parts[find_part(row, text)].push_back(&row);
  }
  const Part* behind = nullptr;
  for (const auto& [part, rows] : parts) {
    if (behind != nullptr && part.end > behind->begin)
      fail("row " + std::string(rows.front()->name) + " overlaps another one");
    behind = &part;
    text.replace(part.begin, part.end - part.begin, replacement(rows, text.substr(part.begin, part.end - part.begin)));
  }
  const std::string heading = parts.empty() ? "" : "#include \"mutants/mutated.hpp\"\n";
  const std::string copy = heading + "#line 1 \"" + file + "\"\n" + text;
  write(output / "ringbolt" / file, copy);
  if (file == "ipc/ringbolt.hpp") write(output / "ringbolt" / "ringbolt.hpp", copy);
}

}  // namespace
}  // namespace ringbolt::mutants

int main(int count, char** arguments) {
  using namespace ringbolt::mutants;
  if (count < 3) fail("make_mutants SOURCE-DIRECTORY OUTPUT-DIRECTORY FILE...");
  const std::vector<std::string> files(arguments + 3, arguments + count);
  for (const Row& row : kTable) {
    if (std::ranges::find(files, row.file) == files.end())
      fail("row " + std::string(row.name) + ": there is no file " + std::string(row.file));
  }
  for (const std::string& file : files) make(arguments[1], arguments[2], file);
}
