// The simulated disk does what the storage model says, and no less harm than it allows.
#include "sim_disk.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>

namespace ringbolt::ipc::test {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string text_of(const SimDisk& disk, const std::string& name) {
  const std::span<const std::byte> bytes = disk.look(name);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class SimulatedDisk : public testing::Test {
 protected:
  // A file of two sectors of 'a', synced with its name.
  void SetUp() override {
    ASSERT_EQ(disk_.create("file", file_), 0);
    ASSERT_EQ(file_->write(bytes_of(std::string(1024, 'a')), 0), 0);
    ASSERT_EQ(file_->sync(), 0);
    ASSERT_EQ(disk_.sync_directory(), 0);
  }
  // What power cuts leave of a file, over many images; "none" where its name is gone.
  std::set<std::string> images(const std::string& name) {
    std::set<std::string> seen;
    for (int i = 0; i < 1'000; ++i) {
      disk_.cut_power(random_, image_);
      std::vector<std::string> names;
      EXPECT_EQ(image_.list(names), 0);
      seen.insert(std::ranges::find(names, name) == names.end() ? "none" : text_of(image_, name));
    }
    return seen;
  }

  SimDisk disk_{1};
  SimDisk image_{2};
  Random random_{3};
  std::unique_ptr<StorageFile> file_;
};

TEST_F(SimulatedDisk, KeepsWhatWasSynced) {
  EXPECT_FALSE(disk_.anything_unsynced());
  EXPECT_EQ(images("file"), std::set<std::string>{std::string(1024, 'a')});
}

TEST_F(SimulatedDisk, LeavesUnsyncedSectorsOldNewOrMixed) {
  ASSERT_EQ(file_->write(bytes_of(std::string(1024, 'b')), 0), 0);
  const std::set<std::string> seen = images("file");
  EXPECT_TRUE(seen.contains(std::string(1024, 'a')));
  EXPECT_TRUE(seen.contains(std::string(1024, 'b')));
  EXPECT_TRUE(seen.contains(std::string(512, 'a') + std::string(512, 'b')));
  EXPECT_TRUE(seen.contains(std::string(512, 'b') + std::string(512, 'a')));
  EXPECT_GT(seen.size(), 100U);
}

TEST_F(SimulatedDisk, ChangesNoByteThatWasNotWrittenAnew) {
  ASSERT_EQ(file_->write(bytes_of(std::string(100, 'b')), 600), 0);
  for (const std::string& text : images("file")) {
    EXPECT_EQ(text.substr(0, 600), std::string(600, 'a'));
    EXPECT_EQ(text.substr(700), std::string(324, 'a'));
  }
}

TEST_F(SimulatedDisk, TakesANameThatWasNotSynced) {
  std::unique_ptr<StorageFile> fresh;
  ASSERT_EQ(disk_.create("fresh", fresh), 0);
  ASSERT_EQ(fresh->write(bytes_of("x"), 0), 0);
  ASSERT_EQ(fresh->sync(), 0);
  EXPECT_EQ(images("fresh"), (std::set<std::string>{"none", "x"}));
  ASSERT_EQ(disk_.rename("fresh", "file"), 0);
  EXPECT_EQ(images("file"), (std::set<std::string>{"x", std::string(1024, 'a')}));
  ASSERT_EQ(disk_.sync_directory(), 0);
  EXPECT_EQ(images("file"), std::set<std::string>{"x"});
  EXPECT_EQ(images("fresh"), std::set<std::string>{"none"});
}

TEST_F(SimulatedDisk, FailsASyncOnceAndHidesWhatIsLost) {
  ASSERT_EQ(file_->write(bytes_of(std::string(1024, 'b')), 0), 0);
  disk_.fail(Call::sync, 0, EIO);
  EXPECT_EQ(file_->sync(), EIO);
  EXPECT_EQ(file_->sync(), 0);
  EXPECT_FALSE(disk_.anything_unsynced());
  EXPECT_EQ(text_of(disk_, "file"), std::string(1024, 'b'));
  disk_.restart();
  ASSERT_EQ(disk_.open("file", true, file_), 0);
  EXPECT_EQ(file_->sync(), 0);
  EXPECT_EQ(text_of(disk_, "file"), std::string(1024, 'b'));
  EXPECT_EQ(images("file").size(), 1U);
  ASSERT_EQ(file_->write(bytes_of(std::string(1024, 'b')), 0), 0);
  ASSERT_EQ(file_->sync(), 0);
  EXPECT_EQ(images("file"), std::set<std::string>{std::string(1024, 'b')}) << "written again, it is there";
}

TEST_F(SimulatedDisk, DoesNothingForADeadProcess) {
  disk_.kill_at(2);
  EXPECT_EQ(file_->write(bytes_of("b"), 0), 0);
  EXPECT_EQ(file_->sync(), EIO);
  EXPECT_TRUE(disk_.dead());
  EXPECT_EQ(file_->write(bytes_of("c"), 0), EIO);
  disk_.restart();
  EXPECT_EQ(file_->write(bytes_of("d"), 0), EBADF);
  EXPECT_EQ(text_of(disk_, "file"), "b" + std::string(1023, 'a'));
  EXPECT_TRUE(disk_.anything_unsynced());
}

TEST_F(SimulatedDisk, ShowsLaterWritesInAMapping) {
  int error = 0;
  const std::span<const std::byte> mapped = file_->map(error);
  ASSERT_EQ(mapped.size(), 1024U);
  ASSERT_EQ(file_->write(bytes_of("b"), 7), 0);
  ASSERT_EQ(file_->sync(), 0);
  ASSERT_EQ(file_->write(bytes_of("c"), 8), 0);
  EXPECT_EQ(std::memcmp(mapped.data() + 6, "abca", 4), 0);
}

}  // namespace
}  // namespace ringbolt::ipc::test
