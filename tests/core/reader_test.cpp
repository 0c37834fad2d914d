// A consumer's side: what it makes of each state that it can meet, written by hand.
#include <signal.h>

#include "core_test.hpp"

namespace ringbolt::core::test {
namespace {

class ReaderMeets : public ::testing::Test {
 protected:
  // The status of a reader at `place`, by peek and by copy; they must agree.
  [[nodiscard]] ReadStatus status_at(Place place) {
    const ReadStatus peeked = Reader(ring_.view(), place).peek(record_);
    std::vector<std::uint64_t> buffer;
    EXPECT_EQ(read_copy(ring_, place, record_, buffer), peeked);
    return peeked;
  }

  TestRing ring_{kMinCapacityBytes};
  std::uint64_t capacity_ = ring_.capacity();
  Record record_;
};

TEST_F(ReaderMeets, AnEmptyRing) { EXPECT_EQ(status_at({0, 1}), ReadStatus::empty); }

TEST_F(ReaderMeets, ARecord) {
  ring_.write_record({64, 5}, 3, 7, 11);
  ASSERT_EQ(status_at({64, 5}), ReadStatus::event);
  EXPECT_EQ(record_.position, 64U);
  EXPECT_EQ(record_.sequence, 5U);
  EXPECT_EQ(record_.size, 3U);
  EXPECT_EQ(record_.type, 7U);
  EXPECT_EQ(record_.timestamp_ns, 11U);
}

TEST_F(ReaderMeets, ARecordWhosePayloadIsThereAndItsSequenceIsNot) {
  ring_.write_record({0, 0}, 64, 1, 1);
  fill_payload(ring_.data() + sizeof(RecordHeader), 64, 1);
  ring_.set_intent(4096);
  EXPECT_EQ(status_at({0, 1}), ReadStatus::empty);
}

TEST_F(ReaderMeets, ARecordThatThePublisherMayBeWritingOver) {
  ring_.write_record({64, 5}, 3);
  ring_.set_intent(64 + capacity_);
  EXPECT_EQ(status_at({64, 5}), ReadStatus::event) << "intent reaches its first byte but not beyond";
  ring_.set_intent(64 + capacity_ + 8);
  EXPECT_EQ(status_at({64, 5}), ReadStatus::overrun);
}

TEST_F(ReaderMeets, AnotherSequenceAfterItWasOverrun) {
  ring_.write_record({capacity_ + 64, 900}, 3);
  ring_.set_intent(2 * capacity_);
  EXPECT_EQ(status_at({64, 5}), ReadStatus::overrun);
}

TEST_F(ReaderMeets, AZeroWordThatANewerLapHasPutThere) {
  ring_.set_intent(2 * capacity_);
  EXPECT_EQ(status_at({64, 5}), ReadStatus::overrun) << "not `empty`: its event is gone";
}

TEST_F(ReaderMeets, ASizeFromANewerLap) {
  // The word still says 5, the size is already somebody else's payload: an overrun, not corruption.
  ring_.write_record({64, 5}, 0xffffffff);
  ring_.set_intent(64 + capacity_ + 8);
  EXPECT_EQ(status_at({64, 5}), ReadStatus::overrun);
}

TEST_F(ReaderMeets, ASizeBeyondTheLargest) {
  const auto most = static_cast<std::uint32_t>(largest_payload_bytes(capacity_));
  ring_.write_record({64, 5}, most);
  EXPECT_EQ(status_at({64, 5}), ReadStatus::event);
  for (const std::uint32_t size : {most + 1, std::uint32_t{0x7fffffff}, std::uint32_t{0xffffffff}}) {
    ring_.write_record({64, 5}, size);
    EXPECT_EQ(status_at({64, 5}), ReadStatus::corrupt) << size;
  }
}

TEST_F(ReaderMeets, AWordThatNoPublisherWrites) {
  for (const std::uint64_t word : {std::uint64_t{4}, std::uint64_t{6}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    ring_.word_at(64).store_relaxed(word);
    EXPECT_EQ(status_at({64, 5}), ReadStatus::corrupt) << word;
  }
}

TEST_F(ReaderMeets, TheLargestRecordAtTheEndOfTheRing) {
  const auto most = static_cast<std::uint32_t>(largest_payload_bytes(capacity_));
  const Place place{5 * capacity_ - 8, 77};  // its header, too, runs into the second mapping
  ring_.write_record(place, most, type_for(77), timestamp_for(77));
  fill_payload(ring_.data() + (capacity_ - 8) + sizeof(RecordHeader), most, 77);
  ring_.set_intent(place.position + record_bytes(most) + 8);
  ASSERT_EQ(Reader(ring_.view(), place).peek(record_), ReadStatus::event);
  EXPECT_TRUE(is_whole(record_));
  std::vector<std::uint64_t> buffer;
  ASSERT_EQ(read_copy(ring_, place, record_, buffer), ReadStatus::event);
  EXPECT_TRUE(is_whole(record_));
}

TEST_F(ReaderMeets, PositionsThatWouldUnderflowADifference) {
  ring_.write_record({0, 1}, 8);
  ring_.set_intent(8);  // in the first lap intent is less than the capacity
  EXPECT_EQ(status_at({0, 1}), ReadStatus::event);
  ring_.set_intent(~std::uint64_t{0});
  EXPECT_EQ(status_at({0, 1}), ReadStatus::event) << "nonsense is behind, by signed difference";
  ring_.set_intent(std::uint64_t{1} << 62);
  EXPECT_EQ(status_at({0, 1}), ReadStatus::overrun);
}

TEST_F(ReaderMeets, AnOverrunBetweenPeekAndTheLastLookAtTheView) {
  ring_.write_record({64, 5}, 8);
  const Reader reader(ring_.view(), {64, 5});
  ASSERT_EQ(reader.peek(record_), ReadStatus::event);
  EXPECT_TRUE(reader.intact(record_.position));
  ring_.set_intent(64 + capacity_ + 8);
  EXPECT_FALSE(reader.intact(record_.position));
}

TEST_F(ReaderMeets, TheNextRecordAfterThisOne) {
  ring_.write_record({64, 5}, 9);
  ring_.write_record({64 + record_bytes(9), 6}, 0);
  Reader reader(ring_.view(), {64, 5});
  ASSERT_EQ(reader.peek(record_), ReadStatus::event);
  ASSERT_EQ(reader.peek(record_), ReadStatus::event) << "a peek does not go on by itself";
  EXPECT_EQ(record_.sequence, 5U);
  reader.advance(record_);
  EXPECT_EQ(reader.place(), (Place{64 + record_bytes(9), 6}));
  ASSERT_EQ(reader.peek(record_), ReadStatus::event);
  EXPECT_EQ(record_.sequence, 6U);
  reader.go_to({64, 5});
  ASSERT_EQ(reader.peek(record_), ReadStatus::event);
  EXPECT_EQ(record_.sequence, 5U);
}

TEST_F(ReaderMeets, AnyBytesAtAllWithoutLeavingTheMapping) {
  Random random(test_seed());
  std::vector<std::uint64_t> buffer;
  int events = 0;
  for (int run = 0; run < 200'000; ++run) {
    const Place place{random.below(~std::uint64_t{0}) & ~std::uint64_t{7}, 1 + random.below(3)};
    ring_.record_at(place.position)
        .size.store_relaxed({.size = static_cast<std::uint32_t>(random.below(kMinCapacityBytes)), .checksum = 0});
    ring_.word_at(place.position).store_relaxed(random.below(4));
    ring_.set_intent(place.position + random.below(2 * capacity_));
    if (read_copy(ring_, place, record_, buffer) != ReadStatus::event) continue;
    ++events;
    ASSERT_LE(record_.size, largest_payload_bytes(capacity_));
  }
  EXPECT_GT(events, 100);
}

// ---- a reader that gates -----------------------------------------------------------------------------------------------

class GatingReaderMeets : public ReaderMeets {
 protected:
  void SetUp() override {
    state_.store_release(state_word(7, EntryState::gating));
    reader_.gate_with(state_, 7);
    ring_.write_record({64, 5}, 8);
  }
  [[nodiscard]] ReadStatus status() { return reader_.peek(record_); }

  Word64& state_ = ring_.entry(0).state;
  Reader reader_{ring_.view(), {64, 5}};
};

TEST_F(GatingReaderMeets, AnAnnouncementThatDoesNotConcernIt) {
  EXPECT_TRUE(reader_.gates());
  ring_.set_intent(64 + 2 * capacity_);  // the publisher said more than it may do: it waits for this gate all the same
  EXPECT_EQ(status(), ReadStatus::event);
  EXPECT_TRUE(reader_.intact(64));
}

TEST_F(GatingReaderMeets, ItsOwnEviction) {
  ASSERT_TRUE(change_state(ring_.entry(0), state_.load_relaxed(), EntryState::evicted));
  EXPECT_EQ(status(), ReadStatus::evicted);
  EXPECT_FALSE(reader_.intact(64));
}

TEST_F(GatingReaderMeets, ItsOwnEvictionWhereTheWordIsAnotherOne) {
  ring_.word_at(64).store_relaxed(900);
  EXPECT_EQ(status(), ReadStatus::corrupt) << "while it gates nobody may write there";
  ASSERT_TRUE(change_state(ring_.entry(0), state_.load_relaxed(), EntryState::evicted));
  EXPECT_EQ(status(), ReadStatus::evicted);
  ring_.word_at(64).store_relaxed(0);
  EXPECT_EQ(status(), ReadStatus::evicted) << "not `empty`: what it waits for may have come and gone";
}

TEST_F(GatingReaderMeets, AnotherOwnerOfItsEntry) {
  state_.store_release(state_word(8, EntryState::gating));
  EXPECT_EQ(status(), ReadStatus::evicted);
}

TEST_F(GatingReaderMeets, ASizeThatSomebodyWroteAfterItsEviction) {
  ring_.write_record({64, 5}, 0xffffffff);
  ASSERT_TRUE(change_state(ring_.entry(0), state_.load_relaxed(), EntryState::evicted));
  EXPECT_EQ(status(), ReadStatus::evicted);
}

TEST_F(GatingReaderMeets, TheEndOfTheStream) {
  ring_.word_at(64).store_relaxed(0);
  EXPECT_EQ(status(), ReadStatus::empty);
}

// ---- in the middle of a copy -------------------------------------------------------------------------------------------

// The second page of a payload cannot be read; whoever tries gets `meanwhile` called first, as if another process had run
// there, and then reads on.
class MiddleOfACopy : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kSize = 3 * 4096;

  void SetUp() override {
    ring_.write_record({0, 5}, kSize, type_for(5), timestamp_for(5));
    fill_payload(ring_.data() + sizeof(RecordHeader), kSize, 5);
    self() = this;
    struct sigaction action {};
    action.sa_handler = [](int) { self()->fault(); };
    ASSERT_EQ(sigaction(SIGSEGV, &action, &before_), 0);
    ASSERT_EQ(mprotect(trap(), 4096, PROT_NONE), 0);
  }
  void TearDown() override {
    sigaction(SIGSEGV, &before_, nullptr);
    EXPECT_TRUE(trapped_) << "the copy never came to the second page";
    self() = nullptr;
  }
  [[nodiscard]] ReadStatus copy(Reader reader) { return reader.copy(record_, reinterpret_cast<std::byte*>(buffer_.data())); }

  TestRing ring_{kMinCapacityBytes};
  Record record_;
  std::function<void()> meanwhile_;

 private:
  [[nodiscard]] std::byte* trap() const { return ring_.data() + 4096; }
  static MiddleOfACopy*& self() {
    static MiddleOfACopy* test = nullptr;
    return test;
  }
  void fault() {
    if (mprotect(trap(), 4096, PROT_READ | PROT_WRITE) != 0) _exit(99);
    trapped_ = true;
    if (meanwhile_) meanwhile_();
  }

  std::vector<std::uint64_t> buffer_ = std::vector<std::uint64_t>(kMinCapacityBytes / 4 / 8);
  struct sigaction before_ {};
  bool trapped_ = false;
};

TEST_F(MiddleOfACopy, NothingHappens) {
  ASSERT_EQ(copy(Reader(ring_.view(), {0, 5})), ReadStatus::event);
  EXPECT_TRUE(is_whole(record_));
}

TEST_F(MiddleOfACopy, ThePublisherOverrunsIt) {
  meanwhile_ = [&] {
    ring_.set_intent(ring_.capacity() + 4096 + 16);
    std::memset(static_cast<void*>(ring_.data() + 4096), 0x5a, 16);
  };
  EXPECT_EQ(copy(Reader(ring_.view(), {0, 5})), ReadStatus::overrun);
}

TEST_F(MiddleOfACopy, ThePublisherEvictsIt) {
  ring_.entry(0).state.store_release(state_word(3, EntryState::gating));
  Reader reader(ring_.view(), {0, 5});
  reader.gate_with(ring_.entry(0).state, 3);
  meanwhile_ = [&] {
    ring_.entry(0).state.store_release(state_word(3, EntryState::evicted));
    std::memset(static_cast<void*>(ring_.data() + 4096), 0x5a, 16);
  };
  EXPECT_EQ(copy(reader), ReadStatus::evicted);
}

// ---- copying -----------------------------------------------------------------------------------------------------------

TEST(Copying, MovesAnyNumberOfBytesInAndOut) {
  alignas(8) std::byte shared[128];
  alignas(8) std::byte out[128];
  for (std::uint32_t size = 0; size <= 96; ++size) {
    std::byte in[128];
    fill_payload(in, size, size + 1);
    std::memset(static_cast<void*>(shared), 0x11, sizeof shared);
    copy_to_shared(shared, in, size);
    std::memset(static_cast<void*>(out), 0x22, sizeof out);
    copy_from_shared(out, shared, size);
    EXPECT_TRUE(payload_is_right(out, size, size + 1)) << size;
    for (std::size_t i = (size + 7) / 8 * 8; i < sizeof out; ++i) {
      ASSERT_EQ(out[i], std::byte{0x22}) << "wrote behind the last word";
      ASSERT_EQ(shared[i], std::byte{0x11}) << "wrote behind the last word";
    }
  }
  copy_to_shared(shared, nullptr, 0);
}

}  // namespace
}  // namespace ringbolt::core::test
