// A consumer that runs as `nobody`, may read a ring and does whatever that allows, again and again, while a publisher and
// honest consumers work. Each attempt has the outcome that the table says, and nobody else notices any of them (P1, P8).
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <ringbolt/ipc/descriptor.hpp>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>

#include "../counts.hpp"
#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

constexpr std::uint64_t kBurst = 500;   // events between two moments at which everybody sleeps
constexpr std::size_t kRounds = 3;      // of all attempts
constexpr std::size_t kHeldFiles = 64;  // descriptors and mappings that are kept
constexpr std::array<const char*, 3> kReadable{"events", "consumers", "alive.1"};

std::string outcome(bool done) { return done ? "done" : ::strerrorname_np(errno); }

// What the attacker keeps: locks live as long as the descriptors.
class Attacker {
 public:
  Attacker(std::string ring, pid_t publisher) : ring_(std::move(ring)), publisher_(publisher) {
    for (const char* file : kReadable) files_[file] = ipc::Descriptor(::open(path(file).c_str(), O_RDONLY | O_CLOEXEC));
    page_ = static_cast<char*>(::mmap(nullptr, 4'096, PROT_READ, MAP_SHARED, files_["consumers"].get(), 0));
  }

  struct Attempt {
    const char* what;
    const char* outcome;  // errno's name, or done
    std::string (Attacker::*run)();
  };
  static const std::vector<Attempt>& attempts();
  std::string run(const Attempt& attempt) { return (this->*attempt.run)(); }

 private:
  [[nodiscard]] std::string path(const char* file) const { return ring_ + "/" + file; }
  [[nodiscard]] std::string open_as(const char* file, int flags) const {
    return outcome(ipc::Descriptor(::open(path(file).c_str(), flags | O_CLOEXEC)).get() >= 0);
  }
  [[nodiscard]] int events() { return files_["events"].get(); }

  std::string open_events_to_write() { return open_as("events", O_RDWR); }
  std::string open_registry_to_write() { return open_as("consumers", O_RDWR); }
  std::string open_lease() { return open_as("lease", O_RDONLY); }
  std::string open_locks() { return open_as("locks", O_RDONLY); }
  std::string open_again_to_write() {
    const std::string again = "/proc/self/fd/" + std::to_string(events());
    return outcome(ipc::Descriptor(::open(again.c_str(), O_RDWR | O_CLOEXEC)).get() >= 0);
  }
  std::string truncate_by_name() { return outcome(::truncate(path("events").c_str(), 0) == 0); }
  std::string truncate_by_descriptor() { return outcome(::ftruncate(events(), 0) == 0); }
  std::string write_by_descriptor() { return outcome(::pwrite(events(), "x", 1, 4'096) == 1); }
  std::string punch_hole() {
    return outcome(::fallocate(events(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4'096) == 0);
  }
  std::string map_to_write() {
    return outcome(::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_SHARED, events(), 0) != MAP_FAILED);
  }
  std::string make_mapping_writable() { return outcome(::mprotect(page_, 4'096, PROT_READ | PROT_WRITE) == 0); }
  std::string take_pages_away() { return outcome(::madvise(page_, 4'096, MADV_REMOVE) == 0); }
  std::string unlink_events() { return outcome(::unlink(path("events").c_str()) == 0); }
  std::string unlink_alive() { return outcome(::unlink(path("alive.1").c_str()) == 0); }
  std::string rename_events() { return outcome(::rename(path("events").c_str(), path("other").c_str()) == 0); }
  std::string rename_ring() { return outcome(::rename(ring_.c_str(), (ring_ + ".gone").c_str()) == 0); }
  std::string put_file_in_ring() { return open_as("alive.2", O_RDWR | O_CREAT); }
  std::string put_link_in_ring() { return outcome(::symlink("/etc/passwd", path(".alive.new").c_str()) == 0); }
  std::string ring_bell() {
    return outcome(::utimensat(AT_FDCWD, path("events").c_str(), nullptr, AT_SYMLINK_NOFOLLOW) == 0);
  }
  std::string change_mode() { return outcome(::chmod(path("events").c_str(), 0666) == 0); }
  std::string change_owner() { return outcome(::chown(path("events").c_str(), kNobody, kNogroup) == 0); }
  std::string lock_record(const char* file, short type, int command) {
    struct flock lock {};
    lock.l_type = type;
    return outcome(::fcntl(files_[file].get(), command, &lock) == 0);  // every byte there is, and will be
  }
  std::string read_lock_events() { return lock_record("events", F_RDLCK, F_OFD_SETLK); }
  std::string read_lock_registry() { return lock_record("consumers", F_RDLCK, F_OFD_SETLK); }
  std::string read_lock_alive() { return lock_record("alive.1", F_RDLCK, F_OFD_SETLK); }
  std::string read_lock_of_process() { return lock_record("consumers", F_RDLCK, F_SETLK); }
  std::string write_lock_events() { return lock_record("events", F_WRLCK, F_OFD_SETLK); }
  std::string whole_file_locks() {
    bool all = true;
    for (const auto& [name, file] : files_) all &= ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
    return outcome(all);
  }
  std::string file_lease() { return outcome(::fcntl(events(), F_SETLEASE, F_RDLCK) == 0); }
  std::string wake_sleepers() {
    bool all = true;
    for (std::size_t offset = 0; offset < sizeof(core::RegistryHeader); offset += 4)
      all &= ::syscall(SYS_futex, page_ + offset, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0) >= 0;
    return outcome(all);
  }
  // Whoever sleeps on these words sleeps on one of the attacker's from then on, and is woken by its own time-out alone.
  std::string steal_sleepers() {
    bool all = true;
    for (const std::size_t offset : {offsetof(core::RegistryHeader, wake), offsetof(core::RegistryHeader, gate_wake)}) {
      char* const word = page_ + offset;
      all &= ::syscall(SYS_futex, word, FUTEX_REQUEUE, 0, INT_MAX, &trap_, 0) >= 0;
    }
    return outcome(all);
  }
  std::string write_by_futex() {
    return outcome(::syscall(SYS_futex, page_, FUTEX_WAKE_OP, 1, 1, page_ + 4, FUTEX_OP(FUTEX_OP_SET, 1, 0, 0)) >= 0);
  }
  std::string lock_memory() {
    const bool locked = ::mlock(page_, 4'096) == 0;
    const std::string result = outcome(locked);
    ::munlock(page_, 4'096);
    return result;
  }
  std::string hold_descriptors() {
    while (held_.size() < kHeldFiles) {
      held_.emplace_back(::open(path("events").c_str(), O_RDONLY | O_CLOEXEC));
      if (!held_.back()) return outcome(false);
      static_cast<void>(::mmap(nullptr, 4'096, PROT_READ, MAP_SHARED, held_.back().get(), 0));
    }
    return outcome(true);
  }
  std::string kill_publisher() { return outcome(::kill(publisher_, SIGKILL) == 0); }
  std::string trace_publisher() { return outcome(::ptrace(PTRACE_SEIZE, publisher_, nullptr, nullptr) == 0); }
  std::string write_to_publisher() {
    iovec here{&trap_, sizeof trap_};
    iovec there{page_, sizeof trap_};
    return outcome(::process_vm_writev(publisher_, &here, 1, &there, 1, 0) > 0);
  }
  template <class Action>
  static std::string refusal(Action action) {
    try {
      action();
      return "done";
    } catch (const Error& error) {
      return code_name(error.code());
    }
  }
  std::string attach_to_gate() {
    return refusal([&] { static_cast<void>(Consumer::attach(ring_, {.policy = Policy::gate})); });
  }
  std::string attach_under_a_name() {
    return refusal([&] { static_cast<void>(Consumer::attach(ring_, {.name = "honest"})); });
  }
  std::string attach_more_often_than_slots() {
    return refusal([&] {
      for (int i = 0; i < 40; ++i) consumers_.push_back(Consumer::attach(ring_));
      consumers_.clear();
    });
  }
  std::string publish() {
    return refusal([&] { static_cast<void>(Publisher::open(ring_)); });
  }
  std::string remove() {
    return refusal([&] { remove_ring(ring_, true); });
  }
  std::string evict() {
    return refusal([&] { evict_consumer(ring_, "honest", true); });
  }
  std::string seek() {
    return refusal([&] { static_cast<void>(seek_consumer(ring_, "honest", Start::latest)); });
  }

  std::string ring_;
  pid_t publisher_;
  std::map<std::string, ipc::Descriptor> files_;
  char* page_ = nullptr;
  std::uint32_t trap_ = 0;
  std::vector<ipc::Descriptor> held_;
  std::vector<Consumer> consumers_;
};

const std::vector<Attacker::Attempt>& Attacker::attempts() {
  using A = Attacker;
  static const std::vector<Attempt> all{
      {"open the events for writing", "EACCES", &A::open_events_to_write},
      {"open the registry for writing", "EACCES", &A::open_registry_to_write},
      {"open the publisher's lease", "EACCES", &A::open_lease},
      {"open the consumers' locks", "EACCES", &A::open_locks},
      {"open a descriptor of the events again, for writing", "EACCES", &A::open_again_to_write},
      {"shorten the events by name", "EACCES", &A::truncate_by_name},
      {"shorten the events by descriptor", "EINVAL", &A::truncate_by_descriptor},
      {"write to the events", "EBADF", &A::write_by_descriptor},
      {"punch a hole into the events", "EBADF", &A::punch_hole},
      {"map the events writable", "EACCES", &A::map_to_write},
      {"make a mapping writable", "EACCES", &A::make_mapping_writable},
      {"take pages of a mapping away", "EACCES", &A::take_pages_away},
      {"unlink the events", "EACCES", &A::unlink_events},
      {"unlink the file that says the publisher lives", "EACCES", &A::unlink_alive},
      {"rename the events", "EACCES", &A::rename_events},
      {"rename the ring", "EACCES", &A::rename_ring},
      {"put a file where the successor's will be", "EACCES", &A::put_file_in_ring},
      {"put a symbolic link where the successor's will be", "EACCES", &A::put_link_in_ring},
      {"touch the events, for which others wait", "EACCES", &A::ring_bell},
      {"change the mode of the events", "EPERM", &A::change_mode},
      {"change the owner of the events", "EPERM", &A::change_owner},
      {"read-lock every byte of the events", "done", &A::read_lock_events},
      {"read-lock every byte of the registry", "done", &A::read_lock_registry},
      {"read-lock the file that says the publisher lives", "EAGAIN", &A::read_lock_alive},
      {"lock the registry for the process", "done", &A::read_lock_of_process},
      {"write-lock the events", "EBADF", &A::write_lock_events},
      {"flock every file", "done", &A::whole_file_locks},
      {"take a file lease on the events", "EACCES", &A::file_lease},
      {"wake whoever sleeps on any word", "done", &A::wake_sleepers},
      {"lead sleepers away to another futex", "done", &A::steal_sleepers},
      {"write a word by way of a futex", "EFAULT", &A::write_by_futex},
      {"lock a page in memory", "done", &A::lock_memory},
      {"hold descriptors and mappings", "done", &A::hold_descriptors},
      {"kill the publisher", "EPERM", &A::kill_publisher},
      {"trace the publisher", "EPERM", &A::trace_publisher},
      {"write to the publisher's memory", "EPERM", &A::write_to_publisher},
      {"attach as a consumer that gates", "not_allowed", &A::attach_to_gate},
      {"attach under somebody's name", "not_allowed", &A::attach_under_a_name},
      {"attach more often than there are slots", "done", &A::attach_more_often_than_slots},
      {"publish", "not_allowed", &A::publish},
      {"remove the ring", "not_allowed", &A::remove},
      {"evict a consumer", "not_allowed", &A::evict},
      {"move a consumer's cursor", "not_allowed", &A::seek},
  };
  return all;
}

class Chaos : public IpcTest {
 protected:
  void SetUp() override {
    if (!can_become_others()) GTEST_SKIP() << "becoming another user needs root";
  }
};

// Reads burst after burst, asleep between them, and says how many events it had of each.
void be_honest(const Words& words, const ConsumerOptions& options) {
  auto consumer = Consumer::attach("orders", options);
  words.say("attached");
  std::uint64_t next = 1;
  while (const auto event = consumer.next_for(kLong)) {
    ASSERT_EQ(event->sequence, next);
    ASSERT_TRUE(is_numbered_payload(event->payload, next)) << "event " << next;
    if (next++ % kBurst == 0) words.say("burst");
  }
  EXPECT_TRUE(consumer.closed());
  EXPECT_EQ(consumer.counters().gap_events, 0U);
}

TEST_F(Chaos, OfAReaderIsFeltByNobody) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = 2 * kSmall, .consumer_slots = 16, .mode = 0644});
  Child gating([](const Words& words) { be_honest(words, {.name = "honest", .policy = Policy::gate}); });
  Child lossy([](const Words& words) {
    ASSERT_TRUE(become(kNobody - 1, kNogroup - 1));
    be_honest(words, {.start = Start::earliest});  // a burst is less than the ring: an honest reader is in time
  });
  gating.words().expect("attached");
  lossy.words().expect("attached");

  const pid_t publisher_process = ::getpid();
  Child attacker([&](const Words& words) {
    ASSERT_TRUE(become(kNobody, kNogroup));
    Attacker attack(ring_path("orders"), publisher_process);
    while (words.hear() == "go on") {
      for (const Attacker::Attempt& attempt : Attacker::attempts())
        words.say(std::string(attempt.what) + "\t" + attack.run(attempt));
      words.say("round");
    }
  });
  std::map<std::string, std::string> outcomes;
  std::uint64_t attempts = 0;
  for (std::size_t round = 0; round < kRounds; ++round) {
    attacker.words().say("go on");
    for (std::string said = attacker.words().hear(); said != "round"; said = attacker.words().hear()) {
      ASSERT_FALSE(said.empty());
      const std::size_t tab = said.find('\t');
      outcomes[said.substr(0, tab)] = said.substr(tab + 1);
      ++attempts;
      publish_numbered(publisher, kBurst, 100);
      gating.words().expect("burst");
      lossy.words().expect("burst");
    }
  }
  // It holds all that it took while the publisher ends, another one takes over, and a consumer comes and goes.
  EXPECT_TRUE(stat_ring("orders").publisher_alive);
  publisher = Publisher::open("other", {.capacity_bytes = kSmall});
  EXPECT_FALSE(stat_ring("orders").publisher_alive) << "a reader's locks must not look like a publisher";
  publisher = Publisher::open("orders");
  EXPECT_EQ(publisher.epoch(), 2U);
  publish_numbered(publisher, kBurst, 100);
  gating.words().expect("burst");
  lossy.words().expect("burst");
  publisher.close();
  EXPECT_TRUE(gating.join());
  EXPECT_TRUE(lossy.join());
  attacker.kill();

  std::printf("%-52s | outcome, while publisher and consumers go on\n", "a reader's attempt");
  for (const Attacker::Attempt& attempt : Attacker::attempts()) {
    std::printf("%-52s | %s\n", attempt.what, outcomes[attempt.what].c_str());
    EXPECT_EQ(outcomes[attempt.what], attempt.outcome) << attempt.what;
  }
  ::ringbolt::test::print_counts({{"attempts of a hostile reader", attempts}});
}

}  // namespace
}  // namespace ringbolt::test
