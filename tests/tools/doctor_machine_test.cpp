// What `doctor` finds in a machine: read from a made one, and judged.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "command.hpp"
#include "doctor.hpp"
#include "fake_root.hpp"

namespace ringbolt::command::test {
namespace {

class DoctorMachine : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<Finding> findings() const {
    MachineFacts machine = gather_machine(root.path());
    machine.has_barriers = true;  // of the real machine, and not under test but where it is
    return find_in_machine(machine, {});
  }
  FakeRoot root;
};

DirectoryFacts directory_at(const std::string& path, bool is_shm) {
  DirectoryFacts directory;
  directory.path = path;
  directory.is_shm = is_shm;
  return directory;
}

const Finding* find(const std::vector<Finding>& findings, FindingIs kind) {
  const auto found = std::ranges::find(findings, kind, &Finding::kind);
  return found == findings.end() ? nullptr : &*found;
}

TEST_F(DoctorMachine, WithNothingWrongHasNoFinding) { EXPECT_TRUE(findings().empty()) << findings().front().what; }

TEST_F(DoctorMachine, OfWhichNothingIsKnownHasNoFinding) {
  std::filesystem::remove_all(root.path() + "/proc");
  std::filesystem::remove_all(root.path() + "/sys");
  EXPECT_TRUE(findings().empty()) << findings().front().what;
}

TEST_F(DoctorMachine, WithASlowClockIsSlow) {
  for (const char* clock : {"hpet", "acpi_pm"}) {
    root.put("sys/devices/system/clocksource/clocksource0/current_clocksource", std::string(clock) + "\n");
    const auto found = findings();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].kind, FindingIs::slow_clock);
    EXPECT_EQ(found[0].level, Level::slow);
    EXPECT_TRUE(contains(found[0].what, clock));
  }
  root.put("sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock\n");
  EXPECT_TRUE(findings().empty());
}

TEST_F(DoctorMachine, NotesGovernorsThatSave) {
  root.put_cpu(1, "powersave", "1");
  root.put_cpu(2, "powersave", "2");
  const auto found = findings();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, FindingIs::cpu_governor);
  EXPECT_EQ(found[0].level, Level::note);
  EXPECT_EQ(found[0].what, "CPU 1-2 has the frequency governor 'powersave'");
}

TEST_F(DoctorMachine, NotesProcessorsThatShareACore) {
  for (int i = 0; i < 4; ++i) root.put_cpu(i, "performance", i % 2 == 0 ? "0,2" : "1,3");
  EXPECT_EQ(find(findings(), FindingIs::sibling_cpus)->what, "CPUs share cores: 0, 2; 1, 3");
  root.put("proc/self/status", "Cpus_allowed_list:\t0-1\n");  // of each core, one
  EXPECT_TRUE(findings().empty());
}

TEST_F(DoctorMachine, WithoutMoreInotifyInstancesIsWrong) {
  root.put("proc/sys/fs/inotify/max_user_instances", "5\n");
  root.put_process(100, 2);
  root.put_process(101, 2);
  EXPECT_TRUE(findings().empty());
  root.put_process(102, 1);
  const auto found = findings();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, FindingIs::inotify_full);
  EXPECT_EQ(found[0].level, Level::wrong);
}

TEST_F(DoctorMachine, ThatRemovesRingsAtLogoutIsWrong) {
  root.put("run/systemd/system/.keep", "");
  const DirectoryFacts shm = directory_at("/dev/shm/ringbolt-1000", true);
  const auto finds = [&](uid_t user, const DirectoryFacts& directory) {
    MachineFacts machine = gather_machine(root.path());
    machine.user = user;
    return find(find_in_machine(machine, directory), FindingIs::remove_ipc) != nullptr;
  };
  EXPECT_TRUE(finds(1000, shm)) << "as systemd does unless told otherwise";
  EXPECT_FALSE(finds(999, shm)) << "a system user is left alone";
  EXPECT_FALSE(finds(1000, directory_at("/srv/rings", false)));
  root.put("etc/systemd/logind.conf", "[Login]\n#RemoveIPC=yes\nRemoveIPC=no\n");
  EXPECT_FALSE(finds(1000, shm));
  root.put("usr/lib/systemd/logind.conf.d/90-x.conf", "[Login]\nRemoveIPC=yes\n");
  EXPECT_TRUE(finds(1000, shm)) << "the last word counts";
  root.put("etc/systemd/logind.conf.d/90-x.conf", "[Login]\n");
  EXPECT_FALSE(finds(1000, shm)) << "a drop-in hides one of the same name";
  MachineFacts lingering = gather_machine(root.path());
  lingering.user = 1000;
  lingering.removes_ipc = true;
  EXPECT_NE(find(find_in_machine(lingering, shm), FindingIs::remove_ipc), nullptr);
  lingering.lingers = true;
  EXPECT_EQ(find(find_in_machine(lingering, shm), FindingIs::remove_ipc), nullptr);
  lingering.lingers = false;
  lingering.logs_users_out = false;
  EXPECT_EQ(find(find_in_machine(lingering, shm), FindingIs::remove_ipc), nullptr);
}

