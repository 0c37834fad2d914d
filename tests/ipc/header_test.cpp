// The ladder of answers of an attach to a file that is not what it should be.
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "support.hpp"

namespace ringbolt::test {
namespace {

class Headers : public IpcTest {
 protected:
  Headers() { create_ring("orders", {.capacity_bytes = kSmall}); }

  [[nodiscard]] std::string events() const { return ring_path("orders") + "/events"; }
  [[nodiscard]] std::string consumers() const { return ring_path("orders") + "/consumers"; }

  // Everybody who opens the ring gets the same answer, which names the file.
  static void expect_everywhere(Code code, const std::string& file, const std::string& word = {}) {
    const std::vector<std::string> words{file, word};
    expect_error([] { static_cast<void>(Consumer::attach("orders", {.name = "billing"})); }, code, words);
    expect_error([] { static_cast<void>(Consumer::attach("orders")); }, code, words);
    expect_error([] { static_cast<void>(stat_ring("orders")); }, code, words);
    expect_error([] { static_cast<void>(Publisher::open("orders")); }, code, words);
  }
};

TEST_F(Headers, OfAnotherVersion) {
  const RingFile file(events());
  file.events().layout_version = 2;
  file.renew_checksum();
  expect_everywhere(Code::wrong_version, events(), "layout version 2 and this library reads version 1");
}

TEST_F(Headers, OfARegistryOfAnotherVersion) {
  const RingFile file(consumers());
  file.registry().layout_version = 2;
  file.renew_checksum();
  expect_everywhere(Code::wrong_version, consumers(), "layout version");
}

TEST_F(Headers, OfAnotherLayout) {
  {
    const RingFile file(events());
    file.events().fingerprint ^= 1;
    file.renew_checksum();
    expect_everywhere(Code::foreign_layout, events(), "sizes or offsets");
    file.events().fingerprint ^= 1;
    file.events().byte_order = 0x04030201;
    file.renew_checksum();
    expect_everywhere(Code::foreign_layout, events());
    file.events().byte_order = core::kByteOrderMark;
    file.renew_checksum();
  }
  const RingFile file(consumers());
  file.registry().fingerprint ^= 1;
  file.renew_checksum();
  expect_everywhere(Code::foreign_layout, consumers(), "layout");
}

TEST_F(Headers, OfTheOtherByteOrder) {
  const RingFile file(events());
  file.events().magic = __builtin_bswap64(core::kEventsMagic);
  expect_everywhere(Code::foreign_layout, events(), "byte order");
}

TEST_F(Headers, OfAnotherPageSize) {
  const RingFile file(events());
  file.events().data_offset = 1'024;
  file.renew_checksum();
  expect_everywhere(Code::foreign_layout, events(), "page size");
  file.events().data_offset = std::uint64_t{1} << 62;
  file.renew_checksum();
  expect_everywhere(Code::foreign_layout, events(), "page size");
}

TEST_F(Headers, WithoutTheMagicNumber) {
  RingFile(events()).events().magic = 0;
  expect_everywhere(Code::damaged, events(), "magic");
}

TEST_F(Headers, OfARegistryWithoutTheMagicNumber) {
  RingFile(consumers()).registry().magic ^= 1;
  expect_everywhere(Code::damaged, consumers(), "magic");
}

TEST_F(Headers, WhoseChecksumDoesNotMatch) {
  {
    const RingFile file(events());
    file.events().first_sequence = 2;
    expect_everywhere(Code::damaged, events(), "checksum");
    file.events().first_sequence = 1;
  }
  RingFile(consumers()).registry().slots = 255;
  expect_everywhere(Code::damaged, consumers(), "checksum");
}

// The checksum guards against damage and not against intent: what it covers is checked all the same.
TEST_F(Headers, WhoseValuesAreImpossibleThoughTheChecksumMatches) {
  const RingFile file(events());
  const auto expect_refused = [&](const char* what) {
    SCOPED_TRACE(what);
    file.renew_checksum();
    EXPECT_THROW(static_cast<void>(Consumer::attach("orders")), Error);
    EXPECT_THROW(static_cast<void>(Publisher::open("orders")), Error);
    EXPECT_THROW(static_cast<void>(stat_ring("orders")), Error);
  };
  for (const std::uint64_t capacity : {std::uint64_t{0}, std::uint64_t{4'096}, kSmall + 1, 3 * kSmall, 2 * kSmall,
                                       core::kMaxCapacityBytes, core::kMaxCapacityBytes * 2, ~std::uint64_t{0}}) {
    file.events().capacity_bytes = capacity;
    expect_refused("capacity");
  }
  file.events().capacity_bytes = kSmall;
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{8}, std::uint64_t{8'192}, ~std::uint64_t{4'095}}) {
    file.events().data_offset = offset;
    expect_refused("data offset");
  }
  file.events().data_offset = 4'096;
  for (const std::uint64_t first : {std::uint64_t{0}, core::kLargestFirstSequence + 1, ~std::uint64_t{0}}) {
    file.events().first_sequence = first;
    expect_refused("first sequence");
  }
  file.events().first_sequence = 1;
  for (const std::uint32_t slots : {0U, core::kMaxConsumerSlots + 1, ~0U}) {
    file.events().consumer_slots = slots;
    expect_refused("slots");
  }
}

TEST_F(Headers, OfARegistryWhoseValuesAreImpossibleThoughTheChecksumMatches) {
  const RingFile file(consumers());
  const auto expect_refused = [&](const char* what) {
    SCOPED_TRACE(what);
    file.renew_checksum();
    EXPECT_THROW(static_cast<void>(Consumer::attach("orders")), Error);
    EXPECT_THROW(static_cast<void>(Publisher::open("orders")), Error);
  };
  for (const std::uint32_t slots : {0U, 1U, 255U, 257U, 300U, core::kMaxConsumerSlots, core::kMaxConsumerSlots + 1, ~0U}) {
    file.registry().slots = slots;
    expect_refused("slots");
  }
  file.registry().slots = 256;
  file.registry().entry_bytes = 0;
  expect_refused("size of an entry");
}

TEST_F(Headers, OfTwoRings) {
  for (const std::uint32_t slots : {0U, 3U, 300U}) {  // as many as the other, fewer, more
    SCOPED_TRACE(slots);
    {
      create_ring("other", {.capacity_bytes = kSmall, .consumer_slots = slots});
      auto billing = Consumer::attach("other", {.name = "billing"});
    }
    std::filesystem::rename(ring_path("other") + "/consumers", consumers());
    for (const auto& use : std::vector<std::function<void()>>{
             [] { static_cast<void>(Consumer::attach("orders", {.name = "billing"})); },
             [] { static_cast<void>(Publisher::open("orders")); },
             [] { static_cast<void>(stat_ring("orders")); },
             [] { static_cast<void>(seek_consumer("orders", "billing", Start::earliest)); },
         })
      expect_error(use, Code::damaged, {"two different rings", ring_path("orders"), "ringbolt rm"});
    remove_ring("other");
  }
}

TEST_F(Headers, OfFilesThatWereCut) {
  const auto full = static_cast<off_t>(std::filesystem::file_size(events()));
  for (const off_t size : {full - 1, full / 2, off_t{4'097}, off_t{4'096}, off_t{4'095}, off_t{128}, off_t{1}, off_t{0}}) {
    ASSERT_EQ(::truncate(events().c_str(), size), 0);
    SCOPED_TRACE(size);
    expect_everywhere(Code::too_short, events(), "ringbolt rm --force");
  }
}

TEST_F(Headers, OfRegistriesThatWereCut) {
  const auto full = static_cast<off_t>(std::filesystem::file_size(consumers()));
  for (const off_t size : {full - 1, full - 4'096, off_t{4'096}, off_t{4'095}, off_t{1}, off_t{0}}) {
    ASSERT_EQ(::truncate(consumers().c_str(), size), 0);
    SCOPED_TRACE(size);
    expect_everywhere(Code::too_short, consumers());
  }
}

TEST_F(Headers, OfFilesThatAreMissing) {
  ASSERT_EQ(::unlink(consumers().c_str()), 0);
  expect_error([] { static_cast<void>(Consumer::attach("orders")); }, Code::damaged, {consumers()});
  expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::damaged, {consumers()});
  create_ring("second", {.capacity_bytes = kSmall});
  ASSERT_EQ(::unlink((ring_path("second") + "/lease").c_str()), 0);
  expect_error([] { static_cast<void>(Publisher::open("second")); }, Code::damaged, {"lease"});
  create_ring("third", {.capacity_bytes = kSmall});
  ASSERT_EQ(::unlink((ring_path("third") + "/locks").c_str()), 0);
  expect_error([] { static_cast<void>(Consumer::attach("third", {.name = "billing"})); }, Code::damaged, {"locks"});
  create_ring("fourth", {.capacity_bytes = kSmall});
  ASSERT_EQ(::unlink((ring_path("fourth") + "/events").c_str()), 0);
  expect_error([] { static_cast<void>(Publisher::open("fourth")); }, Code::damaged, {"fourth", "no file `events`"});
}

TEST_F(Headers, OfAStreamWhoseEndCannotBeFound) {
  const auto broken = [&](const std::function<void(const RingFile&)>& damage) {
    {
      auto publisher = Publisher::open("orders");
      publish_numbered(publisher, 10, 100);
    }
    {
      const RingFile file(events());
      const auto before = std::vector<std::byte>(file.bytes().begin(), file.bytes().end());
      damage(file);
      expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::damaged,
                   {events(), "do not hold together", "ringbolt rm"});
      std::memcpy(file.bytes().data(), before.data(), before.size());
    }
  };
  broken([](const RingFile& file) {  // no anchor at all
    for (core::Boundary& anchor : file.events().anchors) anchor.position.store_relaxed(core::kNoPosition);
  });
  broken([](const RingFile& file) {  // a record with a wrong number behind the anchor
    file.record(file.events().hint.load_relaxed()).sequence.store_relaxed(12'345);
  });
  broken([](const RingFile& file) {  // an anchor in the middle of nowhere
    for (core::Boundary& anchor : file.events().anchors) anchor.position.store_relaxed(48);
  });
  EXPECT_EQ(Publisher::open("orders").next_sequence(), 31U) << "a refused open must have changed nothing";
}

}  // namespace
}  // namespace ringbolt::test
