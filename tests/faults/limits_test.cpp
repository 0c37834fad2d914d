// What a machine or a container does not give: room, inodes, file sizes, descriptors, memory. What `ipc/limits_test.cpp` has
// for the ring is here for the journal, and for both together.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "ipc/child.hpp"
#include "ipc/journalled_ring.hpp"
#include "nth_call.hpp"

namespace ringbolt::test {
namespace {

// A truth that a child can tell.
template <class T>
class Shared {
 public:
  Shared()
      : value_(static_cast<T*>(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Shared() { ::munmap(value_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T& operator*() const { return *value_; }

 private:
  T* value_;
};

class FaultLimits : public JournalledRing {
 protected:
  void SetUp() override {
    disk_ = place() + "-disk";
    std::filesystem::create_directory(disk_);
  }
  [[nodiscard]] std::string mounted() const { return disk_ + "/mounted"; }
  // Runs `body` in a child that has a small file system of its own at `mounted()`; skips the test where there can be none.
  void on_mount(const char* options, const std::function<void()>& body) const {
    std::filesystem::create_directory(mounted());
    Child child([&](const Words& words) {
      std::string why;
      if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::mount("none", mounted().c_str(), "tmpfs", 0, options) != 0)
        why = std::string("no mount of its own: ") + std::strerror(errno);
      words.say(why.empty() ? "mounted" : why);
      if (why.empty()) body();
    });
    const std::string said = child.words().hear();
    EXPECT_TRUE(child.join());
    if (said != "mounted") GTEST_SKIP() << said;
  }
  [[nodiscard]] PublisherOptions on_small_disk() const {
    return {.capacity_bytes = kSmall,
            .journal = {
                .directory = mounted() + "/j", .sync = Sync::every, .segment_bytes = 64 << 10, .on_stall = OnStall::fail}};
  }
  // Until the ring is full of what the journal cannot take.
  static void publish_until_stalled(Publisher& publisher) {
    ASSERT_TRUE(eventually([&] {
      return publisher.try_publish(publisher.next_sequence()).status == Status::journal_stalled;
    })) << "the journal never stalled";
  }
  void expect_recorded(Publisher& publisher) const {
    const std::uint64_t last = publisher.next_sequence() - 1;
    EXPECT_TRUE(publisher.wait_durable(last, kLong));
    JournalReader reader = JournalReader::open(mounted() + "/j");
    Event event;
    std::uint64_t next = 1;
    for (; reader.next(event) == Status::ok; ++next) ASSERT_EQ(event.as<std::uint64_t>(), next);
    EXPECT_EQ(next, last + 1);
  }
};

TEST_F(FaultLimits, AFullDiskStallsTheJournalUntilThereIsRoom) {
  on_mount("size=1m", [&] {
    auto publisher = Publisher::open("orders", on_small_disk());
    publish_numbers(publisher, 100);
    ASSERT_TRUE(publisher.wait_durable(100, kLong));
    const std::string filler = mounted() + "/filler";
    const int fd = ::open(filler.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const std::vector<char> page(4'096);
    while (::write(fd, page.data(), page.size()) > 0) {
    }
    ::close(fd);
    publish_until_stalled(publisher);
    const JournalStat stat = stat_ring("orders").journal.value();
    EXPECT_EQ(stat.state, "stalled");
    EXPECT_EQ(stat.error, ENOSPC);
    expect_error([&] { publisher.publish(std::uint64_t{0}); }, Code::journal_stalled, {"orders", "No space left"});
    std::filesystem::remove(filler);
    expect_recorded(publisher);  // it goes on by itself
  });
}

TEST_F(FaultLimits, AFullDiskIsSaidWhenAJournalIsOpened) {
  on_mount("size=16k", [&] {
    expect_error([&] { static_cast<void>(Publisher::open("orders", on_small_disk())); }, Code::no_space, {"No space left"});
    EXPECT_TRUE(!std::filesystem::exists(mounted() + "/j") ||
                names_in(mounted() + "/j") == std::vector<std::string>{"lock"});
  });
}

TEST_F(FaultLimits, NoInodesStallTheJournalOrAreSaid) {
  int opened = 0;
  int refused = 0;
  for (int inodes = 2; inodes <= 10 && !IsSkipped(); ++inodes) {
    const std::string options = "size=4m,nr_inodes=" + std::to_string(inodes);
    Shared<bool> made;
    on_mount(options.c_str(), [&] {
      try {
        auto publisher = Publisher::open("orders", on_small_disk());
        *made = true;
        publish_numbers(publisher, 100);
        EXPECT_TRUE(publisher.wait_durable(100, kLong));
      } catch (const Error& error) {
        EXPECT_STREQ(code_name(error.code()), "no_space") << error.what();
      }
    });
    (*made ? opened : refused) += 1;
    std::filesystem::remove_all(ring_path("orders"));
  }
  if (IsSkipped()) return;
  EXPECT_GE(refused, 2);
  EXPECT_GE(opened, 1);
}

// The kernel's signal for it kills by default. Whichever file is the one that is too large: it is an Error.
TEST_F(FaultLimits, AFileSizeLimitDoesNotKillWhoKeepsAJournalOrACursor) {
  int worked = 0;
  for (const rlim_t most : {0U, 1U, 511U, 4'095U, 4'096U, 8'191U, 8'192U, 12'287U, 12'288U, 65'535U, 65'536U, 131'072U}) {
    SCOPED_TRACE(most);
    for (const bool first : {true, false}) {  // is the journal there already?
      if (first) {
        create_ring("orders", {.capacity_bytes = kSmall});
      } else {
        auto publisher = Publisher::open("orders", journalled());
        publish_numbers(publisher, 10);
        ASSERT_TRUE(publisher.wait_durable(10, kLong));
      }
      Child child([&](const Words& words) {
        ::signal(SIGXFSZ, SIG_DFL);
        const rlimit limit{most, most};
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
        try {
          auto publisher = Publisher::open("orders", journalled());
          publish_numbers(publisher, 10);
          const std::uint64_t last = publisher.next_sequence() - 1;
          auto consumer = Consumer::attach("orders", {.name = "billing"});
          read_up_to(consumer, last);
          words.say("worked");
        } catch (const Error& error) {
          words.say(error.what());
          EXPECT_NE(std::string(error.what()).find("File too large"), std::string::npos) << error.what();
        }
      });
      const std::string said = child.words().hear();
      EXPECT_TRUE(child.join()) << "killed: " << said;
      worked += said == "worked" ? 1 : 0;
    }
    lose_ring("orders");
    std::filesystem::remove_all(directory());
  }
  EXPECT_GE(worked, 2);
}

TEST_F(FaultLimits, NoDescriptorsForAJournalAreSaidAndLeaveItWhole) {
  Child child([&](const Words&) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const int lowest = ::dup(0);
    ::close(lowest);
    int failures = 0;
    for (rlim_t more = 0;; ++more) {
      ASSERT_LT(more, 40U) << "it never works";
      SCOPED_TRACE(more);
      const rlimit few{static_cast<rlim_t>(lowest) + more, limit.rlim_max};
      bool worked = false;
      ::setrlimit(RLIMIT_NOFILE, &few);
      try {
        auto publisher = Publisher::open("orders", journalled());
        const std::uint64_t last = publisher.publish(publisher.next_sequence());
        auto consumer = Consumer::attach("orders", {.name = "billing"});
        worked = publisher.wait_durable(last, kLong);
      } catch (const Error& error) {
        ::setrlimit(RLIMIT_NOFILE, &limit);
        EXPECT_NE(std::string(error.what()).find("Too many open files"), std::string::npos) << error.what();
        ++failures;
      }
      ::setrlimit(RLIMIT_NOFILE, &limit);
      if (worked) break;
    }
    EXPECT_GE(failures, 5);
    auto publisher = Publisher::open("orders", journalled());
    auto consumer = Consumer::attach("orders", {.start = Start::earliest});
    read_up_to(consumer, publisher.next_sequence() - 1);
  });
  EXPECT_TRUE(child.join());
}

TEST_F(FaultLimits, TheSharedMemoryOfAContainerHoldsThreeRingsAndSaysSoAtTheFourth) {
  on_mount("size=64m", [&] {
    use_place(mounted());
    std::vector<Publisher> publishers;
    for (const char* ring : {"one", "two", "three"}) publishers.push_back(Publisher::open(ring));
    expect_error([] { static_cast<void>(Publisher::open("four")); }, Code::no_space, {"16 MiB", "of 64 MiB", "--shm-size"});
    EXPECT_EQ(list_rings().size(), 3U);
    for (Publisher& publisher : publishers) {  // every page of them
      for (std::uint64_t sent = 0; sent < 2 * publisher.capacity_bytes(); sent += 60'000)
        publish_numbered(publisher, 1, 60'000);
    }
    publishers.clear();  // who has it mapped keeps its memory
    remove_ring("one");
    static_cast<void>(Publisher::open("four"));
  });
}

// Where its memory is counted, a process that allocates more than it may is killed, and not refused. Nobody else minds.
TEST_F(FaultLimits, AMemoryCgroupKillsTheCreatorAndNobodyElse) {
  const std::string group = "/sys/fs/cgroup/memory/ringbolt-test-" + std::to_string(::getpid());
  const std::string unified = "/sys/fs/cgroup/ringbolt-test-" + std::to_string(::getpid());
  const bool old = std::filesystem::exists("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  const std::string& own = old ? group : unified;
  std::error_code refused;
  std::filesystem::create_directory(own, refused);
  const auto write = [](const std::string& file, const std::string& text) {
    std::ofstream out(file);
    out << text << std::flush;
    return out.good();
  };
  const bool ready = !refused && write(own + (old ? "/memory.limit_in_bytes" : "/memory.max"), "33554432");
  if (!ready) {
    std::filesystem::remove(own, refused);
    GTEST_SKIP() << "no memory cgroup of its own can be made here";
  }
  std::ifstream swaps("/proc/swaps");
  std::string line;
  const bool swap = std::getline(swaps, line) && std::getline(swaps, line);
  if (swap && !write(own + (old ? "/memory.memsw.limit_in_bytes" : "/memory.swap.max"), old ? "33554432" : "0")) {
    std::filesystem::remove(own, refused);
    GTEST_SKIP() << "what is too much goes to swap";
  }
  auto publisher = Publisher::open("small", {.capacity_bytes = kSmall});
  {
    Child child([&](const Words&) {
      ASSERT_TRUE(write(own + "/cgroup.procs", std::to_string(::getpid())));
      auto mine = Publisher::open("orders", {.capacity_bytes = std::uint64_t{128} << 20});
      ADD_FAILURE() << "128 MiB within a limit of 32";
    });
    EXPECT_FALSE(child.join()) << "killed, or told";
  }
  EXPECT_EQ(list_rings(), std::vector<std::string>{"small"});
  create_ring("orders", {.capacity_bytes = kSmall});
  EXPECT_EQ(names_in(place()), (std::vector<std::string>{"orders", "small"})) << "what the dead creator left is gone";
  publish_numbered(publisher, 10, 100);
  EXPECT_TRUE(eventually([&] { return std::filesystem::remove(own, refused); }));
}

// Removed by hand, without a word to anyone.
TEST_F(FaultLimits, ARingUnlinkedWhileInUseIsToldToItsUsers) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  auto anonymous = Consumer::attach("orders");
  publish_numbered(publisher, 10, 100);
  std::filesystem::remove_all(ring_path("orders"));
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 10)) << "what was published can still be read";
  EXPECT_EQ(poll_sequences(anonymous), sequences(1, 10));
  expect_error(
      [&] {
        while (true) {
          publisher.publish("x");
          poll_texts(consumer);
        }
      },
      Code::removed, {"orders"});
  for (Consumer* each : {&consumer, &anonymous}) {
    expect_error(
        [&] {
          while (true) each->poll([](const auto&) {});
        },
        Code::removed, {"orders"});
  }
  auto successor = Publisher::open("orders", {.capacity_bytes = kSmall});
  EXPECT_EQ(successor.publish("new"), 1U) << "it is another ring";
}

TEST_F(FaultLimits, ATruncatedRegistryIsSaidToWhoeverComes) {
  for (const std::uint64_t bytes : {0U, 1U, 4'095U, 4'096U, 8'192U, 8'193U}) {
    SCOPED_TRACE(bytes);
    create_ring("orders", {.capacity_bytes = kSmall});
    std::filesystem::resize_file(ring_path("orders") + "/consumers", bytes);
    const std::vector<std::function<void()>> uses{
        [] { static_cast<void>(Consumer::attach("orders", {.name = "billing"})); },
        [] { static_cast<void>(Publisher::open("orders")); },
        [] { static_cast<void>(stat_ring("orders")); },
    };
    for (const auto& use : uses) expect_error(use, Code::too_short, {"orders", "too short"});
    remove_ring("orders");
    EXPECT_TRUE(names_in(place()).empty());
  }
}

}  // namespace
}  // namespace ringbolt::test
