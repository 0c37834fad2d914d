// A ring on the file system: where it is, how it comes to be and goes, and the ladder of answers when one attaches to it.
//
// A ring is a directory with the files `events`, `consumers`, `locks`, `lease` and `alive.EPOCH`. It is made whole under a
// hidden name, its lease held, and then renamed, so nobody ever sees half of one and a death leaves only a hidden
// directory whose lease is free: the next creation sweeps it away.
#pragma once

#include <ringbolt/core/ring.hpp>
#include <ringbolt/ipc/descriptor.hpp>
#include <ringbolt/ipc/mapping.hpp>
#include <ringbolt/ipc/publisher.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt::ipc {

inline constexpr std::size_t kLongestName = core::kNameBytes;

// Throws Error (bad_name) unless it is 1 to 64 characters of A-Z a-z 0-9 . _ - and does not begin with a dot.
void check_name(std::string_view name, const char* whose);

// Path of the ring's directory: NAME in the parent directory, or the path itself if there is a slash in it.
[[nodiscard]] std::string ring_path(std::string_view name);

// Throws the Error for a refusal of the system: not_allowed with `whose_right`, who could do it; no_space; or system. `what` is what
// failed, on which object.
[[noreturn]] void throw_refused(const std::string& what, int error, const char* whose_right);

// How long an open file is. Throws as `throw_refused` does.
[[nodiscard]] std::uint64_t bytes_in(int fd, const std::string& path);

// Why a directory may be somebody else's trap, as words for a sentence; null: nobody else can put anything in the place of
// what this user finds or makes in it. `any_owner`: that it belongs to somebody else is what was asked for.
[[nodiscard]] const char* why_not_trusted(int directory, bool any_owner) noexcept;

struct JournalExtent;  // journal_page.hpp

// An existing ring's directory. Throws Error: not_found, not_allowed, bad_name.
struct RingDirectory {
  std::string name;
  std::string path;
  Descriptor fd;

  [[nodiscard]] static RingDirectory open(std::string_view name);
  // A file in it; a descriptor that is not open, with errno set, if that fails.
  [[nodiscard]] Descriptor open_file(const char* file, int flags) const noexcept;
  // The same for one to take locks on: no forked child keeps it.
  [[nodiscard]] Descriptor open_file(const char* file, int flags, ForkGuard& guard) const;
  // Does the path still lead here?
  [[nodiscard]] bool still_there() const noexcept;
  // Has the directory been taken away? Nobody who may not do that can make believe that it was.
  [[nodiscard]] bool removed() const noexcept;
  [[nodiscard]] std::string file(const char* file) const { return path + "/" + file; }
};

// The file `events` of a ring, mapped. Throws Error along the ladder: not_allowed, too_short, damaged, wrong_version,
// foreign_layout.
class EventsFile {
 public:
  EventsFile(const RingDirectory& directory, Access access, ForkGuard& guard);
  // The same of memory without a name; `path` is for errors.
  EventsFile(const Descriptor& file, const std::string& path, Access access, ForkGuard& guard);

  [[nodiscard]] core::EventsHeader& header() const noexcept { return *reinterpret_cast<core::EventsHeader*>(head_.data()); }
  [[nodiscard]] std::byte* data() const noexcept { return data_.data(); }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::uint64_t first_sequence() const noexcept { return first_sequence_; }
  [[nodiscard]] std::uint32_t consumer_slots() const noexcept { return consumer_slots_; }
  [[nodiscard]] core::RingView view() const noexcept { return {&header(), data_.data(), capacity_, first_sequence_}; }

 private:
  void map(int fd, const std::string& path, Access access, ForkGuard& guard);

  FileMapping head_;
  DoubleMapping data_;
  // Read and checked once, never again: the file is another process's to change.
  std::uint64_t capacity_ = 0;
  std::uint64_t first_sequence_ = 0;
  std::uint32_t consumer_slots_ = 0;
};

// A ring's directory and its lease, held: the right to publish.
struct HeldRing {
  RingDirectory directory;
  Descriptor lease;
};

// Makes a ring and holds it. Empty if there is one of that name already. Leaves nothing behind when it throws Error: no_space,
// bad_option, not_allowed, bad_name, system. The lease does not survive a fork into the child.
// `options.journal` names its journal, whose directory is absolute.
[[nodiscard]] std::optional<HeldRing> make_ring(std::string_view name, const PublisherOptions& options, ForkGuard& guard,
                                                const JournalExtent& extent);
// A ring that is no directory. Throws Error: no_space, bad_option, system.
struct SharedMemory {
  Descriptor events;    // not sealed yet: whoever publishes maps it first
  Descriptor registry;  // never leaves the publisher's process
};
[[nodiscard]] SharedMemory make_shared_memory(std::string_view name, const PublisherOptions& options);
[[nodiscard]] gid_t group_id(const std::string& group);  // throws Error (bad_option) if there is no such group
// Rights of the file `consumers` for a mode of creation.
[[nodiscard]] constexpr mode_t registry_mode(std::uint32_t mode) noexcept { return (mode & 0666U) | 0600U; }

// Options of creation that the machine may not grant, as people write them.
struct MemoryOption {
  const char* name;
  std::uint32_t bit;
};
inline constexpr std::array<MemoryOption, 4> kMemoryOptions{{{"huge_pages", core::kOptionHugePages},
                                                             {"prefault", core::kOptionPrefault},
                                                             {"lock_memory", core::kOptionLockMemory},
                                                             {"numa_node", core::kOptionNumaNode}}};

// Applies the options of creation that may be refused (huge pages, prefault, lock, NUMA node) to a publisher's mapping, and
// returns those that took effect. `fd` is the ring's directory or a file in it.
[[nodiscard]] std::uint64_t apply_memory_options(const core::EventsHeader& header, std::byte* data, int fd);

// Does the publisher of the present epoch live? By the lock on `alive.EPOCH`; needs read access only. Throws Error (system,
// not_allowed) where that cannot be seen: nobody is called dead on a guess.
[[nodiscard]] bool publisher_is_alive(const RingDirectory& directory, const core::EventsHeader& header);
// The locked file of a new epoch, in place. The caller holds the lease.
[[nodiscard]] Descriptor make_alive_file(const RingDirectory& directory, std::uint64_t epoch, ForkGuard& guard);

}  // namespace ringbolt::ipc
