#include "kill/oracle.hpp"

#include <filesystem>
#include <set>

namespace ringbolt::kill {
namespace {

using scenario::require;

constexpr std::uint64_t kEventsBehind = 12;

std::string number(std::uint64_t value) { return std::to_string(value); }

// A ring's files and no other, and one file that shows that its publisher lives.
void check_files(const std::string& ring) {
  static const std::set<std::string> known{"events", "consumers", "locks", "lease", "journal"};
  int alive = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ring)) {
    const std::string name = entry.path().filename();
    alive += name.starts_with("alive.") ? 1 : 0;
    require(known.contains(name) || name.starts_with("alive."), "a file is left behind: " + name);
  }
  require(alive == 1, number(static_cast<std::uint64_t>(alive)) + " files that show that the publisher lives");
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(ring).parent_path())) {
    const std::string name = entry.path().filename();
    require(!name.starts_with("."), "a directory is left behind: " + name);
  }
}

void read_all(std::vector<Witness>& witnesses, std::uint64_t newest, const char* when) {
  for (Witness& witness : witnesses) {
    witness.read_all();
    require(witness.newest() == newest || (newest == 0 && !witness.has_read()),
            std::string("a consumer reads to event ") + number(witness.newest()) + " and not to " + number(newest) + ", " +
                when);
  }
}

void publish_and_read(Publisher& publisher, std::vector<Witness>& newcomers, std::vector<Witness>& living,
                      std::uint64_t events) {
  Source source(publisher, kShape, events);
  for (std::uint64_t i = 0; i < events; ++i) {
    const std::uint64_t newest = i % 3 == 0 ? source.publish_batch() : source.publish();
    if (i % 8 != 0 && i + 1 != events) continue;
    read_all(newcomers, newest, "behind what the successor publishes");
    read_all(living, newest, "behind what the successor publishes, having been there");
  }
}

}  // namespace

void Witness::read_all() {
  std::size_t count = 0;
  do {
    count = consumer_.try_poll(ledger_.handler(), 1'000).count;
  } while (count != 0);
  require(ledger_.lost() == 0, "a consumer has lost " + number(ledger_.lost()) + " events");
}

std::optional<ConsumerStat> stat_of(const std::string& ring, const std::string& name) {
  for (ConsumerStat& consumer : stat_ring(ring).consumers) {
    if (consumer.name == name) return std::move(consumer);
  }
  return std::nullopt;
}

std::uint64_t check_ring(const std::string& ring, const Expected& expected, Living& living) {
  const RingStat found = stat_ring(ring);
  const std::uint64_t newest = found.newest_sequence;
  require(newest >= expected.at_least && newest <= expected.at_most, "the newest event is " + number(newest) +
                                                                         " and not from " + number(expected.at_least) +
                                                                         " to " + number(expected.at_most));
  require(found.publisher_alive == living.publisher.has_value(), "it is not known whether the publisher lives");
  std::vector<Witness> newcomers;
  newcomers.emplace_back(ring, Policy::lossy);
  read_all(newcomers, newest, "coming new");
  read_all(living.witnesses, newest, "having been there");

  std::optional<Publisher> successor;
  if (!living.publisher) {
    successor = Publisher::open(ring);
    require(successor->epoch() > found.epoch || found.epoch == 0, "the successor's epoch is no later one");
  }
  Publisher& publisher = successor ? *successor : *living.publisher;
  require(publisher.next_sequence() == newest + 1,
          "the publisher goes on with " + number(publisher.next_sequence()) + " after " + number(newest));
  newcomers.emplace_back(ring, Policy::gate);
  read_all(newcomers, newest, "coming new, behind the successor");
  publish_and_read(publisher, newcomers, living.witnesses, expected.whole_lap ? kEventsOfALap : kEventsBehind);
  const std::uint64_t last = publisher.next_sequence() - 1;
  const RingStat after = stat_ring(ring);
  require(after.newest_sequence == last && after.publisher_alive, "stat does not see what the successor publishes");
  check_files(ring);
  return newest;
}

}  // namespace ringbolt::kill
