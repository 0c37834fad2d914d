// What cannot be had: memory, inodes, descriptors, file sizes, slots, options. It shows at creation or attaching, as an
// error that says what to do, and nothing is left behind.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

class Limits : public IpcTest {
 protected:
  // In a child: a mount of its own at `place()`/mnt that nobody else sees. Empty if it worked, otherwise why not.
  [[nodiscard]] std::string mount_here(const char* type, const char* options) const {
    const std::string at = mount_path();
    std::filesystem::create_directory(at);
    if (::unshare(CLONE_NEWNS) != 0) return std::string("no private mount namespace: ") + std::strerror(errno);
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", at.c_str(), type, 0, options) != 0)
      return std::string("cannot mount a ") + type + ": " + std::strerror(errno);
    return {};
  }
  [[nodiscard]] std::string mount_path() const { return place() + "/mnt"; }

  // Runs `body` in a child where RINGBOLT_DIR is such a mount; skips the test where there can be none.
  void on_mount(const char* options, const std::function<void()>& body) const {
    std::filesystem::create_directory(mount_path());
    Child child([&](const Words& words) {
      const std::string why_not = mount_here("tmpfs", options);
      words.say(why_not.empty() ? "mounted" : why_not);
      if (!why_not.empty()) return;
      use_place(mount_path());
      body();
    });
    const std::string said = child.words().hear();
    EXPECT_TRUE(child.join());
    if (said != "mounted") GTEST_SKIP() << said;
  }
};

TEST_F(Limits, AFullFileSystemIsSaidWithMountFreeAndAsked) {
  on_mount("size=4m", [&] {
    const std::vector<std::string> words{
        mount_path() + "/orders", "16 MiB",           "No space left", "on " + mount_path() + " ",
        "free 4 MiB of 4 MiB",    "smaller capacity", "--shm-size"};
    expect_error([] { create_ring("orders"); }, Code::no_space, words);
    expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::no_space, words);
    EXPECT_TRUE(names_in(mount_path()).empty()) << "something was left behind";
    create_ring("small", {.capacity_bytes = std::uint64_t{2} << 20});  // nothing of the failed ones takes room
    expect_error([] { create_ring("orders", {.capacity_bytes = std::uint64_t{2} << 20}); }, Code::no_space, {"2 MiB"});
    EXPECT_EQ(names_in(mount_path()), std::vector<std::string>{"small"});
  });
}

