// A disk with a page cache before it, in memory: the storage model of `ipc/storage.hpp` as a thing that can be crashed at any
// call and any number of times. For the tests of the journal, which run the production code on it.
//
// What it does:
//   * Calls work on the page cache. `sync` brings the dirty 512-byte sectors of a file to the disk, `sync_directory` the
//     creations, renames and removals; syncing a new file does not make its name durable.
//   * `cut_power` draws what a power cut might leave: each dirty sector old, new, or a mixture of both by bytes; of the
//     unsynced directory operations a prefix, or any of them that do not build on one that is missing; an unsynced length or
//     the one before. Many images can be drawn of one state; the state itself does not change.
//   * `restart` is a process crash: the cache stays, all open files are gone.
//   * A sync that is made to fail does what file systems do: the sectors count as clean, the cache goes on showing what was
//     written, the disk has the old bytes or a mixture, and the next sync succeeds. A write that is made to fail has written
//     a part. What file systems keep in their own journal stays to be done by the next good call: a file's length, and the
//     operations of a failed `sync_directory`.
#pragma once

#include <ringbolt/ipc/storage.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "random.hpp"

namespace ringbolt::ipc::test {

inline constexpr std::size_t kSectorBytes = 512;

enum class Call : std::uint8_t { create, open, rename, remove, sync_directory, write, read, sync, allocate, count };
inline constexpr std::size_t kCalls = static_cast<std::size_t>(Call::count);

class SimDisk final : public Storage {
 public:
  // Is told of each call that changes something, before it does.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void before(Call call) = 0;
  };

  explicit SimDisk(std::uint64_t seed) : random_(seed) {}

  int create(const std::string& name, std::unique_ptr<StorageFile>& file) override;
  int open(const std::string& name, bool writable, std::unique_ptr<StorageFile>& file) override;
  int rename(const std::string& from, const std::string& to) override;
  int remove(const std::string& name) override;
  int sync_directory() override;
  int list(std::vector<std::string>& names) override;
  std::string path(const std::string& name) const override { return "disk/" + name; }

  // ---- faults
  void watch(Watcher* watcher) noexcept { watcher_ = watcher; }
  // The call of that kind that comes after `after` others of it fails, and `times - 1` after it.
  void fail(Call call, std::uint64_t after, int error, std::uint64_t times = 1) noexcept;
  void heal() noexcept {  // nothing of what was planned comes about
    faults_ = {};
    kill_at_ = 0;
  }
  // The process is killed at the n-th call from now on that changes something: it and all later ones do nothing and answer EIO.
  void kill_at(std::uint64_t nth) noexcept { kill_at_ = nth; }
  [[nodiscard]] bool dead() const noexcept { return dead_; }
  void restart();

  // ---- power
  void cut_power(Random& random, SimDisk& image) const;
  [[nodiscard]] bool anything_unsynced() const noexcept;
  // The kernel writes some of what is dirty by itself.
  void write_back();

  // ---- by hand and for counting
  [[nodiscard]] std::span<const std::byte> look(const std::string& name) const;  // the cache; empty if there is none
  void poke(const std::string& name, std::uint64_t offset, std::span<const std::byte> bytes);  // cache and disk
  void truncate(const std::string& name, std::uint64_t bytes);                                 // cache and disk
  void copy_to(SimDisk& other) const;  // everything synced, as if by an archive
  [[nodiscard]] std::uint64_t calls(Call call) const noexcept { return calls_[static_cast<std::size_t>(call)]; }
  [[nodiscard]] std::uint64_t faults_met() const noexcept { return faults_met_; }
  [[nodiscard]] std::uint64_t syncs_failed() const noexcept { return syncs_failed_; }
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }

 private:
  friend class SimFile;
  using Bytes = std::vector<std::byte>;

  struct Inode {
    std::shared_ptr<Bytes> cache = std::make_shared<Bytes>();
    std::shared_ptr<Bytes> disk = cache;  // the same object where they are equal
    std::vector<std::uint8_t> dirty;      // by sector
    bool any_dirty = false;
    bool resized = false;  // the length is not on the disk
    bool lies = false;     // a sync failed: clean sectors may differ
    bool mapped = false;   // the cache's bytes may not move

    void change(std::size_t bytes);  // before the cache is changed: its own copy, so long at least
    void write(std::span<const std::byte> bytes, std::uint64_t offset);
    void sync();
    void fail_sync(Random& random);
    void write_back(Random& random);
    [[nodiscard]] bool clean() const noexcept { return !any_dirty && !resized; }
    [[nodiscard]] std::shared_ptr<Bytes> after_power_cut(Random& random) const;

   private:
    void forget_dirty();
  };
  using InodePtr = std::shared_ptr<Inode>;
  struct Entry {
    std::string name;
    InodePtr inode;
  };
  // `from` empty: creation of `to`; `to` empty: removal of `from`.
  struct Operation {
    std::string from;
    std::string to;
    InodePtr inode;
  };
  struct Fault {
    int error = 0;
    std::uint64_t after = 0;
    std::uint64_t times = 0;
  };

  int enter(Call call);
  static std::vector<Entry>::iterator find(std::vector<Entry>& entries, const std::string& name);
  static void apply(std::vector<Entry>& entries, const Operation& operation);
  [[nodiscard]] std::vector<Entry> directory_after_power_cut(Random& random) const;

  Random random_;
  std::vector<Entry> entries_;       // as the cache shows them
  std::vector<Entry> disk_entries_;  // as the disk has them
  std::vector<Operation> pending_;   // from these to those
  std::uint64_t generation_ = 1;     // of open files
  bool dead_ = false;
  std::uint64_t kill_at_ = 0;
  Watcher* watcher_ = nullptr;
  std::array<Fault, kCalls> faults_{};
  std::array<std::uint64_t, kCalls> calls_{};
  std::uint64_t faults_met_ = 0;
  std::uint64_t syncs_failed_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace ringbolt::ipc::test
