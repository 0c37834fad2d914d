// The binary interface of libringbolt.so as it was recorded in bindings/c/abi.txt: versioned symbols, constants, and where each field
// of each struct lies. A program that was compiled against it goes on with a later library.
#include <ringbolt/ringbolt.h>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "library.hpp"

namespace ringbolt::c {
namespace {

// `symbol NAME@VERSION` to its kind, `constant NAME` to its value, `struct NAME` to its size, `field STRUCT.NAME` to offset and size.
using Interface = std::map<std::string, std::string>;

constexpr const char* kRecorded = RINGBOLT_SOURCE_DIR "/bindings/c/abi.txt";
constexpr const char* kRenew =
    "\nIf that is meant: what is only new is recorded by\n"
    "    RINGBOLT_RENEW_ABI=1 build/tests/c_tests --gtest_filter='CAbi.*'\n"
    "and reviewed as the difference of bindings/c/abi.txt. What goes, moves or changes its meaning breaks programs that are "
    "compiled "
    "already: it needs another name, or a new major version, which is the library's SOVERSION.";

#define RINGBOLT_FIELD(type, name) \
  Field { #type "." #name, offsetof(type, name), sizeof(type::name) }

struct Field {
  std::string name;
  std::size_t offset;
  std::size_t size;
};

const std::map<std::string, std::size_t> kStructs{
    {"ringbolt_attribute", sizeof(ringbolt_attribute)},
    {"ringbolt_event", sizeof(ringbolt_event)},
    {"ringbolt_gap", sizeof(ringbolt_gap)},
    {"ringbolt_publisher_options", sizeof(ringbolt_publisher_options)},
    {"ringbolt_event_options", sizeof(ringbolt_event_options)},
    {"ringbolt_message", sizeof(ringbolt_message)},
    {"ringbolt_consumer_options", sizeof(ringbolt_consumer_options)},
    {"ringbolt_ring_stat", sizeof(ringbolt_ring_stat)},
};

const std::vector<Field> kFields{
    RINGBOLT_FIELD(ringbolt_attribute, name),
    RINGBOLT_FIELD(ringbolt_attribute, name_bytes),
    RINGBOLT_FIELD(ringbolt_attribute, value),
    RINGBOLT_FIELD(ringbolt_attribute, value_bytes),
    RINGBOLT_FIELD(ringbolt_event, sequence),
    RINGBOLT_FIELD(ringbolt_event, timestamp_ns),
    RINGBOLT_FIELD(ringbolt_event, payload),
    RINGBOLT_FIELD(ringbolt_event, payload_bytes),
    RINGBOLT_FIELD(ringbolt_event, attributes),
    RINGBOLT_FIELD(ringbolt_event, attributes_bytes),
    RINGBOLT_FIELD(ringbolt_event, type),
    RINGBOLT_FIELD(ringbolt_event, reserved),
    RINGBOLT_FIELD(ringbolt_gap, first),
    RINGBOLT_FIELD(ringbolt_gap, last),
    RINGBOLT_FIELD(ringbolt_gap, evicted),
    RINGBOLT_FIELD(ringbolt_gap, reserved),
    RINGBOLT_FIELD(ringbolt_publisher_options, size),
    RINGBOLT_FIELD(ringbolt_publisher_options, capacity_bytes),
    RINGBOLT_FIELD(ringbolt_publisher_options, consumer_slots),
    RINGBOLT_FIELD(ringbolt_publisher_options, flags),
    RINGBOLT_FIELD(ringbolt_publisher_options, wait),
    RINGBOLT_FIELD(ringbolt_publisher_options, mode),
    RINGBOLT_FIELD(ringbolt_publisher_options, group),
    RINGBOLT_FIELD(ringbolt_publisher_options, first_sequence),
    RINGBOLT_FIELD(ringbolt_publisher_options, standby_ns),
    RINGBOLT_FIELD(ringbolt_publisher_options, numa_node),
    RINGBOLT_FIELD(ringbolt_publisher_options, journal_sync),
    RINGBOLT_FIELD(ringbolt_publisher_options, journal),
    RINGBOLT_FIELD(ringbolt_publisher_options, journal_interval_ns),
    RINGBOLT_FIELD(ringbolt_publisher_options, journal_segment_bytes),
    RINGBOLT_FIELD(ringbolt_publisher_options, journal_keep_bytes),
    RINGBOLT_FIELD(ringbolt_publisher_options, journal_keep_age_ns),
    RINGBOLT_FIELD(ringbolt_event_options, size),
    RINGBOLT_FIELD(ringbolt_event_options, type),
    RINGBOLT_FIELD(ringbolt_event_options, reserved),
    RINGBOLT_FIELD(ringbolt_event_options, timestamp_ns),
    RINGBOLT_FIELD(ringbolt_event_options, attributes),
    RINGBOLT_FIELD(ringbolt_event_options, attribute_count),
    RINGBOLT_FIELD(ringbolt_message, payload),
    RINGBOLT_FIELD(ringbolt_message, payload_bytes),
    RINGBOLT_FIELD(ringbolt_message, attributes),
    RINGBOLT_FIELD(ringbolt_message, attribute_count),
    RINGBOLT_FIELD(ringbolt_message, type),
    RINGBOLT_FIELD(ringbolt_message, reserved),
    RINGBOLT_FIELD(ringbolt_consumer_options, size),
    RINGBOLT_FIELD(ringbolt_consumer_options, name),
    RINGBOLT_FIELD(ringbolt_consumer_options, policy),
    RINGBOLT_FIELD(ringbolt_consumer_options, start),
    RINGBOLT_FIELD(ringbolt_consumer_options, start_value),
    RINGBOLT_FIELD(ringbolt_consumer_options, budget_ns),
    RINGBOLT_FIELD(ringbolt_consumer_options, after),
    RINGBOLT_FIELD(ringbolt_consumer_options, wait),
    RINGBOLT_FIELD(ringbolt_consumer_options, flags),
    RINGBOLT_FIELD(ringbolt_ring_stat, size),
    RINGBOLT_FIELD(ringbolt_ring_stat, capacity_bytes),
    RINGBOLT_FIELD(ringbolt_ring_stat, epoch),
    RINGBOLT_FIELD(ringbolt_ring_stat, oldest_sequence),
    RINGBOLT_FIELD(ringbolt_ring_stat, newest_sequence),
    RINGBOLT_FIELD(ringbolt_ring_stat, durable_sequence),
    RINGBOLT_FIELD(ringbolt_ring_stat, published_events),
    RINGBOLT_FIELD(ringbolt_ring_stat, published_bytes),
    RINGBOLT_FIELD(ringbolt_ring_stat, newest_timestamp_ns),
    RINGBOLT_FIELD(ringbolt_ring_stat, publisher_pid),
    RINGBOLT_FIELD(ringbolt_ring_stat, publisher_alive),
    RINGBOLT_FIELD(ringbolt_ring_stat, closed),
    RINGBOLT_FIELD(ringbolt_ring_stat, timestamps),
    RINGBOLT_FIELD(ringbolt_ring_stat, has_journal),
    RINGBOLT_FIELD(ringbolt_ring_stat, consumers),
    RINGBOLT_FIELD(ringbolt_ring_stat, reserved),
    RINGBOLT_FIELD(ringbolt_ring_stat, ring_id),
};

std::string content_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::string header() {
  static const std::regex comment(R"(/\*[^]*?\*/)");
  return std::regex_replace(content_of(RINGBOLT_SOURCE_DIR "/bindings/c/ringbolt.h"), comment, "");
}

// As built here.
Interface interface_now() {
  Interface now;
  for (const auto& [name, kind] : versioned_symbols()) now["symbol " + name] = kind;
  static const std::regex constant(R"(\b(RINGBOLT_\w+) = ([^,}\n]+?)\s*[,}\n])");
  const std::string text = header();
  for (std::sregex_iterator at(text.begin(), text.end(), constant), end; at != end; ++at)
    now["constant " + (*at)[1].str()] = (*at)[2];
  for (const auto& [name, size] : kStructs) now["struct " + name] = std::to_string(size);
  for (const Field& field : kFields)
    now["field " + field.name] = std::to_string(field.offset) + " " + std::to_string(field.size);
  return now;
}

Interface parse(const std::string& text) {
  Interface recorded;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t name_ends = line.find(' ', line.find(' ') + 1);
    recorded[line.substr(0, name_ends)] = line.substr(name_ends + 1);
  }
  return recorded;
}

std::string text_of(const Interface& now) {
  std::string text =
      "# The binary interface of libringbolt.so: symbols with their versions, constants, structs with their sizes, fields "
      "with their\n"
      "# offsets and sizes. tests/c/abi_test.cpp holds the library to it, and says how it is renewed.\n";
  for (const auto& [what, value] : now) text += what + " " + value + "\n";
  return text;
}

struct Differences {
  std::vector<std::string> broken;  // for programs that are compiled already
  std::vector<std::string> added;
};
Differences compare(const Interface& recorded, const Interface& now) {
  Differences differences;
  for (const auto& [what, value] : recorded) {
    const auto found = now.find(what);
    if (found == now.end()) {
      differences.broken.push_back(what + " is gone");
    } else if (found->second != value) {
      const bool grown = what.starts_with("struct ") && std::stoul(found->second) > std::stoul(value);
      // Only those that begin with their size may grow: the library is told which it was handed.
      const bool sized = recorded.contains("field " + what.substr(what.find(' ') + 1) + ".size");
      (grown && sized ? differences.added : differences.broken)
          .push_back(what + " is " + found->second + " and was " + value);
    }
  }
  for (const auto& [what, value] : now) {
    if (!recorded.contains(what)) differences.added.push_back(what + " " + value + " is new");
  }
  return differences;
}

std::string lines_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text;
}

TEST(CAbi, IsAsItWasRecorded) {
  const Interface now = interface_now();
  if (std::getenv("RINGBOLT_RENEW_ABI") != nullptr) std::ofstream(kRecorded) << text_of(now);
  const Interface recorded = parse(content_of(kRecorded));
  EXPECT_GT(recorded.size(), 150U);
  const Differences differences = compare(recorded, now);
  EXPECT_TRUE(differences.broken.empty()) << "breaks programs:\n" << lines_of(differences.broken) << kRenew;
  EXPECT_TRUE(differences.added.empty()) << "not recorded yet:\n" << lines_of(differences.added) << kRenew;
}

// The table above has what the header has.
TEST(CAbi, HasEveryFieldOfTheHeader) {
  static const std::regex definition(R"(typedef struct (\w+) \{([^}]*)\})");
  static const std::regex member(R"((\w+)(?:\[\d+\])?;)");
  std::set<std::string> in_header;
  std::set<std::string> structs;
  const std::string text = header();
  for (std::sregex_iterator at(text.begin(), text.end(), definition), end; at != end; ++at) {
    structs.insert((*at)[1]);
    const std::string members = (*at)[2];
    for (std::sregex_iterator field(members.begin(), members.end(), member); field != end; ++field)
      in_header.insert((*at)[1].str() + "." + (*field)[1].str());
  }
  std::set<std::string> in_table;
  for (const Field& field : kFields) in_table.insert(field.name);
  EXPECT_EQ(in_header, in_table);
  for (const auto& [name, size] : kStructs) EXPECT_EQ(structs.erase(name), 1U) << name;
  EXPECT_TRUE(structs.empty()) << *structs.begin();
}

TEST(CAbi, TellsWhatBreaksFromWhatIsNew) {
  const Interface recorded{{"symbol a@V0", "T"},    {"constant C", "1"},  {"struct s", "16"},
                           {"field s.size", "0 8"}, {"field s.x", "8 8"}, {"struct plain", "8"}};
  const auto with = [&](const std::string& what, const std::string& value) {
    Interface now = recorded;
    if (value.empty()) {
      now.erase(what);
    } else {
      now[what] = value;
    }
    const Differences differences = compare(recorded, now);
    return std::pair(differences.broken.size(), differences.added.size());
  };
  EXPECT_EQ(compare(recorded, recorded).broken.size() + compare(recorded, recorded).added.size(), 0U);
  EXPECT_EQ(with("symbol a@V0", ""), std::pair(1UL, 0UL));
  EXPECT_EQ(with("symbol a@V0", "D"), std::pair(1UL, 0UL));
  EXPECT_EQ(with("constant C", "2"), std::pair(1UL, 0UL));
  EXPECT_EQ(with("struct s", "8"), std::pair(1UL, 0UL));
  EXPECT_EQ(with("field s.x", "4 8"), std::pair(1UL, 0UL));
  EXPECT_EQ(with("struct plain", "16"), std::pair(1UL, 0UL));
  EXPECT_EQ(with("struct s", "24"), std::pair(0UL, 1UL));
  EXPECT_EQ(with("field s.y", "16 8"), std::pair(0UL, 1UL));
  EXPECT_EQ(with("symbol b@V1", "T"), std::pair(0UL, 1UL));
  EXPECT_EQ(parse(text_of(recorded)), recorded);
}

}  // namespace
}  // namespace ringbolt::c
