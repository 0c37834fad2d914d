// Names: what a ring and a consumer may be called, and what is said when there is none of that name.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <ringbolt/ipc/descriptor.hpp>
#include <ringbolt/ipc/journal_check.hpp>
#include <ringbolt/ipc/locks.hpp>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

using Names = IpcTest;

// Everything that takes a ring's name.
void expect_refused_everywhere(const std::string& name, Code code, const std::vector<std::string>& words) {
  SCOPED_TRACE("name '" + name.substr(0, 100) + "'");
  expect_error([&] { static_cast<void>(Publisher::open(name, {.capacity_bytes = kSmall})); }, code, words);
  expect_error([&] { static_cast<void>(Consumer::attach(name)); }, code, words);
  expect_error([&] { create_ring(name); }, code, words);
  expect_error([&] { remove_ring(name); }, code, words);
  expect_error([&] { static_cast<void>(stat_ring(name)); }, code, words);
  expect_error([&] { evict_consumer(name, "billing"); }, code, words);
}

// They are printed, and people write programs that read them.
TEST(NamesOfAnswers, AreThereForEachAndOnlyOnce) {
  std::set<std::string> names;
  std::size_t answers = 0;
  const auto all = [&](auto last, const auto& name_of) {
    for (auto answer = decltype(last){}; answer <= last;
         answer = static_cast<decltype(last)>(static_cast<int>(answer) + 1)) {
      ++answers;
      EXPECT_TRUE(names.insert(name_of(answer)).second) << name_of(answer);
    }
    EXPECT_STREQ(name_of(static_cast<decltype(last)>(static_cast<int>(last) + 1)), "unknown");
    names.clear();
  };
  all(Code::system, code_name);
  all(Status::timed_out, status_name);
  all(FindingKind::damaged_durable_point, finding_name);
  EXPECT_EQ(answers, 25U + 9U + 8U);
}

TEST_F(Names, OfARingMustNotBeEmpty) {
  expect_refused_everywhere("", Code::bad_name, {"ring name", "is empty", "1 to 64 characters"});
}

