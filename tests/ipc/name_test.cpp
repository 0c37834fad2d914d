// Names: what a ring and a consumer may be called, and what is said when there is none of that name.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

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

TEST_F(Names, OfASymbolicLinkAreNotFollowed) {
  create_ring("orders", {.capacity_bytes = kSmall});
  std::filesystem::create_symlink(ring_path("orders"), ring_path("link"));
  std::filesystem::create_symlink(ring_path("nowhere"), ring_path("dangling"));
  for (const char* name : {"link", "dangling"}) {
    SCOPED_TRACE(name);
    expect_error([&] { static_cast<void>(Consumer::attach(name)); }, Code::damaged, {name, "symbolic link"});
    expect_error([&] { static_cast<void>(Publisher::open(name, {.capacity_bytes = kSmall})); }, Code::damaged,
                 {name, "symbolic link"});
    expect_error([&] { remove_ring(name); }, Code::damaged, {name, "symbolic link"});
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

// Opening one of these would wait for somebody to open the other end.
TEST_F(Names, OfARingsFilesThatArePipesDoNotHang) {
  for (const char* file : {"events", "consumers", "locks", "lease"}) {
    SCOPED_TRACE(file);
    create_ring("orders", {.capacity_bytes = kSmall});
    const std::string path = ring_path("orders") + "/" + file;
    ASSERT_EQ(::unlink(path.c_str()), 0);
    ASSERT_EQ(::mkfifo(path.c_str(), 0666), 0);
    const auto attempt = [](const std::function<void()>& what) {
      try {
        what();
      } catch (const Error&) {  // what matters is that there is an answer
      }
    };
    attempt([] { static_cast<void>(Consumer::attach("orders")); });
    attempt([] { static_cast<void>(stat_ring("orders")); });
    attempt([] { static_cast<void>(Publisher::open("orders")); });
    remove_ring("orders");
  }
}

}  // namespace
}  // namespace ringbolt::test
