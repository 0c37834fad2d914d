// The registry of consumers: the file `consumers`, mapped, and the file `locks`, whose byte i says that the owner of entry i
// lives. Whoever holds an entry's byte may set it up; everybody else changes its state by compare-and-swap alone.
#pragma once

#include <ringbolt/core/ownership.hpp>
#include <ringbolt/ipc/consumer.hpp>
#include <ringbolt/ipc/parking.hpp>
#include <ringbolt/ipc/ring_directory.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt::ipc {

[[nodiscard]] std::string read_name(const core::ConsumerEntry& entry);
[[nodiscard]] const char* policy_name(core::Policy policy) noexcept;

// What a new owner finds in its entry.
struct EntryClaim {
  std::uint32_t index = 0;
  std::uint64_t generation = 0;
  core::Place cursor;  // where the name resumes: sequence after the last commit, or where it first started; 0: it is new
};

// From now on the cursor of this entry is where its name resumes, also if it is 0. By its owner, after the cursor.
inline void mark_started(core::ConsumerEntry& entry) noexcept {
  entry.options.store_release(entry.options.load_relaxed() | core::kEntryStarted);  // relaxed: the owner's own
}

class Registry {
 public:
  // Not longer-lived than the directory, whose descriptor it uses. Throws Error: not_allowed, too_short, damaged,
  // wrong_version, foreign_layout. `locks` is opened for writing with
  // Access::read_write, otherwise for reading, and then it may be missing.
  Registry(const RingDirectory& directory, Access access, ForkGuard& guard);
  // Of memory without a name, whose owners are known by other means than locks; `path` is for errors.
  Registry(const Descriptor& file, const std::string& path, ForkGuard& guard);

  [[nodiscard]] core::RegistryHeader& header() const noexcept {
    return *reinterpret_cast<core::RegistryHeader*>(file_.data());
  }
  [[nodiscard]] std::span<core::ConsumerEntry> entries() const noexcept {
    return {reinterpret_cast<core::ConsumerEntry*>(file_.data() + sizeof(core::RegistryHeader)), slots_};
  }
  // Those who sleep until the publisher has published, and those who sleep until a gate has moved.
  [[nodiscard]] WaitChannel sleepers() const noexcept {
    return WaitChannel(header().waiters, header().wake, &header().fence_request, &header().fence_ack)
        .with_bell(header().bell, {directory_, "events"});
  }
  [[nodiscard]] WaitChannel gate_sleepers() const noexcept {
    return WaitChannel(header().gate_waiters, header().gate_wake, nullptr, nullptr)
        .with_bell(header().gate_bell, {directory_, "consumers"});
  }
  [[nodiscard]] const Descriptor& locks() const noexcept { return locks_; }
  [[nodiscard]] bool owner_lives(std::uint32_t index) const;

  // The entry of that name, whoever owns it.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const;

  // Takes an entry for a consumer: its own if the name is known, else a free one, else one that a dead or absent consumer
  // left. It is `joining` afterwards and its byte is held by this Registry's descriptor. `after` are resolved to entries.
  // Throws Error: in_use, registry_full, not_found, cycle, bad_option.
  [[nodiscard]] EntryClaim claim(const ConsumerOptions& options, core::Policy policy, std::uint64_t entry_options,
                                 std::vector<std::uint32_t>& followed);
  // The journal's own entry, made if it is missing. `gates` tells that it gates already, for a journal that has ended or died:
  // then it goes on doing so, and the generation stays. Otherwise it is `joining`. Throws Error: in_use, registry_full.
  // Not yet sure of its gate then: `kEntryBeginning` until the owner takes that option away.
  [[nodiscard]] EntryClaim claim_journal(bool& gates);
  // The owner leaves: a named entry keeps its cursor, another one is free. Wakes whoever waited for the gate.
  void leave(const EntryClaim& claim) noexcept;

  // If the owner of this entry is dead, its gate is released. True if something changed.
  bool reclaim_if_dead(std::uint32_t index);

  // Holds the byte of the name's entry, to own it or to change it from outside. Empty: there is no such name. Throws Error (in_use:
  // "REFUSED consumer 'NAME' is attached already … ADVICE") if its owner lives, or somebody stands still who holds it in passing.
  [[nodiscard]] std::optional<std::uint32_t> hold(std::string_view name, std::string_view refused,
                                                  std::string_view advice) const;
  // The same for an entry that is known, without waiting.
  [[nodiscard]] bool try_hold(std::uint32_t index) const { return try_lock_byte_of(index); }
  void let_go(std::uint32_t index) noexcept;
  [[nodiscard]] bool is_journal(std::uint32_t index) const noexcept;
  // Makes an entry whose byte is held nobody's.
  void set_free(std::uint32_t index) noexcept;

 private:
  void map(int fd, const std::string& path, Access access, ForkGuard& guard);
  [[nodiscard]] bool try_lock_byte_of(std::uint32_t index) const;
  [[nodiscard]] std::uint32_t take_entry(std::string_view name);
  void write_owner(core::ConsumerEntry& entry, std::string_view name, core::Policy policy, std::uint64_t options);
  [[nodiscard]] std::vector<std::uint32_t> resolve(const std::vector<std::string>& after, std::string_view own_name) const;
  [[nodiscard]] bool leads_to(std::uint32_t from, std::uint32_t to) const;

  std::string ring_;
  int directory_ = -1;  // not owned; -1: memory without a name
  FileMapping file_;
  Descriptor locks_;
  std::uint32_t slots_ = 0;  // as checked once against the size of the file
};

}  // namespace ringbolt::ipc
