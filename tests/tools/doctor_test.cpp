// `ringbolt doctor` with real rings: each thing that it finds is made, found, and, where it may be, mended.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "command.hpp"
#include "doctor.hpp"
#include "fake_root.hpp"

namespace ringbolt::command::test {
namespace {

namespace fs = std::filesystem;

class DoctorTest : public CommandTest {
 protected:
  // What is found in all rings, or in one, on a machine with nothing wrong in it. Notes and all.
  std::vector<Json> findings(const Arguments& more = {}) {
    Arguments arguments{"doctor", "--json", "--root", root.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result result = box.run(arguments);
    status = result.status;
    EXPECT_TRUE(status == 0 || status == 1) << result.err;
    return json_lines(result.out);
  }
  // The one of that kind; null if there is none.
  Json finding(const std::string& kind, const Arguments& more = {}) {
    for (const Json& found : findings(more)) {
      if (found["finding"] == kind) return found;
    }
    return nullptr;
  }
  std::size_t count(const std::string& kind, const Arguments& more = {}) {
    const auto found = findings(more);
    return static_cast<std::size_t>(std::ranges::count_if(found, [&](const Json& one) { return one["finding"] == kind; }));
  }
  // A publisher that lives and has published so much.
  Process publisher(const std::string& ring, std::uint64_t events, const Arguments& more = {}) {
    Arguments arguments{"pub", ring};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Process pub = box.start(arguments);
    pub.write(numbers(1, events));
    const auto deadline = std::chrono::steady_clock::now() + kWatchdog;
    while (box.run({"stat", ring}).status != 0 && std::chrono::steady_clock::now() < deadline) {
    }
    box.wait_until(ring, [events](const Json& stat) { return stat["newest_sequence"] == events; });
    return pub;
  }
  static void kill(Process& process) {
    process.signal(SIGKILL);
    process.finish();
  }
  [[nodiscard]] mode_t mode_of(const std::string& path) const {
    struct stat seen {};
    EXPECT_EQ(::stat(path.c_str(), &seen), 0) << path;
    return seen.st_mode & 07777;
  }

  FakeRoot root;
  int status = -1;
};

// With a publisher and nobody else.
RingFacts lively_ring() {
  RingFacts ring;
  ring.name = "a";
  ring.stat = RingStat{};
  ring.stat->name = "a";
  ring.stat->publisher_pid = 1;
  ring.stat->publisher_alive = true;
  return ring;
}

TEST_F(DoctorTest, FindsNothingWhereAllIsWell) {
  Process pub = publisher("a", 3);
  Process tail = box.start({"tail", "a", "--as", "c", "--policy", "gate"});
  box.wait_for_consumers("a", 1);
  const Result result = box.run({"doctor", "a"});
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(contains(result.err, "looked at 1 ring: nothing is wrong")) << result.err;
}

TEST_F(DoctorTest, EndsWithThreeForARingThatIsNotThere) { EXPECT_EQ(box.run({"doctor", "nothing"}).status, 3); }

// ---- the dead ----------------------------------------------------------------------------------------------------------

TEST_F(DoctorTest, NamesAPublisherThatIsGoneWhileConsumersWait) {
  Process pub = publisher("a", 3);
  Process tail = box.start({"tail", "a", "--as", "c"});
  box.wait_for_consumers("a", 1);
  kill(pub);
  const Json found = finding("dead_publisher", {"a"});
  ASSERT_FALSE(found.is_null());
  EXPECT_EQ(status, 1);
  EXPECT_EQ(found["level"], "wrong");
  EXPECT_EQ(found["ring"], "a");
  EXPECT_EQ(found["can_fix"], false);
  EXPECT_TRUE(contains(found["what"], std::to_string(pub.pid())));
}

TEST_F(DoctorTest, NamesARingThatNobodyIsAt) {
  box.run_ok({"pub", "a"}, "x\n");
  const Json found = finding("abandoned_ring", {"a"});
  EXPECT_EQ(found["level"], "wrong");
  EXPECT_EQ(status, 1);
  EXPECT_TRUE(contains(found["advice"], "ringbolt rm a"));
  findings({"a", "--fix"});
  EXPECT_EQ(box.stat("a")["newest_sequence"], 1) << "somebody may want its events";
}

TEST_F(DoctorTest, NotesAClosedRingThatNobodyReadsAndANewOneNotAtAll) {
  box.run_ok({"pub", "a", "--close"}, "x\n");
  EXPECT_EQ(finding("abandoned_ring", {"a"})["level"], "note");
  EXPECT_EQ(status, 0);
  box.run_ok({"create", "b"});
  EXPECT_TRUE(findings({"b"}).empty());
}

TEST_F(DoctorTest, ReleasesTheGatesOfTheDeadAndOfNobodyElse) {
  Process pub = publisher("a", 3);
  Process alive = box.start({"tail", "a", "--as", "alive", "--policy", "gate"});
  Process dead = box.start({"tail", "a", "--as", "dead", "--policy", "gate"});
  Process nameless = box.start({"tail", "a", "--policy", "gate"});
  box.wait_for_consumers("a", 3);
  kill(dead);
  kill(nameless);
  EXPECT_EQ(count("dead_gate", {"a"}), 2U);
  EXPECT_EQ(status, 1);
  const Json found = finding("dead_gate", {"a"});
  EXPECT_EQ(found["can_fix"], true);
  EXPECT_EQ(found["fixed"], nullptr);
  EXPECT_EQ(box.consumer("a", "dead")["state"], "dead") << "looking alone changes nothing";

  const auto mended = findings({"a", "--fix"});
  EXPECT_EQ(status, 0);
  ASSERT_EQ(mended.size(), 2U);
  for (const Json& one : mended) EXPECT_NE(one["fixed"], nullptr);
  EXPECT_EQ(box.consumer("a", "dead")["state"], "away") << "its cursor is kept";
  EXPECT_EQ(box.consumer("a", "alive")["state"], "gating");
  EXPECT_EQ(box.stat("a")["consumers"].size(), 2U);
  EXPECT_TRUE(findings({"a"}).empty());
}

TEST_F(DoctorTest, NamesAConsumerThatWaitsForOneThatIsGone) {
  Process pub = publisher("a", 3);
  Process risk = box.start({"tail", "a", "--as", "risk", "--policy", "gate"});
  box.wait_for_consumers("a", 1);
  Process billing = box.start({"tail", "a", "--as", "billing", "--after", "risk"});
  box.wait_for_consumers("a", 2);
  kill(risk);
  EXPECT_EQ(finding("waits_for_absent", {"a"})["consumer"], "billing");
}

// ---- what is half made -------------------------------------------------------------------------------------------------

TEST_F(DoctorTest, RemovesWhatADeathLeftHalfMadeAndNothingThatSomebodyHolds) {
  const auto site = [&](const std::string& name) {
    const std::string path = box.directory() + "/" + name;
    fs::create_directory(path);
    for (const char* file : {"lease", "events"}) std::ofstream(path + "/" + file) << "x";
    return path;
  };
  const std::string left = site(".a.new-0123456789abcdef");
  const std::string also = site(".b.c.gone-0123456789abcdef");
  const std::string held = site(".a.new-fedcba9876543210");
  const std::string other = site(".a.newer");
  const int lease = ::open((held + "/lease").c_str(), O_RDWR | O_CLOEXEC);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_len = 1;
  ASSERT_EQ(::fcntl(lease, F_OFD_SETLK, &lock), 0);

  EXPECT_EQ(count("half_made_ring"), 2U);
  EXPECT_EQ(status, 1);
  EXPECT_TRUE(fs::exists(left));
  EXPECT_EQ(count("half_made_ring", {"--fix"}), 2U);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(fs::exists(left));
  EXPECT_FALSE(fs::exists(also));
  EXPECT_TRUE(fs::exists(held + "/events"));
  EXPECT_TRUE(fs::exists(other + "/events"));
  EXPECT_EQ(count("half_made_ring"), 0U);
  ::close(lease);
}

TEST_F(DoctorTest, NamesARingThatIsDamaged) {
  Process pub = publisher("b", 1);
  box.run_ok({"create", "a"});
  std::fstream(box.directory() + "/a/events", std::ios::in | std::ios::out | std::ios::binary) << "nonsense";
  const Json found = finding("unreadable_ring");
  EXPECT_EQ(found["ring"], "a");
  EXPECT_EQ(found["level"], "wrong");
  EXPECT_TRUE(contains(found["advice"], "ringbolt rm --force")) << found;
}

// ---- rights ------------------------------------------------------------------------------------------------------------

TEST_F(DoctorTest, RestoresTheModeOfTheDirectory) {
  fs::permissions(box.directory(), static_cast<fs::perms>(0777));
  EXPECT_EQ(finding("directory_rights")["level"], "wrong");
  EXPECT_EQ(status, 1);
  EXPECT_NE(finding("directory_rights", {"--fix"})["fixed"], nullptr);
  EXPECT_EQ(mode_of(box.directory()), 0755U);
  fs::permissions(box.directory(), static_cast<fs::perms>(01777));  // sticky: nobody renames what is not theirs
  EXPECT_EQ(finding("directory_rights"), nullptr);
  fs::permissions(box.directory(), static_cast<fs::perms>(0700));
}

TEST_F(DoctorTest, RestoresTheModesOfARingsFiles) {
  box.run_ok({"create", "a", "--mode", "0640"});
  const std::string ring = box.directory() + "/a";
  EXPECT_TRUE(findings({"a"}).empty());
  const std::vector<std::pair<std::string, mode_t>> spoilt{
      {"", 0777}, {"/events", 0666}, {"/lease", 0644}, {"/locks", 0660}};
  for (const auto& [file, mode] : spoilt) ASSERT_EQ(::chmod((ring + file).c_str(), mode), 0);
  EXPECT_EQ(count("ring_rights", {"a"}), 4U);
  EXPECT_EQ(status, 1);
  findings({"a", "--fix"});
  EXPECT_EQ(status, 0);
  EXPECT_EQ(mode_of(ring), 0755U);
  EXPECT_EQ(mode_of(ring + "/events"), 0644U);
  EXPECT_EQ(mode_of(ring + "/lease"), 0600U);
  EXPECT_EQ(mode_of(ring + "/locks"), 0600U) << "who may not write the registry gets no locks";
}

TEST_F(DoctorTest, LeavesWhatIsSomebodyElses) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give a file away";
  box.run_ok({"create", "a"});
  const std::string events = box.directory() + "/a/events";
  ASSERT_EQ(::chown(events.c_str(), 65534, 65534), 0);
  ASSERT_EQ(::chmod(events.c_str(), 0666), 0);
  EXPECT_EQ(count("ring_rights", {"a", "--fix"}), 2U) << "the mode, and the owner";
  EXPECT_EQ(status, 1);
  EXPECT_EQ(mode_of(events), 0666U);
}

// ---- what the system did not give --------------------------------------------------------------------------------------

TEST_F(DoctorTest, NamesMemoryThatIsNotLocked) {
  // Root locks what it likes, unless that right is taken away.
  std::vector<std::string> shell;
  if (::geteuid() == 0) shell = {"setpriv", "--bounding-set", "-ipc_lock"};
  shell.insert(shell.end(), {"prlimit", "--memlock=65536:65536", RINGBOLT_COMMAND});
  const Result made = box.run({"pub", "a", "--lock-memory", "--capacity", "1MiB"}, "x\n", {.program = shell});
  ASSERT_EQ(made.status, 0) << made.err;
  root.put("proc/self/limits", "Max locked memory         65536                65536                bytes     \n");
  const Json found = finding("memory_not_locked", {"a"});
  ASSERT_FALSE(found.is_null());
  EXPECT_EQ(found["level"], "slow");
  EXPECT_TRUE(contains(found["advice"], "64 KiB")) << found;
}

TEST_F(DoctorTest, NamesHugePagesThatWereNotGranted) {
  box.run_ok({"pub", "a", "--huge-pages"}, "x\n");
  const bool granted = box.stat("a")["options"]["huge_pages"];
  EXPECT_EQ(finding("huge_pages_not_granted", {"a"}).is_null(), granted);
  RingFacts ring = lively_ring();
  ring.stat->options = {{"huge_pages", false}, {"numa_node", false}, {"prefault", true}};
  MachineFacts machine;
  machine.shared_huge_pages = "always advise [never]";
  const auto found = find_in_ring(ring, machine);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].kind, FindingIs::huge_pages_not_granted);
  EXPECT_TRUE(contains(found[0].advice, "[never]"));
  EXPECT_EQ(found[1].kind, FindingIs::option_not_granted);
}

