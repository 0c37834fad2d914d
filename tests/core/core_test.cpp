// What the tests of core/ share: the step hook, and the checks of a whole ring against what was published to it.
#include "core_test.hpp"

extern "C" void ringbolt_on_step(ringbolt::core::Step step) { ringbolt::core::test::AtEachStep::reached(step); }

namespace ringbolt::core::test {
namespace {

const Published* find(const Log& log, std::uint64_t sequence) {
  const std::uint64_t index = sequence - log.events.front().place.sequence;
  return index < log.events.size() ? &log.events[index] : nullptr;
}

// Every event that was ever published is read as it was, or is overrun; what can be read has no holes. Returns the first.
Place expect_events_or_overruns(const TestRing& ring, const Log& log) {
  Place first_readable{kNoPosition, 0};
  std::vector<std::uint64_t> buffer;
  for (const Published& event : log.events) {
    Record record;
    const ReadStatus status = read_copy(ring, event.place, record, buffer);
    if (status == ReadStatus::overrun && first_readable.position == kNoPosition) continue;
    EXPECT_EQ(status, ReadStatus::event) << "sequence " << event.place.sequence;
    if (status != ReadStatus::event) break;
    EXPECT_EQ(record.sequence, event.place.sequence);
    EXPECT_EQ(record.size, event.size) << "sequence " << event.place.sequence;
    EXPECT_TRUE(is_whole(record)) << "sequence " << event.place.sequence << " is torn";
    if (first_readable.position == kNoPosition) first_readable = event.place;
  }
  return first_readable;
}

void expect_location(const Location& found, Found kind, Place place, const char* what) {
  EXPECT_EQ(found.found, kind) << what;
  EXPECT_EQ(found.place.position, place.position) << what;
  EXPECT_EQ(found.place.sequence, place.sequence) << what;
}

void expect_sequence_found(const Locator& locator, const Log& log, Place oldest, std::uint64_t sequence) {
  const Location found = locator.sequence(sequence);
  const std::string what = "sequence " + std::to_string(sequence);
  if (sequence < oldest.sequence) return expect_location(found, Found::record, oldest, what.c_str());
  const Published* event = find(log, sequence);
  if (event == nullptr) return expect_location(found, Found::end, log.end(), what.c_str());
  expect_location(found, Found::record, event->place, what.c_str());
}

void expect_time_found(const Locator& locator, const Log& log, Place oldest, std::uint64_t timestamp_ns) {
  const Location found = locator.time(timestamp_ns);
  const std::string what = "time " + std::to_string(timestamp_ns);
  for (const Published& event : log.events) {
    if (event.place.sequence < oldest.sequence || timestamp_for(event.place.sequence) < timestamp_ns) continue;
    return expect_location(found, Found::record, event.place, what.c_str());
  }
  expect_location(found, Found::end, log.end(), what.c_str());
}

void expect_readable(Reader reader, const Log& log) {
  Record record;
  while (reader.place().sequence != log.end().sequence) {
    const Published* event = find(log, reader.place().sequence);
    ASSERT_NE(event, nullptr);
    ASSERT_EQ(reader.place(), event->place);
    ASSERT_EQ(reader.peek(record), ReadStatus::event) << "sequence " << event->place.sequence;
    ASSERT_EQ(record.size, event->size);
    ASSERT_TRUE(is_whole(record)) << "sequence " << event->place.sequence;
    ASSERT_TRUE(reader.intact(record.position));
    reader.advance(record);
  }
  EXPECT_EQ(reader.place(), log.end());
  EXPECT_EQ(reader.peek(record), ReadStatus::empty);
}

}  // namespace

void expect_readable_from(const TestRing& ring, const Log& log, Place from) {
  expect_readable(Reader(ring.view(), from), log);
}

void expect_readable_by_gate(const TestRing& ring, const Log& log, Place from) {
  Reader reader(ring.view(), from);
  reader.gate_with(ring.entry(0).state, generation_of(ring.entry(0).state.load_relaxed()));
  expect_readable(reader, log);
}

void expect_searches_agree(const TestRing& ring, const Log& log) {
  const Locator locator(ring.view());
  expect_location(locator.end(), Found::end, log.end(), "end");
  const Location oldest = locator.oldest();
  if (log.events.empty()) {
    expect_location(oldest, Found::end, log.end(), "oldest");
    expect_location(locator.newest(), Found::end, log.end(), "newest");
    expect_location(locator.halfway(), Found::end, log.end(), "halfway");
    expect_location(locator.sequence(log.end().sequence), Found::end, log.end(), "sequence");
    expect_location(locator.time(1), Found::end, log.end(), "time");
    return;
  }
  ASSERT_EQ(oldest.found, Found::record);
  expect_readable_from(ring, log, oldest.place);

  const Place newest = log.events.back().place;
  expect_location(locator.newest(), Found::record, newest, "newest");
  const Location halfway = locator.halfway();
  ASSERT_EQ(halfway.found, Found::record);
  EXPECT_LE(newest.position, halfway.place.position + ring.capacity());
  expect_readable_from(ring, log, halfway.place);

  const std::uint64_t middle = oldest.place.sequence + (newest.sequence - oldest.place.sequence) / 2;
  for (const std::uint64_t sequence : {oldest.place.sequence - 1, oldest.place.sequence, oldest.place.sequence + 1, middle,
                                       newest.sequence - 1, newest.sequence, newest.sequence + 1, newest.sequence + 2}) {
    expect_sequence_found(locator, log, oldest.place, sequence);
    for (const std::uint64_t time : {timestamp_for(sequence) - 1, timestamp_for(sequence), timestamp_for(sequence) + 1}) {
      expect_time_found(locator, log, oldest.place, time);
    }
  }
}

void expect_sound(const TestRing& ring, const Log& log) {
  const StreamEnd end = find_stream_end(ring.view());
  EXPECT_TRUE(end.valid);
  EXPECT_EQ(end.end, log.end());

  if (!log.events.empty()) {
    const Place first_readable = expect_events_or_overruns(ring, log);
    ASSERT_NE(first_readable.position, kNoPosition) << "not even the newest event can be read";
    const Location oldest = Locator(ring.view()).oldest();
    EXPECT_LE(oldest.place.position, first_readable.position + ring.capacity() / 2) << "oldest() gives too much away";
    EXPECT_EQ(end.newest_timestamp_ns, timestamp_for(log.events.back().place.sequence));
  }
  expect_searches_agree(ring, log);
}

}  // namespace ringbolt::core::test