// All pages are there from the start: a file system that fills up later hurts nobody.
TEST_F(Limits, AFileSystemThatFillsUpLaterDoesNotHurt) {
  on_mount("size=4m", [&] {
    auto publisher = Publisher::open("orders", {.capacity_bytes = std::uint64_t{2} << 20});
    const int fd = ::open((mount_path() + "/filler").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const std::vector<char> page(4'096);
    while (::write(fd, page.data(), page.size()) > 0) {
    }
    EXPECT_EQ(errno, ENOSPC);
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    for (int i = 0; i < 10'000; ++i) {
      publish_numbered(publisher, 1, 1'000);
      EXPECT_EQ(poll_sequences(consumer).size(), 1U);
    }
    ::close(fd);
  });
}

// `mnt`, its root, the ring's directory and its files each take one.
TEST_F(Limits, NoInodesIsSaidAtWhicheverFileItShows) {
  int failures = 0;
  bool skipped = false;
  for (int inodes = 2; inodes <= 9; ++inodes) {
    const std::string options = "size=4m,nr_inodes=" + std::to_string(inodes);
    std::filesystem::create_directory(mount_path());
    Child child([&](const Words& words) {
      const std::string why_not = mount_here("tmpfs", options.c_str());
      words.say(why_not.empty() ? "mounted" : why_not);
      if (!why_not.empty()) return;
      use_place(mount_path());
      std::string outcome = "made";
      try {
        static_cast<void>(Publisher::open("orders", {.capacity_bytes = kSmall}));
      } catch (const Error& error) {
        EXPECT_STREQ(code_name(error.code()), "no_space") << error.what();
        EXPECT_NE(std::string(error.what()).find("No space left"), std::string::npos) << error.what();
        outcome = names_in(mount_path()).empty() ? "nothing left" : "a ring without publisher";
      }
      words.say(outcome);
    });
    const std::string said = child.words().hear();
    if (said != "mounted") {
      skipped = true;
      EXPECT_TRUE(child.join());
      break;
    }
    const std::string outcome = child.words().hear();
    failures += outcome != "made" ? 1 : 0;
    EXPECT_FALSE(outcome.empty());
    EXPECT_TRUE(child.join()) << inodes << " inodes";
  }
  if (skipped) GTEST_SKIP() << "a tmpfs of its own needs root";
  EXPECT_GE(failures, 4) << "each of directory, lease, events, consumers, locks can be the one that does not fit";
  EXPECT_LT(failures, 8) << "with enough inodes it must work";
}

TEST_F(Limits, AFileSizeLimitIsSaidAndDoesNotKill) {
  for (const bool ignored : {true, false}) {  // the kernel's signal for it kills by default
    SCOPED_TRACE(ignored);
    Child child([&](const Words&) {
      ::signal(SIGXFSZ, ignored ? SIG_IGN : SIG_DFL);
      const rlimit limit{1 << 20, 1 << 20};
      ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
      expect_error([] { create_ring("orders"); }, Code::no_space, {"orders", "16 MiB", "ulimit -f"});
      EXPECT_TRUE(names_in(place()).empty());
      create_ring("small", {.capacity_bytes = kSmall});
    });
    EXPECT_TRUE(child.join());
    remove_ring("small");
  }
}

// Whichever file is the one that is too large. What is there already is used as before: nothing else grows.
TEST_F(Limits, AFileSizeLimitOfAnySizeIsSurvivedByWhoeverComes) {
  const auto bytes = [&](const char* file) { return std::filesystem::file_size(ring_path("orders") + "/" + file); };
  create_ring("orders", {.capacity_bytes = kSmall, .consumer_slots = 1'000});
  const std::uint64_t events = bytes("events");
  const std::uint64_t consumers = bytes("consumers");
  ASSERT_LT(events, consumers) << "so that each of the two can be the one that does not fit";
  for (const std::uint64_t most : {std::uint64_t{0}, std::uint64_t{1}, events - 1, events, consumers - 1, consumers}) {
    SCOPED_TRACE(most);
    Child child([&](const Words&) {
      ::signal(SIGXFSZ, SIG_DFL);
      const rlimit limit{most, most};
      ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
      const auto create = [] { create_ring("second", {.capacity_bytes = kSmall, .consumer_slots = 1'000}); };
      if (most < consumers) {
        expect_error(create, Code::no_space, {"second", "File too large", "ulimit -f"});
        EXPECT_EQ(names_in(place()), std::vector<std::string>{"orders"});
      } else {
        create();
        remove_ring("second");
      }
      auto publisher = Publisher::open("orders");
      auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
      for (int i = 0; i < 300; ++i) {
        publish_numbered(publisher, 1, 1'000);
        EXPECT_EQ(poll_sequences(consumer).size(), 1U);
      }
    });
    EXPECT_TRUE(child.join());
  }
  EXPECT_EQ(stat_ring("orders").epoch, 6U);
}

// Whichever descriptor is one too many.
TEST_F(Limits, NoDescriptorsIsSaidWhereverItShows) {
  Child child([&](const Words&) {
    create_ring("orders", {.capacity_bytes = kSmall});
    const int lowest = ::dup(0);
    ::close(lowest);
    const auto attempt = [&](rlim_t more, const std::function<void()>& action) {
      rlimit limit{};
      ::getrlimit(RLIMIT_NOFILE, &limit);
      const rlimit few{static_cast<rlim_t>(lowest) + more, limit.rlim_max};
      ::setrlimit(RLIMIT_NOFILE, &few);
      bool worked = true;
      try {
        action();
      } catch (const Error& error) {
        worked = false;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        EXPECT_STREQ(code_name(error.code()), "system") << error.what();
        const std::string sentence = error.what();
        EXPECT_NE(sentence.find("Too many open files"), std::string::npos) << sentence;
        EXPECT_NE(sentence.find("ulimit"), std::string::npos) << sentence;
        EXPECT_NE(sentence.find("orders"), std::string::npos) << sentence;
      }
      ::setrlimit(RLIMIT_NOFILE, &limit);
      return worked;
    };
    const auto attempt_each = [&](const char* what, const std::function<void()>& action) {
      SCOPED_TRACE(what);
      rlim_t more = 0;
      while (more < 20 && !attempt(more, action)) ++more;
      EXPECT_GE(more, 2U);
      EXPECT_LT(more, 12U);
    };
    attempt_each("attach", [] { static_cast<void>(Consumer::attach("orders", {.name = "billing"})); });
    attempt_each("attach without name", [] { static_cast<void>(Consumer::attach("orders")); });
    attempt_each("publish", [] { static_cast<void>(Publisher::open("orders")); });
    attempt_each("stat", [] { static_cast<void>(stat_ring("orders")); });
    attempt_each("remove", [] { remove_ring("orders"); });
    attempt_each("create", [] { create_ring("new-orders", {.capacity_bytes = kSmall}); });
    EXPECT_EQ(names_in(place()), std::vector<std::string>{"new-orders"});
  });
  EXPECT_TRUE(child.join());
}

TEST_F(Limits, AnAttachedConsumerNeedsNoMoreDescriptors) {
  Child child([](const Words&) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit none{0, limit.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < 1'000; ++i) {
      publish_numbered(publisher, 1, 1'000);
      EXPECT_EQ(poll_sequences(consumer).size(), 1U);
    }
    EXPECT_EQ(consumer.wait_for(1ms), Status::timed_out);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  });
  EXPECT_TRUE(child.join());
}

TEST_F(Limits, NotEnoughAddressesIsSaid) {
  if (kSanitized) return;  // a sanitizer takes more addresses for itself
  Child child([](const Words&) {
    create_ring("orders", {.capacity_bytes = std::uint64_t{64} << 20});
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;  // what other tests have left in use counts too
    const std::uint64_t most = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + (std::uint64_t{96} << 20);
    const rlimit limit{most, most};
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
    expect_error([] { static_cast<void>(Consumer::attach("orders")); }, Code::no_space,
                 {"orders/events", "134217728 bytes", "ulimit -v"});
    expect_error([] { create_ring("second", {.capacity_bytes = std::uint64_t{64} << 20}); }, Code::no_space);
    EXPECT_EQ(list_rings(), std::vector<std::string>{"orders"});
  });
  EXPECT_TRUE(child.join());
}

TEST_F(Limits, OptionsOfCreationThatMakeNoSense) {
  const auto refused = [&](const PublisherOptions& options, const std::string& why) {
    expect_error([&] { create_ring("orders", options); }, Code::bad_option, {"'orders'", why});
    expect_error([&] { static_cast<void>(Publisher::open("orders", options)); }, Code::bad_option, {"'orders'", why});
    EXPECT_TRUE(names_in(place()).empty());
  };
  for (const std::uint64_t capacity :
       {std::uint64_t{1}, kSmall / 2, kSmall - 1, kSmall + 1, 3 * kSmall, core::kMaxCapacityBytes * 2, ~std::uint64_t{0}})
    refused({.capacity_bytes = capacity}, std::to_string(capacity) + " bytes is not a power of two from 64 KiB");
  refused({.consumer_slots = core::kMaxConsumerSlots + 1}, "65537 consumers");
  refused({.mode = 01777}, "mode");
  refused({.mode = ~0U}, "mode");
}

TEST_F(Limits, AGroupThatIsNotThere) {
  expect_error([] { create_ring("orders", {.capacity_bytes = kSmall, .group = "no-such-group"}); }, Code::bad_option,
               {"'no-such-group'", "getent group"});
  EXPECT_TRUE(names_in(place()).empty());
}

TEST_F(Limits, ARegistryWhoseSlotsAreAllTaken) {
  create_ring("orders", {.capacity_bytes = kSmall, .consumer_slots = 2});
  auto first = Consumer::attach("orders");
  {
    auto second = Consumer::attach("orders", {.name = "second"});
    for (const ConsumerOptions& options : {ConsumerOptions{}, ConsumerOptions{.name = "third"}})
      expect_error([&] { static_cast<void>(Consumer::attach("orders", options)); }, Code::registry_full,
                   {"all 2 consumer slots", "orders", "detach one", "--consumers"});
  }
  auto third = Consumer::attach("orders", {.name = "third"});
  EXPECT_EQ(stat_ring("orders").consumers.size(), 2U);
}

TEST_F(Limits, ASlotOfTheDeadIsTakenBeforeACursorIsDropped) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .consumer_slots = 2});
  publish_numbered(publisher, 5, 8);
  {
    auto named = Consumer::attach("orders", {.name = "named"});
    poll_sequences(named);
  }
  AttachedChild anonymous({});
  EXPECT_EQ(stat_ring("orders").consumers.size(), 2U);
  anonymous.kill();
  auto consumer = Consumer::attach("orders", {.name = "new"});
  EXPECT_EQ(stat_of("orders", "named").cursor_sequence, 5U) << "kept while there is another slot";
  auto last = Consumer::attach("orders", {.name = "last"});  // now the cursor that is longest away has to go
  EXPECT_EQ(stat_ring("orders").consumers.size(), 2U);
  EXPECT_EQ(poll_sequences(last), sequences(1, 5)) << "nothing of the former owner is left";
  EXPECT_EQ(stat_of("orders", "last").gaps, 0U);
}

TEST_F(Limits, ManySlots) {
  create_ring("orders", {.capacity_bytes = kSmall, .consumer_slots = 300});
  std::vector<Consumer> consumers;
  for (int i = 0; i < 300; ++i)
    consumers.push_back(Consumer::attach("orders", {.name = "c" + std::to_string(i), .policy = Policy::gate}));
  EXPECT_EQ(stat_ring("orders").consumers.size(), 300U);
  expect_error([] { static_cast<void>(Consumer::attach("orders")); }, Code::registry_full, {"all 300"});
  auto publisher = Publisher::open("orders");
  publish_until_full(publisher, 1'000);
  for (Consumer& consumer : consumers) {
    EXPECT_EQ(publisher.try_publish(numbered_payload(publisher.next_sequence(), 1'000)).status, Status::full);
    consumer.poll([](const Event&) {});
  }
  EXPECT_EQ(publisher.try_publish(numbered_payload(publisher.next_sequence(), 1'000)).status, Status::ok);
}

}  // namespace
}  // namespace ringbolt::test
