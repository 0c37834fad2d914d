// A share's consumer that does not mean well: everything that it can do with its socket, its two descriptors and its page.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <ringbolt/ipc/share_link.hpp>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>

#include "../counts.hpp"
#include "../ipc/child.hpp"
#include "../ipc/support.hpp"

namespace ringbolt::test {
namespace {

using ipc::Descriptor;
using ipc::ForkGuard;
using ipc::ShareLink;
using ipc::ShareRequest;

class HostileGuest : public IpcTest {
 protected:
  [[nodiscard]] std::string socket() const { return place() + "/orders.sock"; }
  [[nodiscard]] std::string name() const { return "unix:" + socket(); }
  [[nodiscard]] Publisher open(ShareOptions share, std::uint32_t slots = 16) const {
    share.socket = socket();
    return Publisher::open("orders", {.capacity_bytes = kSmall, .consumer_slots = slots, .share = share});
  }
  [[nodiscard]] Descriptor connect() const {
    Descriptor connection(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket().c_str(), socket().size() + 1);
    EXPECT_EQ(::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return connection;
  }
};

TEST_F(HostileGuest, CanNeitherWriteNorResizeWhatItReads) {
  auto publisher = open({});
  ForkGuard guard;
  const ShareLink link(name(), {}, guard);
  const int events = link.events().get();
  const std::string again = "/proc/self/fd/" + std::to_string(events);
  const Descriptor writable(::open(again.c_str(), O_RDWR | O_CLOEXEC));  // root may, and so may its own user
  for (const int fd : {events, writable.get()}) {
    if (fd < 0) continue;
    SCOPED_TRACE(fd == events ? "as it was handed over" : "opened again");
    EXPECT_EQ(::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    void* const page = ::mmap(nullptr, 4'096, PROT_READ, MAP_SHARED, fd, 0);
    ASSERT_NE(page, MAP_FAILED);
    EXPECT_NE(::mprotect(page, 4'096, PROT_READ | PROT_WRITE), 0);
    EXPECT_EQ(::pwrite(fd, "x", 1, 0), -1);
    EXPECT_NE(::ftruncate(fd, 0), 0);
    EXPECT_NE(::ftruncate(fd, 1 << 20), 0);
    EXPECT_NE(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4'096), 0);
    EXPECT_NE(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    ::munmap(page, 4'096);
  }
  EXPECT_NE(::ftruncate(link.page().get(), 0), 0);
  EXPECT_NE(::ftruncate(link.page().get(), 1 << 20), 0);
  EXPECT_NE(::fcntl(link.page().get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  EXPECT_EQ(::fallocate(link.page().get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4'096), 0) << "its own zeros";
  auto honest = Consumer::attach(name(), {.start = Start::earliest});
  publish_numbered(publisher, 10, 100);
  EXPECT_EQ(poll_sequences(honest), sequences(1, 10));
}

TEST_F(HostileGuest, HasAGateThatIsBelievedOnlyForwardsAndUpToWhatIsWritten) {
  constexpr std::uint64_t last = 10'000;
  constexpr std::uint64_t intent = 20'000;
  EXPECT_EQ(ipc::believed_gate(15'000, last, intent), 15'000U);
  EXPECT_EQ(ipc::believed_gate(last, last, intent), last);
  for (const std::uint64_t behind :
       {std::uint64_t{0}, last - 1, last - (std::uint64_t{1} << 40), last + (std::uint64_t{1} << 63)})
    EXPECT_EQ(ipc::believed_gate(behind, last, intent), last) << behind;
  for (const std::uint64_t beyond : {intent + 1, intent + (std::uint64_t{1} << 40), (std::uint64_t{1} << 63)})
    EXPECT_EQ(ipc::believed_gate(beyond, last, intent), intent) << beyond;
}

// A gate that goes to and fro would be in the way now and then, and out of it whenever somebody looks whether it has been there
// for too long.
TEST_F(HostileGuest, CannotTakeBackItsGate) {
  auto publisher = open({.longest_budget = kLong});
  ForkGuard guard;
  const ShareLink link(name(), {.policy = Policy::gate}, guard);
  auto* const page =
      static_cast<std::byte*>(::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_SHARED, link.page().get(), 0));
  ASSERT_NE(static_cast<void*>(page), MAP_FAILED);
  auto& entry = *reinterpret_cast<core::ConsumerEntry*>(page + sizeof(core::RegistryHeader));
  ASSERT_TRUE(link.join(0).granted);
  publish_until_full(publisher, 1'000);
  entry.gate.store_release(30'000);
  const std::uint64_t some = publish_until_full(publisher, 1'000);
  EXPECT_GT(some, 10U);
  entry.gate.store_release(0);
  EXPECT_EQ(publish_until_full(publisher, 1'000), 0U);
  entry.gate.store_release(60'000);
  EXPECT_EQ(publisher.try_publish(numbered_payload(publisher.next_sequence(), 1'000)).status, Status::ok);
  entry.gate.store_release(0);  // too late: it was seen to have gone on
  EXPECT_GT(publish_until_full(publisher, 1'000), 10U);
  entry.gate.store_release(30'000);  // what was let go stays let go
  entry.state.store_release(0);      // and what it says of itself is nobody's concern
  EXPECT_EQ(publish_until_full(publisher, 1'000), 0U);
  entry.gate.store_release(~std::uint64_t{0} >> 1);  // beyond all that is written: as if it had read everything
  publish_numbered(publisher, 1'000, 200);
  ::munmap(page, 4'096);
}

TEST_F(HostileGuest, CannotBeginItsBudgetAnewByJoiningAgain) {
  auto publisher = open({.longest_budget = kLong});
  ForkGuard guard;
  const ShareLink link(name(), {.policy = Policy::gate}, guard);
  ASSERT_TRUE(link.join(0).granted);
  expect_error([&] { static_cast<void>(link.join(0)); }, Code::removed, {"orders.sock"});
  publish_numbered(publisher, 1'000, 200);  // its gate has gone with its connection
}

TEST_F(HostileGuest, IsLetInOnlySoOften) {
  auto publisher = open({.slots_per_user = 3}, 1'000);
  std::vector<Consumer> attached;
  for (int i = 0; i < 3; ++i) attached.push_back(Consumer::attach(name()));
  std::vector<Descriptor> silent;
  for (int i = 0; i < 500; ++i) silent.push_back(connect());
  expect_error([&] { static_cast<void>(Consumer::attach(name())); }, Code::registry_full, {"orders.sock", "places"});
  attached.clear();
  silent.clear();
  EXPECT_TRUE(eventually([&] {
    try {
      static_cast<void>(Consumer::attach(name()));
      return true;
    } catch (const Error&) {
      return false;
    }
  }));
}

// One round of everything at random, until told to stop.
void be_hostile(const std::string& ring, const std::function<Descriptor()>& connect, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Descriptor> kept;
  for (;;) {
    try {
      switch (random() % 5) {
        case 0: {  // garbage of any size, with descriptors that nobody wants
          Descriptor connection = connect();
          std::vector<std::uint64_t> words(random() % 32);
          for (std::uint64_t& word : words) word = random();
          ShareRequest request;
          if (random() % 2 == 0 && words.size() * 8 >= sizeof request) std::memcpy(words.data(), &request, 8);
          iovec bytes{words.data(), words.size() * 8};
          msghdr message{};
          message.msg_iov = &bytes;
          message.msg_iovlen = 1;
          alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
          message.msg_control = control.data();
          message.msg_controllen = control.size();
          cmsghdr* const rights = CMSG_FIRSTHDR(&message);
          rights->cmsg_level = SOL_SOCKET;
          rights->cmsg_type = SCM_RIGHTS;
          rights->cmsg_len = CMSG_LEN(sizeof(int));
          const int own = connection.get();
          std::memcpy(CMSG_DATA(rights), &own, sizeof own);
          static_cast<void>(::sendmsg(connection.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT));
          break;
        }
        case 1: {  // many requests, and no answer is ever read
          Descriptor connection = connect();
          ShareRequest request;
          request.fingerprint = core::layout_fingerprint();
          request.policy = random() % 6;
          for (int i = 0; i < 100; ++i) {
            static_cast<void>(::send(connection.get(), &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT));
            request.kind = ShareRequest::join;
            request.position = random();
          }
          kept.push_back(std::move(connection));
          if (kept.size() > 4) kept.clear();
          break;
        }
        case 2: {  // connects and says nothing
          kept.push_back(connect());
          if (kept.size() > 4) kept.clear();
          break;
        }
        default: {  // any values in its page, as fast as it can
          ForkGuard guard;
          const ShareLink link(ring, {.policy = Policy::gate}, guard);
          static_cast<void>(link.join(random() % 2 == 0 ? random() : random() % 1'000'000));
          auto* const words =
              static_cast<std::uint64_t*>(::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_SHARED, link.page().get(), 0));
          for (int i = 0; i < 20'000; ++i) std::atomic_ref(words[random() % 512]).store(random());
          static_cast<void>(::fallocate(link.page().get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4'096));
          ::munmap(words, 4'096);
        }
      }
    } catch (const Error&) {
    }
  }
}

TEST_F(HostileGuest, ThatDoesAnythingAtAllHarmsNobody) {
  const char* const soak = std::getenv("RINGBOLT_SOAK_SECONDS");
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::seconds(soak != nullptr ? std::strtoul(soak, nullptr, 10) : 3);
  const std::uint64_t seed = test_seed();
  auto publisher = open({.users = {"*"}, .slots_per_user = 6, .longest_budget = 2ms}, 32);
  // Other users than the attackers, so that their places are their own; as root all are one, and there is room for all.
  Child honest([&](const Words& words) {
    ASSERT_TRUE(!can_become_others() || become(kNobody - 1, kNogroup));
    auto consumer = Consumer::attach(name(), {.policy = Policy::gate, .start = Start::earliest});
    words.say("attached");
    std::uint64_t next = 1;
    Event event;
    for (Status status = Status::ok; status != Status::closed;) {
      status = consumer.next_for(event, kLong);
      if (status == Status::ok) {
        ASSERT_EQ(event.sequence, next);
        ASSERT_TRUE(is_numbered_payload(event.payload, next)) << next;
        ++next;
      } else if (status == Status::evicted) {  // it may be too slow for 2 ms on a busy machine, and is told what it lost
        ASSERT_TRUE(consumer.last_gap().count() == 0 || consumer.last_gap().first == next);
        next += consumer.last_gap().count();
      } else {
        ASSERT_EQ(status, Status::closed);
      }
    }
    words.say(std::to_string(next - 1));
  });
  honest.words().expect("attached");
  std::vector<std::unique_ptr<Child>> attackers;
  const auto start_attacker = [&] {
    return std::make_unique<Child>([&, number = random()](const Words&) {
      ASSERT_TRUE(!can_become_others() || become(kNobody, kNogroup));
      be_hostile(
          name(), [this] { return connect(); }, seed + static_cast<std::uint64_t>(number));
    });
  };
  for (int i = 0; i < 2; ++i) attackers.push_back(start_attacker());
  std::uint64_t kills = 0;
  while (std::chrono::steady_clock::now() < until) {
    publish_numbered(publisher, 2'000, 100);
    attackers[kills++ % attackers.size()] = start_attacker();  // the old one dies in the middle of it
  }
  const std::uint64_t published = publisher.next_sequence() - 1;
  publisher.close();
  attackers.clear();
  EXPECT_EQ(honest.words().hear(), std::to_string(published));
  EXPECT_TRUE(honest.join());
  EXPECT_TRUE(eventually([&] {
    const auto open_files = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    return open_files < 40;
  })) << "descriptors of guests that are gone";
  ::ringbolt::test::print_counts({{"events past hostile guests", published}, {"kills of hostile guests", kills}});
}

}  // namespace
}  // namespace ringbolt::test
