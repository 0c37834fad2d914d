// Several rings into one: order, attributes, going on where the output ends whatever happened, and gaps.
#include <ringbolt/ipc/merge.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <thread>

#include "child.hpp"
#include "journalled_ring.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

// What an event of the output says of itself.
struct Merged {
  std::string ring;
  std::uint64_t sequence = 0;
  bool table = false;
};
Merged merged_of(const Event& event) {
  Merged merged;
  const Attributes attributes = event.attributes();
  const std::string_view digits = attributes.find("merge-sequence").value_or("");
  std::from_chars(digits.data(), digits.data() + digits.size(), merged.sequence);
  merged.ring = attributes.find("merge-ring").value_or("");
  merged.table = attributes.find("merge-positions").has_value();
  return merged;
}

// Reads an output and holds every source to its numbers.
struct Audit {
  std::map<std::string, std::uint64_t> last;
  std::uint64_t events = 0;
  std::uint64_t tables = 0;
  std::map<std::string, std::uint64_t> lost;

  void operator()(const Event& event) {
    const Merged merged = merged_of(event);
    std::uint64_t& newest = last[merged.ring];
    EXPECT_GT(merged.sequence, newest) << "of " << merged.ring << ", in event " << event.sequence;
    lost[merged.ring] += merged.sequence - newest - 1;
    newest = merged.sequence;
    EXPECT_TRUE(is_numbered_payload(event.payload, merged.sequence)) << "of " << merged.ring;
    ++events;
    if (merged.table) ++tables;
  }
  void read(Consumer& consumer) {
    while (consumer.poll(*this) != 0) continue;
  }
};

class Merging : public JournalledRing {
 protected:
  static std::uint64_t merge_what_is_there(Merge& merge) {
    std::uint64_t count = 0;
    for (;;) {
      const MergeResult result = merge.poll();
      count += result.count;
      if (result.status != Status::ok) return count;
    }
  }
  Publisher a_ = Publisher::open("a", {.capacity_bytes = kSmall});
  Publisher b_ = Publisher::open("b", {.capacity_bytes = kSmall});
  const PublisherOptions small_{.capacity_bytes = kSmall};
};