TEST_F(Names, OfARingAreAtMost64Characters) {
  const std::string longest(64, 'n');
  create_ring(longest, {.capacity_bytes = kSmall});
  EXPECT_EQ(list_rings(), std::vector<std::string>{longest});
  expect_refused_everywhere(longest + "n", Code::bad_name, {"nnnn", "65 characters", "at most 64"});
  expect_refused_everywhere(std::string(100'000, 'n'), Code::bad_name, {"100000 characters"});
}

TEST_F(Names, OfARingHaveLettersDigitsDotsAndDashesAlone) {
  create_ring("Az09._-", {.capacity_bytes = kSmall});
  using namespace std::string_literals;
  for (const std::string& name : {"a b"s, "a\nb"s, "ä"s, "a:b"s, "a*"s, "~a"s, "a\0b"s, "$a"s, "a\\b"s})
    expect_refused_everywhere(name, Code::bad_name, {"not allowed", "A-Z a-z 0-9"});
}

TEST_F(Names, OfARingHaveNoDotInFront) {
  for (const char* name : {".", "..", ".hidden", ".orders.new-01"})
    expect_refused_everywhere(name, Code::bad_name, {"no dot in front"});
}

TEST_F(Names, ThatArePathsFollowTheSameRulesInTheirLastPart) {
  for (const std::string& name : {place() + "/..", place() + "/a b", std::string("/"), std::string("///"), place() + "/x/.",
                                  place() + "/.x", place() + "/" + std::string(65, 'n')})
    expect_refused_everywhere(name, Code::bad_name, {"ring name"});
  using namespace std::string_literals;
  expect_refused_everywhere(place() + "\0/elsewhere/orders"s, Code::bad_name, {"not allowed"});
}

TEST_F(Names, ThatAreVeryLongPathsAreNotMistakenForAQuestionOfRights) {
  std::string path = place();
  while (path.size() < 5'000) path += "/a";
  expect_refused_everywhere(path, Code::bad_name, {"too long"});
}

TEST_F(Names, OfARingThatIsNotThereSuggestTheClosest) {
  create_ring("orders", {.capacity_bytes = kSmall});
  create_ring("quotes", {.capacity_bytes = kSmall});
  for (const char* misspelt : {"order", "ordres", "oders", "Orders", "orders2"})
    expect_error([&] { static_cast<void>(Consumer::attach(misspelt)); }, Code::not_found,
                 {std::string("'") + misspelt + "'", "did you mean 'orders'?"});
  expect_error([] { static_cast<void>(stat_ring("quote")); }, Code::not_found, {"'quotes'"});
  expect_error([] { static_cast<void>(stat_ring("nothing-like-it")); }, Code::not_found,
               {"'nothing-like-it'", place(), "create it by publishing", "ringbolt ls"});
}

TEST_F(Names, OfARingBelowADirectoryThatIsNotThere) {
  const std::string path = place() + "/no/such/orders";
  expect_error([&] { static_cast<void>(Consumer::attach(path)); }, Code::not_found, {path});
  expect_error([&] { create_ring(path); }, Code::not_found, {path, "parent directory does not exist"});
  EXPECT_TRUE(names_in(place()).empty());
}

TEST_F(Names, OfAConsumerFollowTheSameRules) {
  create_ring("orders", {.capacity_bytes = kSmall});
  for (const std::string& name : {std::string("a b"), std::string("a/b"), std::string(".a"), std::string("ä"),
                                  std::string("a\0b", 3), std::string(65, 'n')}) {
    expect_error([&] { static_cast<void>(Consumer::attach("orders", {.name = name})); }, Code::bad_name, {"consumer name"});
    expect_error([&] { forget_consumer("orders", name); }, Code::bad_name, {"consumer name"});
    expect_error([&] { seek_consumer("orders", name, Start::latest); }, Code::bad_name, {"consumer name"});
  }
  const std::string longest(64, 'n');
  auto consumer = Consumer::attach("orders", {.name = longest});
  EXPECT_EQ(stat_of("orders", longest).name, longest);
  EXPECT_EQ(stat_ring("orders").consumers.size(), 1U);
}

TEST_F(Names, OfAConsumerAreTakenWhileItLives) {
  create_ring("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders", {.name = "billing"});
  expect_error([] { static_cast<void>(Consumer::attach("orders", {.name = "billing"})); }, Code::in_use,
               {"'billing'", "orders", std::to_string(::getpid()), "choose another name"});
  EXPECT_EQ(poll_texts(consumer).size(), 0U);
  auto other = Consumer::attach("orders", {.name = "billin"});
}

// What lies where a ring should be, and is none.
TEST_F(Names, OfSomethingElseThanARing) {
  std::ofstream(place() + "/file") << "x";
  std::filesystem::create_directory(place() + "/directory");
  for (const char* name : {"file", "directory"}) {
    SCOPED_TRACE(name);
    expect_error([&] { static_cast<void>(Consumer::attach(name)); }, Code::damaged, {name, "not a ring"});
    expect_error([&] { static_cast<void>(stat_ring(name)); }, Code::damaged, {name, "not a ring"});
    expect_error([&] { static_cast<void>(Publisher::open(name, {.capacity_bytes = kSmall})); }, Code::damaged, {name});
    expect_error([&] { create_ring(name, {.capacity_bytes = kSmall}); }, Code::already_exists, {name});
  }
  EXPECT_EQ(names_in(place()), (std::vector<std::string>{"directory", "file"}));
  EXPECT_TRUE(std::filesystem::is_empty(place() + "/directory"));
}

// Whoever misspells a path must not lose what is there.
TEST_F(Names, OfADirectoryThatIsNoRingAreNotRemoved) {
  std::filesystem::create_directory(place() + "/papers");
  std::ofstream(place() + "/papers/letter") << "x";
  for (const bool force : {false, true})
    expect_error([&] { remove_ring("papers", force); }, Code::damaged, {"papers", "not a ring", "choose another name"});
  EXPECT_EQ(names_in(place() + "/papers"), std::vector<std::string>{"letter"});

  create_ring("orders", {.capacity_bytes = kSmall});
  std::filesystem::rename(place() + "/papers", ring_path("orders") + "/papers");
  for (const bool force : {false, true})
    expect_error([&] { remove_ring("orders", force); }, Code::damaged, {"orders", "'papers'", "move it elsewhere"});
  EXPECT_EQ(Publisher::open("orders").publish("x"), 1U) << "a refused removal leaves the ring whole";
  std::filesystem::remove(ring_path("orders") + "/papers/letter");
  remove_ring("orders");
  EXPECT_TRUE(names_in(place()).empty());
}

TEST_F(Names, OfASymbolicLinkAreNotFollowed) {
  create_ring("orders", {.capacity_bytes = kSmall});
  std::filesystem::create_symlink(ring_path("orders"), ring_path("link"));
  std::filesystem::create_symlink(ring_path("nowhere"), ring_path("dangling"));
  for (const std::string& name : {std::string("link"), std::string("dangling"), ring_path("link"), ring_path("link") + "/",
                                  ring_path("dangling") + "///"}) {
    SCOPED_TRACE(name);
    const std::vector<std::string> words{name.find("link") != name.npos ? "link" : "dangling", "symbolic link"};
    expect_error([&] { static_cast<void>(Consumer::attach(name)); }, Code::damaged, words);
    expect_error([&] { static_cast<void>(Publisher::open(name, {.capacity_bytes = kSmall})); }, Code::damaged, words);
    expect_error([&] { remove_ring(name); }, Code::damaged, words);
  }
  EXPECT_EQ(stat_ring("orders").epoch, 0U);
  EXPECT_FALSE(std::filesystem::exists(ring_path("nowhere")));
}

// The files of a ring are opened where they are, and nowhere else.
TEST_F(Names, OfARingsFilesThatAreLinksAreNotFollowed) {
  for (const char* file : {"events", "consumers", "locks", "lease"}) {
    SCOPED_TRACE(file);
    create_ring("orders", {.capacity_bytes = kSmall});
    std::filesystem::rename(ring_path("orders") + "/" + file, place() + "/elsewhere");
    std::filesystem::create_symlink(place() + "/elsewhere", ring_path("orders") + "/" + file);
    EXPECT_THROW(static_cast<void>(Publisher::open("orders")), Error);
    if (std::string_view(file) == "lease") {
      std::filesystem::remove(ring_path("orders") + "/lease");
    } else {
      EXPECT_THROW(static_cast<void>(Consumer::attach("orders", {.name = "a"})), Error);
    }
    remove_ring("orders");
    EXPECT_TRUE(std::filesystem::exists(place() + "/elsewhere")) << "removed through a link";
    std::filesystem::remove(place() + "/elsewhere");
  }
}

// What lies where a file of a ring should be. Opening a pipe would wait for somebody to open its other end.
class NamesOfFilesThatAreNone : public IpcTest, public testing::WithParamInterface<mode_t> {
 protected:
  // False: this process may not make such a thing.
  [[nodiscard]] static bool put(const std::string& path) {
    std::filesystem::remove(path);
    if (GetParam() == S_IFDIR) return ::mkdir(path.c_str(), 0755) == 0;
    return ::mknod(path.c_str(), GetParam() | 0666, GetParam() == S_IFCHR ? ::makedev(1, 3) : 0) == 0;
  }
};

TEST_P(NamesOfFilesThatAreNone, AreDamageAndCanBeRemoved) {
  for (const std::string file : {"events", "consumers", "locks", "lease"}) {
    SCOPED_TRACE(file);
    create_ring("orders", {.capacity_bytes = kSmall});
    const std::string path = ring_path("orders") + "/" + file;
    if (!put(path)) GTEST_SKIP() << "making a device needs root";
    const std::vector<std::string> words{path, "no regular file", "ringbolt rm --force"};
    const auto open = [] { static_cast<void>(Publisher::open("orders")); };
    const auto attach = [] { static_cast<void>(Consumer::attach("orders", {.name = "billing"})); };
    const auto stat = [] { static_cast<void>(stat_ring("orders")); };
    expect_error(open, Code::damaged, words);
    if (file != "lease") expect_error(attach, Code::damaged, words);
    if (file == "events" || file == "consumers") expect_error(stat, Code::damaged, words);
    if (file == "locks") stat();  // for which the process table has to do
    remove_ring("orders");
    EXPECT_TRUE(names_in(place()).empty());
  }
}

TEST_P(NamesOfFilesThatAreNone, NeverLookLikeALivePublisher) {
  {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    publisher.publish("x");
  }
  if (!put(ring_path("orders") + "/alive.1")) GTEST_SKIP() << "making a device needs root";
  EXPECT_FALSE(stat_ring("orders").publisher_alive);
  EXPECT_FALSE(Consumer::attach("orders").publisher_alive());
  for (const char* file : {"alive.2", ".alive.new"}) {
    ASSERT_TRUE(put(ring_path("orders") + "/" + file));
    if (GetParam() == S_IFDIR) {
      expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::damaged, {ring_path("orders"), "alive"});
      std::filesystem::remove(ring_path("orders") + "/" + file);
    }
  }
  EXPECT_EQ(Publisher::open("orders").publish("y"), 2U);
  remove_ring("orders");
  EXPECT_TRUE(names_in(place()).empty());
}

INSTANTIATE_TEST_SUITE_P(But, NamesOfFilesThatAreNone, testing::Values(S_IFIFO, S_IFSOCK, S_IFDIR, S_IFCHR),
                         [](const auto& instance) -> std::string {
                           switch (instance.param) {
                             case S_IFIFO: return "Pipes";
                             case S_IFSOCK: return "Sockets";
                             case S_IFDIR: return "Directories";
                             default: return "Devices";
                           }
                         });

TEST_F(Names, OfAPipeInARingsPlaceDoNotHang) {
  ASSERT_EQ(::mkfifo(ring_path("orders").c_str(), 0666), 0);
  expect_error([] { static_cast<void>(Consumer::attach("orders")); }, Code::damaged, {"orders", "not a ring"});
  expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::damaged, {"orders", "not a ring"});
  expect_error([] { remove_ring("orders", true); }, Code::damaged, {"orders", "not a ring"});
  EXPECT_TRUE(list_rings().empty());
}

// ---- where a name leads to -------------------------------------------------------------------------------------------------

TEST_F(Names, MayHaveSlashesBehindThem) {
  for (const std::string slashes : {"/", "///"}) {
    auto publisher = Publisher::open(ring_path("orders") + slashes, {.capacity_bytes = kSmall});
    publisher.publish("x");
    EXPECT_EQ(stat_ring("orders").newest_sequence, 1U);
    remove_ring(ring_path("orders") + slashes, true);
  }
  expect_refused_everywhere(ring_path("..") + "/", Code::bad_name, {"ring name"});
  expect_refused_everywhere(ring_path(std::string(65, 'n')) + "/", Code::bad_name, {"65 characters"});
}

// A publisher that takes a gate away and a newcomer that takes a slot hold the byte of its owner, and may stand still meanwhile.
class NamesWhoseByteIsHeld : public IpcTest {
 protected:
  void SetUp() override { create_ring("orders", {.capacity_bytes = kSmall}); }
  [[nodiscard]] std::jthread hold_byte(std::chrono::milliseconds duration) {
    ipc::Descriptor locks(::open((place() + "/orders/locks").c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_TRUE(ipc::try_lock_byte(locks.get(), 0));
    return std::jthread([duration, held = std::move(locks)] { std::this_thread::sleep_for(duration); });
  }
};

TEST_F(NamesWhoseByteIsHeld, ByNobodyWhoLivesAreWaitedFor) {
  { auto left = Consumer::attach("orders", {.name = "billing"}); }
  auto holder = hold_byte(200ms);
  EXPECT_NO_THROW(static_cast<void>(Consumer::attach("orders", {.name = "billing"})));
  holder.join();
  AttachedChild({.name = "billing", .policy = Policy::gate}).kill();
  holder = hold_byte(200ms);
  EXPECT_NO_THROW(static_cast<void>(Consumer::attach("orders", {.name = "billing", .policy = Policy::gate})));
  holder = hold_byte(200ms);
  EXPECT_NO_THROW(static_cast<void>(seek_consumer("orders", "billing", Start::latest)));
  holder = hold_byte(200ms);
  EXPECT_NO_THROW(forget_consumer("orders", "billing"));
}

TEST_F(NamesWhoseByteIsHeld, ByAnOwnerThatLivesAreRefused) {
  auto owner = Consumer::attach("orders", {.name = "billing"});
  expect_error([] { static_cast<void>(Consumer::attach("orders", {.name = "billing"})); }, Code::in_use,
               {"billing", "attached already", std::to_string(::getpid())});
  expect_error([] { forget_consumer("orders", "billing"); }, Code::in_use, {"cannot forget", "billing", "attached already"});
}

// Whoever is told that its ring was removed looks at the path again.
TEST_F(Names, LeadToTheSamePlaceAfterTheWorkingDirectoryHasChanged) {
  Child child([&](const Words&) {
    ASSERT_EQ(::chdir(place().c_str()), 0);
    use_place("rings");
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    auto consumer = Consumer::attach("orders", {.name = "billing"});
    auto other = Consumer::attach("./rings/orders", {.name = "audit"});
    EXPECT_EQ(stat_ring("orders").path, place() + "/rings/orders");
    ASSERT_EQ(::chdir("/"), 0);
    RingFile(place() + "/rings/orders/consumers").registry().removed.store_release(1);
    publish_numbered(publisher, 10, 8);
    publisher.close();
    EXPECT_EQ(poll_sequences(consumer), sequences(1, 10));
    EXPECT_EQ(poll_sequences(other), sequences(1, 10));
  });
  EXPECT_TRUE(child.join());
}

TEST_F(Names, ThatAreRelativeInADirectoryThatIsGoneAreAnError) {
  Child child([&](const Words&) {
    std::filesystem::create_directory(place() + "/gone");
    ASSERT_EQ(::chdir((place() + "/gone").c_str()), 0);
    std::filesystem::remove(place() + "/gone");
    expect_refused_everywhere("./orders", Code::not_found, {"./orders", "working directory", "absolute path"});
    use_place("rings");
    expect_refused_everywhere("orders", Code::not_found, {"rings/orders", "working directory", "absolute path"});
  });
  EXPECT_TRUE(child.join());
}

TEST_F(Names, InADirectoryWithAVeryLongPathAreAnErrorAboutThat) {
  std::string path = place();
  while (path.size() < 5'000) path += "/a";
  use_place(path);
  expect_refused_everywhere("orders", Code::bad_name, {"too long"});
  EXPECT_TRUE(list_rings().empty());
}

}  // namespace
}  // namespace ringbolt::test
