// Options of creation that the machine may refuse: they take effect, or stat says that they did not.
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

class MemoryOptions : public IpcTest {
 protected:
  // Asked for and granted; fails the test if it was not asked for.
  static bool granted(std::string_view ring, std::string_view option) {
    const RingStat stat = stat_ring(ring);
    const auto found = std::ranges::find(stat.options, option, &RingStat::Option::name);
    EXPECT_NE(found, stat.options.end()) << option << " does not show in stat";
    return found != stat.options.end() && found->granted;
  }
  // The ring does its work, whatever was granted.
  static void expect_working(Publisher& publisher, const std::string& ring = "orders") {
    auto consumer = Consumer::attach(ring, {.policy = Policy::gate, .start = Start::latest});
    for (int i = 0; i < 300; ++i) {
      publish_numbered(publisher, 1, publisher.largest_payload_bytes() / 3);
      ASSERT_EQ(poll_sequences(consumer).size(), 1U);
    }
  }
  static std::string word_in(const std::string& path) {
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    return text;
  }
};

TEST_F(MemoryOptions, NotAskedForDoNotShow) {
  create_ring("orders", {.capacity_bytes = kSmall});
  EXPECT_TRUE(stat_ring("orders").options.empty());
}

TEST_F(MemoryOptions, NoneIsGrantedBeforeThereIsAPublisher) {
  create_ring("orders", {.capacity_bytes = kSmall, .prefault = true});
  EXPECT_FALSE(granted("orders", "prefault"));
  auto publisher = Publisher::open("orders");
  EXPECT_TRUE(granted("orders", "prefault")) << "a successor applies what creation asked for";
}

TEST_F(MemoryOptions, PrefaultAndLockAreGrantedWhereThereIsRoom) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .prefault = true, .lock_memory = true});
  EXPECT_TRUE(granted("orders", "prefault"));
  EXPECT_TRUE(granted("orders", "lock_memory"));
  expect_working(publisher);
}

#if !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer replaces mlock(2) by one that does nothing and succeeds
TEST_F(MemoryOptions, LockBeyondTheLimitIsSaidNotToBeGranted) {
  if (!can_become_others()) GTEST_SKIP() << "becoming a user without privileges needs root";
  const std::string own = place() + "/own";
  std::filesystem::create_directory(own);
  ASSERT_EQ(::chown(own.c_str(), kNobody, kNogroup), 0);
  Child child([&](const Words&) {
    const rlimit limit{std::uint64_t{64} << 10, std::uint64_t{64} << 10};
    ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    ASSERT_TRUE(become(kNobody, kNogroup));
    use_place(own);
    auto publisher = Publisher::open("orders", {.capacity_bytes = std::uint64_t{1} << 20, .lock_memory = true});
    EXPECT_FALSE(granted("orders", "lock_memory"));
    expect_working(publisher);
  });
  EXPECT_TRUE(child.join());
}
#endif

TEST_F(MemoryOptions, ANumaNodeThatIsNotThereIsSaidNotToBeGranted) {
  for (const int node : {63, 1'023, 1'024, 1'000'000}) {
    const std::string ring = "node-" + std::to_string(node);
    auto publisher = Publisher::open(ring, {.capacity_bytes = kSmall, .numa_node = node});
    EXPECT_FALSE(granted(ring, "numa_node"));
    expect_working(publisher, ring);
  }
}

TEST_F(MemoryOptions, TheFirstNumaNodeIsGranted) {
  if (!std::filesystem::exists("/sys/devices/system/node/node0")) GTEST_SKIP() << "a kernel without NUMA";
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .numa_node = 0});
  EXPECT_TRUE(granted("orders", "numa_node"));
  expect_working(publisher);
}