// ---- the journal -------------------------------------------------------------------------------------------------------

class DoctorJournal : public DoctorTest {
 protected:
  [[nodiscard]] std::string journal() const { return box.disk() + "/a.journal"; }
  // A ring of 64 KiB, and its journal as a process of its own.
  Process recorder(const std::string& sync = "none") {
    Process process = box.start({"journal", "a", "--dir", journal(), "--sync", sync, "--segment-bytes", "64KiB"});
    box.wait_until("a",
                   [](const Json& stat) { return stat["journal"] != nullptr && stat["journal"]["state"] == "running"; });
    return process;
  }
  void wait_until_written(std::uint64_t sequence) {
    box.wait_until("a", [sequence](const Json& stat) { return stat["journal"]["written_sequence"] == sequence; });
  }
};

TEST_F(DoctorJournal, ThatNobodyRunsIsWrong) {
  Process pub = publisher("a", 3);
  Process recording = recorder();
  wait_until_written(3);
  EXPECT_TRUE(findings({"a"}).empty()) << findings({"a"}).front();
  kill(recording);
  EXPECT_EQ(finding("journal_away", {"a"})["level"], "wrong");
  box.run_ok({"journal", "a", "--detach"});
  EXPECT_EQ(finding("journal_away", {"a"}), nullptr);
  EXPECT_EQ(finding("journal_detached", {"a"})["level"], "wrong");
  EXPECT_EQ(status, 1);
}