TEST_F(DoctorMachine, ReadsTheLimitOfLockedMemory) {
  EXPECT_FALSE(gather_machine(root.path()).locked_most);
  root.put("proc/self/limits", "Max locked memory         8388608              8388608              bytes     \n");
  EXPECT_EQ(gather_machine(root.path()).locked_most, 8388608U);
}

// In a child, because a filter stays.
TEST_F(DoctorMachine, ThatRefusesBarriersIsSlow) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
      ::_exit(2);
    const auto found = find_in_machine(gather_machine(root.path()), {});
    ::_exit(found.size() == 1 && found[0].kind == FindingIs::barriers_refused && found[0].level == Level::slow ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// ---- the directory -----------------------------------------------------------------------------------------------------

class DoctorDirectory : public CommandTest {};

TEST_F(DoctorDirectory, WithoutRoomIsWrongAndWithLittleIsNoted) {
  constexpr std::uint64_t mebi = 1 << 20;
  DirectoryFacts directory = directory_at("/dev/shm", true);
  directory.all_bytes = 64 * mebi;
  directory.all_files = 1'000;
  const auto level = [&](std::uint64_t free_bytes, std::uint64_t free_files) -> std::optional<Level> {
    directory.free_bytes = free_bytes;
    directory.free_files = free_files;
    const auto found = find_in_directory(directory, 0);
    if (found.empty()) return std::nullopt;
    EXPECT_EQ(found[0].kind, FindingIs::no_room);
    return found[0].level;
  };
  EXPECT_EQ(level(40 * mebi, 500), std::nullopt);
  EXPECT_EQ(level(10 * mebi, 500), Level::note);
  EXPECT_EQ(level(64 << 10, 500), Level::wrong);
  EXPECT_EQ(level(40 * mebi, 3), Level::wrong);
  directory.all_files = 0;  // a file system that does not count them
  EXPECT_EQ(level(40 * mebi, 0), std::nullopt);
}

TEST_F(DoctorDirectory, OnAFullFileSystemIsFoundForReal) {
  // A mount of one's own, in namespaces of one's own.
  const std::string mount = "mount -t tmpfs -o size=" + std::string("512k") + " ringbolt \"$RINGBOLT_DIR\"";
  const std::vector<std::string> shell{"unshare", "--user", "--map-root-user", "--mount", "sh", "-c"};
  if (box.run({mount}, "", {.program = shell}).status != 0) GTEST_SKIP() << "namespaces of one's own are not allowed";
  const Result result =
      box.run({mount + " && chmod 0755 \"$RINGBOLT_DIR\" && \"$RINGBOLT\" doctor --json"}, "", {.program = shell});
  EXPECT_EQ(result.status, 1) << result.err;
  const auto found = json_lines(result.out);
  EXPECT_TRUE(std::ranges::any_of(found, [](const Json& finding) {
    return finding["finding"] == "no_room" && finding["level"] == "wrong";
  })) << result.out;
}

TEST_F(DoctorDirectory, ThatIsSomebodyElsesIsNoted) {
  DirectoryFacts directory = directory_at("/dev/shm/x", true);
  directory.is_there = true;
  directory.owner = 1001;
  directory.mode = 0755;
  ASSERT_EQ(find_in_directory(directory, 1000).size(), 1U);
  EXPECT_EQ(find_in_directory(directory, 1000)[0].kind, FindingIs::directory_rights);
  EXPECT_TRUE(find_in_directory(directory, 1001).empty());
}

}  // namespace
}  // namespace ringbolt::command::test
