// What a ring tells about its journal is not believed unchecked; what a journal cannot be is refused; and a name may be sent to
// where only the journal leads.
#include <cstring>

#include "journalled_ring.hpp"

namespace ringbolt::test {
namespace {

using JournalOptionsOf = JournalledRing;

TEST_F(JournalOptionsOf, APublisherThatMakeNoSenseAreRefused) {
  const auto refused = [&](const std::function<void(JournalOptions&)>& spoil, const char* word) {
    PublisherOptions options = journalled();
    spoil(options.journal);
    expect_error([&] { static_cast<void>(Publisher::open("orders", options)); }, Code::bad_option, {word});
  };
  refused([](JournalOptions& options) { options.directory += std::string(1, '\0'); }, "zero byte");
  refused([](JournalOptions& options) { options.segment_bytes = 4'095; }, "4096");
  refused([](JournalOptions& options) { options.interval = 0s; }, "interval");
  refused([](JournalOptions& options) { options.keep_age = -1s; }, "negative");
  EXPECT_TRUE(names_in(place()).empty());
}

TEST_F(JournalOptionsOf, ARingAreToldAsTheyWereGiven) {
  PublisherOptions options = journalled(Sync::interval);
  options.journal.directory += "/";  // the same directory
  Publisher publisher = Publisher::open("orders", options);
  EXPECT_EQ(stat_ring("orders").journal.value().sync, "interval");
  EXPECT_EQ(stat_ring("orders").journal.value().directory, directory());
}

using JournalPageOf = JournalledRing;

TEST_F(JournalPageOf, ARingIsCheckedBeforeItIsBelieved) {
  { Publisher publisher = Publisher::open("orders", journalled()); }
  const std::string path = ring_path("orders") + "/journal";
  const auto answers = [&](Code code) {
    expect_error([] { static_cast<void>(Publisher::open("orders")); }, code, {path});
    expect_error([] { static_cast<void>(Consumer::attach("orders")); }, code, {path});
    expect_error([] { static_cast<void>(stat_ring("orders")); }, code, {path});
  };
  {
    const RingFile file(path);
    core::JournalPage page;
    const auto with = [&](const std::function<void(core::JournalPage&)>& spoil, Code code) {
      std::memcpy(static_cast<void*>(&page), file.bytes().data(), sizeof page);
      spoil(*reinterpret_cast<core::JournalPage*>(file.bytes().data()));
      answers(code);
      std::memcpy(file.bytes().data(), static_cast<const void*>(&page), sizeof page);
    };
    with([](core::JournalPage& damaged) { damaged.magic ^= 1; }, Code::damaged);
    with([](core::JournalPage& damaged) { ++damaged.version; }, Code::wrong_version);
    with([](core::JournalPage& damaged) { damaged.byte_order = 0x04030201; }, Code::damaged);
    with([](core::JournalPage& damaged) { damaged.directory[1] ^= 1; }, Code::damaged);
    with([](core::JournalPage& damaged) { damaged.ring_id[0] ^= 1; }, Code::damaged);
  }
  std::filesystem::resize_file(path, sizeof(core::JournalPage) - 1);
  answers(Code::too_short);
}

using SeekingIn = JournalledRing;

TEST_F(SeekingIn, TheJournalLeadsToWhatTheRingNoLongerHolds) {
  Publisher publisher = Publisher::open("orders", journalled());
  { Consumer consumer = Consumer::attach("orders", {.name = "billing", .start = Start::latest}); }
  publish_numbers(publisher, 20'000);  // several times what the ring holds
  publisher.wait_durable(20'000);
  const auto resumes_at = [] {
    Consumer consumer = Consumer::attach("orders", {.name = "billing"});
    return consumer.next_sequence();
  };
  EXPECT_EQ(seek_consumer("orders", "billing", Start::at(7)), 7U);
  EXPECT_EQ(resumes_at(), 7U);
  EXPECT_EQ(seek_consumer("orders", "billing", Start::earliest), 1U);
  EXPECT_EQ(resumes_at(), 1U);
  EXPECT_EQ(seek_consumer("orders", "billing", Start::at_time(1)), 1U);
  EXPECT_EQ(resumes_at(), 1U);
  EXPECT_EQ(seek_consumer("orders", "billing", Start::at(19'999)), 19'999U) << "the ring has it";
  EXPECT_EQ(resumes_at(), 19'999U);
  EXPECT_EQ(seek_consumer("orders", "billing", Start::latest), 20'001U);
}

TEST_F(SeekingIn, AJournalThatIsGoneIsSaidAndChangesNothing) {
  {
    Publisher publisher = Publisher::open("orders", journalled());
    { Consumer consumer = Consumer::attach("orders", {.name = "billing", .start = Start::latest}); }
    publish_numbers(publisher, 20);
  }
  const std::string elsewhere = directory() + ".elsewhere";
  std::filesystem::rename(directory(), elsewhere);
  expect_error([] { seek_consumer("orders", "billing", Start::at(7)); }, Code::not_found, {directory()});
  EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 0U);
  std::filesystem::rename(elsewhere, directory());
  EXPECT_EQ(seek_consumer("orders", "billing", Start::at(7)), 7U);
  EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 6U);
}

// Nothing to read means that there is nothing, also where the ring has been overrun and the journal has it.
TEST_F(JournalledRing, IsDrainedByPollingUntilNothingIsThere) {
  Publisher publisher = Publisher::open("orders", journalled());
  Consumer consumer = Consumer::attach("orders", {.name = "billing", .start = Start::earliest});
  std::uint64_t read = 0;
  for (std::uint64_t round = 1; round <= 3; ++round) {
    publish_numbers(publisher, 5'000);
    ASSERT_TRUE(publisher.wait_durable(round * 5'000, kLong));
    while (const std::size_t count = consumer.poll([&](const Event& event) { EXPECT_EQ(event.sequence, ++read); })) {
      ASSERT_GT(count, 0U);
    }
    EXPECT_EQ(read, round * 5'000);
  }
  EXPECT_GE(consumer.counters().turns_to_journal, 2U);
}

}  // namespace
}  // namespace ringbolt::test