TEST_F(MemoryOptions, HugePagesWhereTheKernelHasNoneForTmpfsAreSaidNotToBeGranted) {
  const std::string setting = word_in("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  if (setting.find("[never]") == std::string::npos && setting.find("[deny]") == std::string::npos && !setting.empty())
    GTEST_SKIP() << "this kernel may give huge pages to tmpfs: " << setting;
  auto publisher = Publisher::open("orders", {.capacity_bytes = std::uint64_t{4} << 20, .huge_pages = true});
  EXPECT_FALSE(granted("orders", "huge_pages"));
  expect_working(publisher);
}

TEST_F(MemoryOptions, HugePagesOnTmpfsAreGrantedOnlyIfTheyAreThere) {
  const std::string path = place() + "/mnt";
  std::filesystem::create_directory(path);
  Child child([&](const Words& words) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", path.c_str(), "tmpfs", 0, "size=32m,huge=always") != 0) {
      words.say(std::string("no tmpfs with huge pages: ") + std::strerror(errno));
      return;
    }
    use_place(path);
    auto publisher =
        Publisher::open("orders", {.capacity_bytes = std::uint64_t{4} << 20, .huge_pages = true, .prefault = true});
    expect_working(publisher);
    words.say(granted("orders", "huge_pages") ? "granted" : "the kernel gave none, and stat said so");
  });
  const std::string said = child.words().hear();
  EXPECT_TRUE(child.join());
  if (said != "granted") GTEST_SKIP() << said;
}

// How many huge pages the machine has, for the life of this object. All processes share them, so one at a time.
class HugePagePool {
 public:
  explicit HugePagePool(int pages) : turn_(::open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    ::flock(turn_, LOCK_EX);
    before_ = read();
    std::ofstream(kFile) << std::max(pages, before_);
    enough_ = read() >= pages;
  }
  ~HugePagePool() {
    std::ofstream(kFile) << before_;
    ::close(turn_);
  }
  HugePagePool(const HugePagePool&) = delete;
  HugePagePool& operator=(const HugePagePool&) = delete;
  [[nodiscard]] bool enough() const { return enough_; }

 private:
  static constexpr const char* kFile = "/proc/sys/vm/nr_hugepages";
  static int read() {
    int pages = 0;
    std::ifstream(kFile) >> pages;
    return pages;
  }
  int turn_;
  int before_ = 0;
  bool enough_ = false;
};

TEST_F(MemoryOptions, HugePagesOnAHugetlbMountAreGranted) {
  const std::string path = place() + "/mnt";
  std::filesystem::create_directory(path);
  const HugePagePool pool(32);
  if (!pool.enough()) GTEST_SKIP() << "vm.nr_hugepages cannot be raised to 32";
  Child child([&](const Words& words) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", path.c_str(), "hugetlbfs", 0, "pagesize=2M") != 0) {
      words.say(std::string("no hugetlbfs: ") + std::strerror(errno));
      return;
    }
    words.say("mounted");
    use_place(path);
    {
      auto publisher = Publisher::open("orders", {.capacity_bytes = std::uint64_t{4} << 20, .huge_pages = true});
      EXPECT_TRUE(granted("orders", "huge_pages"));
      expect_working(publisher);
    }
    auto successor = Publisher::open("orders");
    EXPECT_TRUE(granted("orders", "huge_pages"));
    expect_working(successor);
    remove_ring("orders", true);
    // More than the pool has: missed now, and not when a page is touched.
    expect_error([] { create_ring("large", {.capacity_bytes = std::uint64_t{512} << 20, .huge_pages = true}); },
                 Code::no_space, {"large"});
    expect_error([] { create_ring("tiny", {.capacity_bytes = kSmall}); }, Code::bad_option, {"'tiny'", "2 MiB", "capacity"});
    EXPECT_TRUE(names_in(path).empty());
  });
  const std::string said = child.words().hear();
  EXPECT_TRUE(child.join());
  if (said != "mounted") GTEST_SKIP() << said;
}

}  // namespace
}  // namespace ringbolt::test