TEST_F(DoctorJournal, ThatFallsBehindIsSlow) {
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  Process pub = publisher("a", 3);
  Process recording = recorder();
  wait_until_written(3);
  recording.signal(SIGSTOP);
  pub.write(numbers(4, 1'000));  // of 40 bytes; the ring has room for 1,600
  box.wait_until("a", [](const Json& stat) { return stat["newest_sequence"] == 1'000; });
  const Json found = finding("journal_behind", {"a"});
  EXPECT_EQ(found["level"], "slow");
  EXPECT_TRUE(contains(found["what"], "997 events behind")) << found;
  recording.signal(SIGCONT);
  wait_until_written(1'000);
  EXPECT_TRUE(findings({"a"}).empty());
}

// The kernel lets it write no further than so far into a file.
TEST_F(DoctorJournal, ThatCannotWriteIsWrong) {
  Process pub = publisher("a", 3);
  Process recording = recorder();
  wait_until_written(3);
  const struct rlimit limit {
    .rlim_cur = 1, .rlim_max = RLIM_INFINITY
  };
  ASSERT_EQ(::prlimit(recording.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  pub.write("4\n");
  box.wait_until("a", [](const Json& stat) { return stat["journal"]["state"] == "stalled"; });
  const Json found = finding("journal_stalled", {"a"});
  EXPECT_EQ(found["level"], "wrong");
  EXPECT_TRUE(contains(found["what"], "File too large")) << found;
}

TEST_F(DoctorJournal, ThatIsDamagedIsWrong) {
  Process pub = publisher("a", 2'000, {"--journal", journal(), "--segment-bytes", "64KiB", "--sync", "none"});
  wait_until_written(2'000);
  std::vector<fs::path> segments;
  for (const auto& entry : fs::directory_iterator(journal()))
    if (entry.path().extension() == ".segment") segments.push_back(entry.path());
  std::ranges::sort(segments);
  ASSERT_GE(segments.size(), 2U);
  std::fstream file(segments.front(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(20'000);
  file << std::string(64, '\x55');
  file.close();
  const Json found = finding("journal_damaged", {"a"});
  ASSERT_FALSE(found.is_null());
  EXPECT_EQ(found["level"], "wrong");
  EXPECT_TRUE(contains(found["advice"], "--salvage")) << found;
}

TEST_F(DoctorJournal, ThatEndsInTheMiddleOfAnEventIsNoted) {
  RingFacts ring = lively_ring();
  ring.stat->journal = JournalStat{.directory = "j", .sync = "every", .state = "detached"};
  ring.check = JournalCheck{};
  ring.check->findings.push_back({.kind = FindingKind::torn_tail, .file = "j/1.segment", .why = "torn"});
  EXPECT_EQ(find_in_ring(ring, {}).back().kind, FindingIs::journal_torn);
  EXPECT_EQ(find_in_ring(ring, {}).back().level, Level::note);
  ring.stat->journal->state = "running";  // it is being written at this moment
  EXPECT_TRUE(find_in_ring(ring, {}).empty());
}

TEST_F(DoctorJournal, ThatIsTooLargeIsNotReadUnlessAskedFor) {
  Process pub = publisher("a", 3, {"--journal", journal(), "--sync", "none"});
  wait_until_written(3);
  std::ofstream(journal() + "/0000000000000000-x.segment").close();
  fs::resize_file(journal() + "/0000000000000000-x.segment", (std::uint64_t{1} << 30) + 1);  // a hole
  EXPECT_EQ(finding("journal_unread")["level"], "note");
  EXPECT_EQ(status, 0) << "a note is nothing found";
}

}  // namespace
}  // namespace ringbolt::command::test
