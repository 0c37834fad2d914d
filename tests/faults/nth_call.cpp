#include "nth_call.hpp"

#include <linux/magic.h>
#include <string.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "counts.hpp"

namespace ringbolt::test {
namespace {

namespace sys = ipc::sys;

constexpr std::uint64_t kInterruptions = 5;  // in a row: a signal interrupts often, but not for ever

struct Hook {
  std::atomic<bool> armed{false};
  Fault fault;
  std::atomic<std::uint64_t> calls{0};  // of that kind
  std::atomic<bool> happened{false};

  std::atomic<std::uint32_t> hangs{static_cast<std::uint32_t>(Call::count)};  // this kind does
  std::atomic<std::uint32_t> hanging{0};                                      // so many of them are at it
};
Hook hook;

constexpr const char* kNames[] = {
#define RINGBOLT_CALL_NAME(name) #name,
    RINGBOLT_EACH_CALL(RINGBOLT_CALL_NAME)
#undef RINGBOLT_CALL_NAME
};

// What a call of this kind could answer that it is worth to be ready for.
std::vector<int> answers_of(Call call) {
  switch (call) {
    case Call::close:
    case Call::count: return {};
    case Call::open: return {EIO, EMFILE, ENOMEM, EACCES, ENOSPC, EINTR};
    case Call::mkdir: return {EIO, ENOSPC, EACCES};
    case Call::rename: return {EIO, ENOSPC, EACCES};
    case Call::allocate: return {EIO, ENOSPC, EINTR, EOPNOTSUPP};
    case Call::write: return {EIO, ENOSPC, EINTR, sys::kShort};
    case Call::read: return {EIO, EINTR, sys::kShort};
    case Call::fsync:
    case Call::fdatasync: return {EIO, ENOSPC, EINTR};
    case Call::truncate: return {EIO, ENOSPC, EINTR};
    case Call::lock:
    case Call::flock: return {EIO, ENOLCK, EINTR};
    case Call::dup: return {EIO, EMFILE};
    case Call::mmap: return {EIO, ENOMEM};
    case Call::list: return {EIO, ENOMEM};
    case Call::stat: return {EIO, ENOMEM};
    case Call::mlock: return {EIO, ENOMEM};
    case Call::chmod:
    case Call::chown: return {EIO, EPERM};
    case Call::membarrier: return {EIO, ENOSYS, EPERM};
    case Call::getrandom: return {EIO, EINTR, sys::kShort};
    case Call::futex: return {EIO, EINTR};
    case Call::thread: return {EAGAIN};
    case Call::epoll:
    case Call::timer: return {EMFILE, ENOMEM};
    case Call::watch: return {EMFILE, ENOSPC, ENOENT};
    case Call::touch: return {EACCES, EROFS};
    default: return {EIO};
  }
}

std::size_t entries_of(const char* directory) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

// What a process has too much of after a leak.
struct Resources {
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::size_t mappings = 0;  // of files of the tests, and stretches reserved for the ring's two

  // Nothing is left behind. A thread that was joined may be listed a moment longer, also when it was counted `before`.
  [[nodiscard]] bool left_nothing(const Resources& before) const noexcept {
    return descriptors == before.descriptors && threads <= before.threads && mappings == before.mappings;
  }
  static Resources now() {
    Resources resources{entries_of("/proc/self/fd"), entries_of("/proc/self/task"), 0};
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      std::uint64_t begin = 0;
      std::uint64_t end = 0;
      const bool numbers = std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) == 2;
      const bool reserved =
          numbers && line.find(" ---p ") != std::string::npos && (end - begin) % kSmall == 0 && end - begin <= 2 * kSmall;
      resources.mappings += line.find("ringbolt-") != std::string::npos || reserved ? 1 : 0;
    }
    return resources;
  }
};
void PrintTo(const Resources& resources, std::ostream* out) {
  *out << resources.descriptors << " descriptors, " << resources.threads << " threads, " << resources.mappings
       << " mappings";
}

int failures_so_far() {
  const testing::TestResult& result = *testing::UnitTest::GetInstance()->current_test_info()->result();
  int failures = 0;
  for (int i = 0; i < result.total_part_count(); ++i) failures += result.GetTestPartResult(i).failed() ? 1 : 0;
  return failures;
}

// What is so called, people remove.
bool calls_it_damaged(Code code) {
  return code == Code::damaged || code == Code::too_short || code == Code::foreign_layout || code == Code::wrong_version;
}

// A call that was interrupted, or did a part, is made again for the rest: nobody needs to know. Not so a sync.
bool goes_unnoticed(const Fault& fault) {
  return fault.answer == sys::kShort ||
         (fault.answer == EINTR && fault.call != Call::fsync && fault.call != Call::fdatasync);
}

