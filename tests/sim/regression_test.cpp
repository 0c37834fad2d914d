// What the simulator found and what takes a certain moment: here it happens at each access to shared memory in turn.
#include <gtest/gtest.h>

#include <ringbolt/ipc/consumer.hpp>
#include <ringbolt/ipc/publisher.hpp>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "disk.hpp"
#include "machine.hpp"

namespace ringbolt::sim {
namespace {

class Meanwhile : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = "/dev/shm/ringbolt-sim-XXXXXX";
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // A new ring, whose journal is a process of its own, on a new disk.
  struct Place {
    explicit Place(const std::string& directory)
        : ring(directory + "/ring"),
          journal{.directory = directory + "/journal", .sync = Sync::every, .segment_bytes = 65'536, .own_process = true},
          disk(journal.directory, 1, [] { return false; }) {}
    ~Place() {
      std::filesystem::remove_all(ring);
      std::filesystem::remove_all(journal.directory);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    Publisher publisher() {
      return Publisher::open(ring, {.capacity_bytes = 64 << 10, .consumer_slots = 4, .journal = journal});
    }
    void record() {  // all that is published
      run_journal(ring, journal, [] { return true; });
    }

    std::string ring;
    JournalOptions journal;
    Disk disk;
  };

  std::string directory_;
};

// The event that its gate waits for was published between two looks, and it took the ring for another journal's.
TEST_F(Meanwhile, AJournalBeginsWhateverIsPublished) {
  for (std::uint64_t access = 1;; ++access) {
    Place place(directory_);
    Publisher publisher = place.publisher();
    at_access(access, [&] { publisher.publish("one"); });
    ASSERT_NO_THROW(place.record()) << access;
    if (waits_for_access()) break;
    place.record();
    ASSERT_EQ(publisher.durable_sequence(), 1U) << access;
  }
  at_access(0, {});
}

// It made its cursor with half of the journal's id, and was refused with it ever after.
TEST_F(Meanwhile, AConsumerMakesItsCursorWhileTheJournalBegins) {
  for (std::uint64_t access = 1;; ++access) {
    Place place(directory_);
    Publisher publisher = place.publisher();
    publisher.publish("one");
    const auto attach = [&] { static_cast<void>(Consumer::attach(place.ring, {.name = "c", .policy = Policy::lossy})); };
    at_access(access, attach);
    place.record();
    if (waits_for_access()) break;
    ASSERT_NO_THROW(attach()) << access;
  }
  at_access(0, {});
}

// It had looked for a journal before there was one, and then in a ring that no longer held the first event.
TEST_F(Meanwhile, AConsumerAttachesWhileTheJournalBegins) {
  for (std::uint64_t access = 1;; ++access) {
    Place place(directory_);
    Publisher publisher = place.publisher();
    const std::vector<std::byte> payload(8'000);
    at_access(access, [&] {
      for (int i = 0; i < 16; ++i) {
        publisher.publish(payload);
        place.record();
      }
    });
    Consumer consumer = Consumer::attach(place.ring, {.name = "c", .policy = Policy::journal});
    if (waits_for_access()) break;
    for (std::uint64_t sequence = 1; sequence <= 16; ++sequence) {
      Event event;
      Status status = Status::empty;
      for (int attempt = 0; attempt < 4 && status == Status::empty; ++attempt) status = consumer.try_next(event);
      ASSERT_EQ(status, Status::ok) << access;
      ASSERT_EQ(event.sequence, sequence) << access;
    }
  }
  at_access(0, {});
}

}  // namespace
}  // namespace ringbolt::sim