TEST_F(Merging, GivesEachEventItsSourceAndItsNumberThere) {
  const std::array attributes{Attribute{"key", "k"}, Attribute{"merge-ring", "an earlier merge"}};
  a_.publish("one", {.type = 1, .timestamp_ns = 1'000});
  b_.publish("two", {.type = 2, .timestamp_ns = 1'001, .attributes = attributes});
  a_.publish("three", {.timestamp_ns = 1'002});
  auto merge = Merge::open("all", {"b", "a"});
  EXPECT_EQ(merge_what_is_there(merge), 3U);
  auto consumer = Consumer::attach("all", {.start = Start::earliest});
  std::vector<std::string> seen;
  consumer.poll([&](const Event& event) {
    const Merged merged = merged_of(event);
    seen.push_back(merged.ring + std::to_string(merged.sequence) + ":" + std::string(event.text()));
    EXPECT_EQ(event.attributes().find("key").has_value(), event.type == 2);
    EXPECT_EQ(event.timestamp_ns, 999 + event.sequence);
    EXPECT_EQ(merged.table, event.sequence == 1) << "the first event of a merge";
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"a1:one", "b1:two", "a2:three"})) << "by their stamps";
  const auto sources = merge.sources();
  EXPECT_EQ(sources[0].sequence, 1U);
  EXPECT_EQ(sources[1].sequence, 2U);
  EXPECT_EQ(sources[1].ring_id, stat_ring("a").ring_id);
}

TEST_F(Merging, GoesOnWhereTheOutputEnds) {
  Audit audit;
  auto consumer = std::optional<Consumer>();
  std::uint64_t published = 0;
  for (int life = 0; life < 20; ++life) {
    publish_numbered(a_, 7, 40);
    if (life % 3 == 0) publish_numbered(b_, 2, 100);
    published += 7 + (life % 3 == 0 ? 2 : 0);
    auto merge = Merge::open("all", {"a", "b"}, {.output = small_});
    if (!consumer) consumer = Consumer::attach("all", {.policy = Policy::gate, .start = Start::earliest});
    merge_what_is_there(merge);
    audit.read(*consumer);
    EXPECT_EQ(audit.events, published) << "life " << life;
  }
  EXPECT_EQ(audit.lost["a"] + audit.lost["b"], 0U);
}

// A source that has been silent for laps and laps of the output: its last event is long gone, its position is not.
TEST_F(Merging, KnowsASourceThatHasBeenSilentForLong) {
  publish_numbered(b_, 5, 10);
  for (const std::size_t size : {std::size_t{8}, std::size_t{900}, std::size_t{15'000}}) {
    Audit audit;
    {
      auto merge = Merge::open("all", {"a", "b"}, {.output = small_});
      auto consumer = Consumer::attach("all", {.policy = Policy::gate, .start = Start::latest});
      const std::uint64_t before = stat_ring("all").published_bytes;
      const std::uint64_t rounds = 2'000'000 / (size + 200) / 2;
      for (std::uint64_t i = 0; i < rounds; ++i) {
        publish_numbered(a_, 1, i % 2 == 0 ? size : 8);
        merge_what_is_there(merge);
        audit.read(consumer);
      }
      const std::uint64_t bytes = stat_ring("all").published_bytes - before;
      EXPECT_GT(bytes, 4 * kSmall);
      EXPECT_GE(audit.tables, bytes / (kSmall / 4)) << "at least one in a quarter of the ring";
    }
    auto again = Merge::open("all", {"a", "b"}, {.output = small_});
    EXPECT_EQ(merge_what_is_there(again), 0U) << "nothing is merged twice, with events of " << size;
    for (const MergeSource& source : again.sources())
      EXPECT_EQ(source.sequence, source.name == "a" ? a_.next_sequence() - 1 : 5);
  }
}

TEST_F(Merging, KnowsASourceThatWasLeftOutMeanwhile) {
  publish_numbered(a_, 3, 10);
  publish_numbered(b_, 3, 10);
  {
    auto merge = Merge::open("all", {"a", "b"});
    EXPECT_EQ(merge_what_is_there(merge), 6U);
  }
  publish_numbered(a_, 2, 10);
  {
    auto merge = Merge::open("all", {"a"});
    EXPECT_EQ(merge_what_is_there(merge), 2U);
  }
  auto c = Publisher::open("c", small_);
  publish_numbered(c, 1, 10);
  publish_numbered(b_, 1, 10);
  auto merge = Merge::open("all", {"b", "c"});
  EXPECT_EQ(merge_what_is_there(merge), 2U);
}

TEST_F(Merging, TellsWhatASourceLost) {
  std::vector<std::string> notices;
  const MergeOptions options{.output = small_, .on_notice = [&](const MergeNotice& notice) {
                               notices.push_back(std::string(notice.source) + " " + std::to_string(notice.gap.first) + ".." +
                                                 std::to_string(notice.gap.last) + (notice.anew ? " anew" : ""));
                             }};
  publish_numbered(a_, 2, 100);
  {
    auto merge = Merge::open("all", {"a"}, options);
    merge_what_is_there(merge);
  }
  publish_numbered(a_, 2'000, 100);  // laps ahead of whoever merges next
  auto merge = Merge::open("all", {"a"}, options);
  auto consumer = Consumer::attach("all", {.policy = Policy::gate, .start = Start::earliest});
  Audit audit;
  while (merge_what_is_there(merge) != 0) audit.read(consumer);
  audit.read(consumer);
  EXPECT_EQ(audit.last["a"], 2'002U);
  EXPECT_EQ(merge.sources()[0].gap_events, audit.lost["a"]);
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0], "a 3.." + std::to_string(audit.lost["a"] + 2));
}

TEST_F(Merging, BeginsAgainWithASourceThatWasMadeAnew) {
  std::vector<std::string> anew;
  const MergeOptions options{.on_notice = [&](const MergeNotice& notice) {
    if (notice.anew) anew.emplace_back(notice.source);
  }};
  publish_numbered(a_, 5, 10);
  {
    auto merge = Merge::open("all", {"a", "b"}, options);
    merge_what_is_there(merge);
  }
  remove_ring("a", true);
  a_ = Publisher::open("a", small_);
  publish_numbered(a_, 3, 10);
  for (const std::uint64_t events : {3U, 0U}) {
    auto merge = Merge::open("all", {"a", "b"}, options);
    EXPECT_EQ(merge_what_is_there(merge), events);
    EXPECT_EQ(merge.sources()[0].sequence, 3U);
  }
  EXPECT_EQ(anew, std::vector<std::string>{"a"});
}

TEST_F(Merging, FindsItsPlaceInTheJournalOfTheOutput) {
  publish_numbered(a_, 100, 10);
  publish_numbered(b_, 3, 10);
  {
    auto merge = Merge::open("all", {"a", "b"}, {.output = journalled()});
    EXPECT_EQ(merge_what_is_there(merge), 103U);
    merge.output().wait_durable(103);
  }
  lose_ring("all");
  publish_numbered(a_, 1, 10);
  {
    auto merge = Merge::open("all", {"a", "b"}, {.output = journalled()});
    EXPECT_EQ(merge_what_is_there(merge), 1U);
  }
  auto reader = JournalReader::open(directory());
  Audit audit;
  Event event;
  while (reader.next(event) == Status::ok) audit(event);
  EXPECT_EQ(audit.events, 104U);
}

TEST_F(Merging, RefusesAnOutputThatDoesNotSayHowFarItHasCome) {
  publish_numbered(a_, 1, 10);
  {
    auto other = Publisher::open("all", small_);
    publish_numbered(other, 2'000, 100);
  }
  expect_error([&] { static_cast<void>(Merge::open("all", {"a"})); }, Code::bad_option, {"ring 'all'", "--start-over"});
  auto merge = Merge::open("all", {"a"}, {.start_over = true});
  EXPECT_EQ(merge_what_is_there(merge), 1U);
}

TEST_F(Merging, RefusesWhatMakesNoSense) {
  expect_error([] { static_cast<void>(Merge::open("all", {})); }, Code::bad_option, {"'all'"});
  expect_error([] { static_cast<void>(Merge::open("all", {"a", "a"})); }, Code::bad_option, {"twice"});
  expect_error([&] { static_cast<void>(Merge::open("all", {"a", ring_path("a")})); }, Code::bad_option, {"twice"});
  expect_error([] { static_cast<void>(Merge::open("all", {"missing"})); }, Code::not_found, {"missing"});
  expect_error([] { static_cast<void>(Merge::open("all", {"a"}, {.policy = Policy::latest})); }, Code::bad_option,
               {"latest"});
  expect_error([] { static_cast<void>(Merge::open("all", {"unix:/x"})); }, Code::bad_option, {"share"});
  EXPECT_EQ(names_in(place()), (std::vector<std::string>{"a", "b"})) << "no output was made for nothing";
}

TEST_F(Merging, RefusesAnEventThatDoesNotFitAndSkipsNone) {
  publish_numbered(a_, 1, 10);
  const std::vector<std::byte> most(a_.largest_payload_bytes());
  a_.publish(most);
  auto merge = Merge::open("all", {"a"}, {.output = small_});
  expect_error([&] { merge_what_is_there(merge); }, Code::event_too_large, {"event 2 of ring 'a'", "ring 'all'"});
  expect_error([&] { merge_what_is_there(merge); }, Code::event_too_large);
  EXPECT_EQ(stat_ring("all").newest_sequence, 1U);
}

TEST_F(Merging, WaitsForWhoeverComesFirstAndEndsWithThem) {
  auto merge = Merge::open("all", {"a", "b"}, {.output = small_});
  EXPECT_EQ(merge.poll().status, Status::empty);
  EXPECT_EQ(merge.wait_for(1ms), Status::timed_out);
  std::thread publishing([&] { publish_numbered(b_, 1, 10); });
  EXPECT_EQ(merge.wait_for(kLong), Status::ok);
  publishing.join();
  EXPECT_EQ(merge.poll().count, 1U);
  a_.close();
  EXPECT_EQ(merge.poll().status, Status::empty);
  b_.close();
  merge.run([] { return false; });
  EXPECT_EQ(merge.poll().status, Status::closed);
}

TEST_F(Merging, WaitsForAConsumerOfTheOutputThatGates) {
  auto merge = Merge::open("all", {"a"}, {.output = small_});
  auto consumer = Consumer::attach("all", {.policy = Policy::gate});
  Audit audit;
  for (MergeResult result; result.status != Status::full; result = merge.poll()) publish_numbered(a_, 1, 500);
  EXPECT_EQ(merge.wait_for(1ms), Status::timed_out);
  audit.read(consumer);
  EXPECT_EQ(merge.wait_for(kLong), Status::ok);
  merge_what_is_there(merge);
  audit.read(consumer);
  EXPECT_EQ(audit.events, a_.next_sequence() - 1);
}

// The merging process is killed again and again, at whatever moment that is. The output is small, so that it goes round many times.
TEST_F(Merging, IsKilledAgainAndAgainAndTheOutputHasEverythingOnce) {
  constexpr int kKills = 150;
  std::mt19937_64 random(test_seed());
  std::optional<Consumer> consumer;
  Audit audit;
  std::array<Publisher*, 2> sources{&a_, &b_};
  std::array<std::string, 2> names{"a", "b"};
  int killed = 0;
  std::uint64_t published = 0;
  // Never more on its way than the sources hold, so that nothing can be lost there.
  const auto feed = [&] {
    for (std::size_t i = 0; i < 2; ++i) {
      const std::uint64_t share = i == 0 ? 1 : random() % 50 == 0 ? 1 : 0;  // one of them is silent for long
      const std::uint64_t on_the_way = sources[i]->next_sequence() - 1 - audit.last[names[i]];
      for (std::uint64_t n = 0; n < 20 * share && on_the_way + n < 60; ++n, ++published)
        publish_numbered(*sources[i], 1, random() % 300);
    }
  };
  const auto merging = [&](const Words& words) {
    auto merge = Merge::open("all", {"a", "b"}, {.output = {.capacity_bytes = kSmall}});
    words.say("merging");
    merge.run([] { return false; });
  };
  while (killed < kKills) {
    feed();
    Child child(merging);
    if (!consumer || random() % 2 == 0)
      child.words().expect("merging");  // otherwise it may die while it looks for its place
    if (!consumer) consumer = Consumer::attach("all", {.policy = Policy::gate, .start = Start::earliest});
    const std::uint64_t spins = random() % 400;
    for (std::uint64_t i = 0; i < spins; ++i) {
      feed();
      audit.read(*consumer);
    }
    child.kill();
    ++killed;
    audit.read(*consumer);
  }
  auto last = Merge::open("all", {"a", "b"}, {.output = small_});
  while (merge_what_is_there(last) != 0) audit.read(*consumer);
  audit.read(*consumer);
  std::printf("%d kills, %llu events, %llu tables, %llu laps of the output\n", killed,
              static_cast<unsigned long long>(audit.events), static_cast<unsigned long long>(audit.tables),
              static_cast<unsigned long long>(stat_ring("all").published_bytes / kSmall));
  EXPECT_EQ(audit.events, published);
  EXPECT_EQ(audit.lost["a"] + audit.lost["b"], 0U);
  EXPECT_EQ(audit.last["a"], a_.next_sequence() - 1);
  EXPECT_EQ(audit.last["b"], b_.next_sequence() - 1);
}

}  // namespace
}  // namespace ringbolt::test
