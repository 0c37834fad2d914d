// What `ringbolt doctor` knows, finds and does, in three steps that do not look at each other: `doctor_gather.cpp` asks the system
// and gives facts, `doctor_machine.cpp` and `doctor_ring.cpp` make findings of facts and ask nobody, `doctor_mend.cpp` does what a
// finding allows. `cmd_doctor.cpp` goes through them.
#pragma once

#include <sys/types.h>

#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_check.hpp>
#include <ringbolt/ipc/stat.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ringbolt::command {

// ---- facts -------------------------------------------------------------------------------------------------------------

struct CpuFacts {
  unsigned number = 0;
  std::string governor{};            // empty: not known, as in most virtual machines
  std::vector<unsigned> siblings{};  // the threads of its core, itself included
};

// Of the machine, and of this process on it. What is empty could not be found out.
struct MachineFacts {
  uid_t user = 0;
  std::vector<CpuFacts> cpus;  // that this process may run on
  std::string clock_source;
  std::string shared_huge_pages;             // what /sys says of transparent huge pages in shared memory
  std::optional<std::uint64_t> locked_most;  // bytes that a process may lock; empty: no limit
  bool has_barriers = true;                  // membarrier(2)
  std::uint64_t watches_most = 0;            // inotify instances of this user; 0: not known
  std::uint64_t watches = 0;                 // those that there are
  bool logs_users_out = false;               // there is a systemd-logind
  bool removes_ipc = true;                   // its RemoveIPC
  bool lingers = false;                      // this user is not logged out
};

// Of a directory that rings are in.
struct DirectoryFacts {
  std::string path;
  bool is_there = false;
  uid_t owner = 0;
  mode_t mode = 0;      // with the sticky bit, without the type
  bool is_shm = false;  // it lies in /dev/shm
  std::uint64_t free_bytes = 0;
  std::uint64_t all_bytes = 0;  // 0: the file system does not count them
  std::uint64_t free_files = 0;
  std::uint64_t all_files = 0;         // likewise
  std::vector<std::string> leftovers;  // names of half-made rings that nobody holds
};

struct FileFacts {
  std::string name;  // within the ring; empty: its directory itself
  std::string path;
  uid_t owner = 0;
  mode_t mode = 0;
};

struct RingFacts {
  std::string name;
  std::optional<RingStat> stat;  // empty: it cannot be looked at, and why:
  Code code = Code::damaged;
  std::string why;
  std::vector<FileFacts> files;       // its directory first; empty: another user's
  std::optional<JournalCheck> check;  // of its journal; empty: none, or not read
  std::string check_failed;           // why it could not be read
  std::uint64_t unread_bytes = 0;     // of a journal that was too large to read
};

// `root` is where `proc`, `sys`, `etc`, `run` and `var` are.
[[nodiscard]] MachineFacts gather_machine(const std::string& root);
[[nodiscard]] DirectoryFacts gather_directory(const std::string& path);
// Reads the whole journal if it has at most `most_bytes`. Throws Error (not_found, bad_name) if there is no such ring.
[[nodiscard]] RingFacts gather_ring(const std::string& name, std::uint64_t most_bytes);

// ---- findings ----------------------------------------------------------------------------------------------------------

enum class Level : std::uint8_t {
  wrong,  // something does not do what somebody counts on, or will not
  slow,   // it costs time
  note,   // as it is on many machines, and good to know; by itself it is nothing found
};
[[nodiscard]] const char* level_word(Level level) noexcept;

enum class FindingIs : std::uint8_t {
  dead_gate,
  dead_publisher,
  waits_for_absent,
  abandoned_ring,
  half_made_ring,
  unreadable_ring,
  no_room,
  directory_rights,
  ring_rights,
  remove_ipc,
  memory_not_locked,
  huge_pages_not_granted,
  option_not_granted,
  barriers_refused,
  slow_clock,
  cpu_governor,
  sibling_cpus,
  inotify_full,
  journal_behind,
  journal_stalled,
  journal_away,
  journal_detached,
  journal_torn,
  journal_damaged,
  journal_unread,
};
[[nodiscard]] const char* finding_word(FindingIs kind) noexcept;

// What may be done about it: no more than the next publisher or the next creation would do, or the owner's own chmod.
enum class Mend : std::uint8_t { none, release_gates, sweep, set_mode };

struct Finding {
  FindingIs kind;
  Level level = Level::wrong;
  std::string ring{};      // empty: of the machine, or of the directory
  std::string consumer{};  // empty: of nobody
  std::string what{};      // a sentence
  std::string advice{};    // another one
  Mend mend = Mend::none;
  std::string path{};  // what to mend
  mode_t mode = 0;     // for set_mode
};

[[nodiscard]] std::vector<Finding> find_in_machine(const MachineFacts& machine, const DirectoryFacts& directory);
[[nodiscard]] std::vector<Finding> find_in_directory(const DirectoryFacts& directory, uid_t user);
[[nodiscard]] std::vector<Finding> find_in_ring(const RingFacts& ring, const MachineFacts& machine);

// ---- mending -----------------------------------------------------------------------------------------------------------

// Says what was done; empty: nothing was, and `why` says why not.
[[nodiscard]] std::string mend(const Finding& finding, std::string& why);

}  // namespace ringbolt::command