// Runs it with one fault; false: there is no such call.
bool fail_one(const Use& use, const Fault& fault) {
  SCOPED_TRACE(name_of(fault));
  use.prepare();
  const Resources before = Resources::now();
  Outcome outcome{fault, std::nullopt};
  bool happened = false;
  {
    const Failing failing(fault);
    try {
      use.run();
    } catch (const Error& error) {
      outcome.error = error;
      EXPECT_NE(std::string(error.what()).find(':'), std::string::npos) << error.what();
      EXPECT_FALSE(calls_it_damaged(error.code())) << "what is whole is called damaged: " << error.what();
    } catch (const std::exception& other) {
      ADD_FAILURE() << "no Error, but: " << other.what();
    }
    happened = failing.happened();
  }
  EXPECT_TRUE(eventually([&] { return Resources::now().left_nothing(before); }))
      << "left behind: " << testing::PrintToString(Resources::now()) << ", before it were "
      << testing::PrintToString(before);
  EXPECT_FALSE(happened && goes_unnoticed(fault) && outcome.error) << outcome.error->what();
  if (happened) use.check(outcome);
  use.clean();
  return happened;
}

}  // namespace

std::string name_of(const Fault& fault) {
  const char* const answer = fault.answer == sys::kShort ? "short" : ::strerrorname_np(fault.answer);
  return std::string(kNames[static_cast<std::size_t>(fault.call)]) + " number " + std::to_string(fault.nth) + " answers " +
         answer + (fault.goes_on ? " from then on" : "");
}

Failing::Failing(const Fault& fault) {
  hook.fault = fault;
  hook.calls = 0;
  hook.happened = false;
  hook.armed = true;
}
Failing::~Failing() { hook.armed = false; }
bool Failing::happened() const { return hook.happened; }

Hanging::Hanging(Call call) { hook.hangs = static_cast<std::uint32_t>(call); }
Hanging::~Hanging() { let_go(); }
bool Hanging::somebody_hangs() const { return hook.hanging != 0; }
void Hanging::let_go() const {
  hook.hangs = static_cast<std::uint32_t>(Call::count);
  hook.hangs.notify_all();
}

void fail_each_call(const Use& use) {
  const bool some = use.is_long && std::getenv("RINGBOLT_SOAK_SECONDS") == nullptr;
  std::uint64_t faults = 0;
  for (std::uint32_t kind = 0; kind < static_cast<std::uint32_t>(Call::count); ++kind) {
    const auto call = static_cast<Call>(kind);
    for (const int answer : answers_of(call)) {
      for (const bool goes_on : {false, true}) {
        const int failures = failures_so_far();
        for (std::uint64_t nth = 1; fail_one(use, {call, answer, nth, goes_on}); nth += some ? 1 + nth / 16 : 1) {
          ++faults;
          if (failures_so_far() > failures) break;  // the first of these says it
        }
      }
    }
  }
  EXPECT_GT(faults, 0U);
  print_counts({{"faults", faults}});
}

}  // namespace ringbolt::test

extern "C" int ringbolt_on_call(ringbolt::ipc::sys::Call call) {
  using ringbolt::test::hook;
  if (hook.hangs.load() == static_cast<std::uint32_t>(call)) {
    hook.hanging.fetch_add(1);
    hook.hangs.wait(static_cast<std::uint32_t>(call));
    hook.hanging.fetch_sub(1);
  }
  if (!hook.armed.load() || hook.fault.call != call) return 0;
  const std::uint64_t number = hook.calls.fetch_add(1) + 1;
  if (number < hook.fault.nth || (number > hook.fault.nth && !hook.fault.goes_on)) return 0;
  hook.happened = true;
  if (hook.fault.answer == EINTR &&
      (number - hook.fault.nth) % (ringbolt::test::kInterruptions + 1) == ringbolt::test::kInterruptions)
    return 0;
  return hook.fault.answer;
}
extern "C" void ringbolt_on_step(ringbolt::core::Step /*step*/) {}
extern "C" std::uint32_t ringbolt_mutant() { return 0; }

// The power is not cut here, so a sync that is not made to fail need not take the disk's time, and memory will do for a disk.
extern "C" int fsync(int /*fd*/) { return 0; }
extern "C" int fdatasync(int /*fd*/) { return 0; }
extern "C" int statfs(const char* path, struct statfs* system) noexcept {
  const auto result = static_cast<int>(::syscall(SYS_statfs, path, system));
  if (result == 0 && system->f_type == TMPFS_MAGIC) system->f_type = EXT4_SUPER_MAGIC;
  return result;
}
