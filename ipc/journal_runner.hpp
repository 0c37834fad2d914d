// A journal that runs: its directory and lock, its gate among the ring's consumers, and the loop that records. Used by the
// thread in a publisher's process and by `run_journal`.
#pragma once

#include <ringbolt/ipc/journal_page.hpp>
#include <ringbolt/ipc/recorder.hpp>
#include <ringbolt/ipc/registry.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace ringbolt::ipc {

// Throws Error (bad_option) for what makes no sense; the answer has its directory absolute.
[[nodiscard]] JournalOptions checked_options(const JournalOptions& options);

// A journal's directory, locked and recovered. Throws Error: in_use, bad_option, and what JournalLog throws.
struct JournalStore {
  JournalStore(const JournalOptions& options, ForkGuard& guard);

  std::string directory;
  std::unique_ptr<Storage> storage;
  Descriptor lock;  // byte 0 of the file `lock`
  std::unique_ptr<JournalLog> log;
};

class JournalRunner {
 public:
  // Joins the ring's gates, and begins an epoch. Throws Error: see run_journal.
  JournalRunner(std::string_view ring, const JournalOptions& options, std::unique_ptr<JournalStore> store, bool own_process,
                std::unique_ptr<ForkGuard> guard);
  ~JournalRunner();
  JournalRunner(const JournalRunner&) = delete;
  JournalRunner& operator=(const JournalRunner&) = delete;

  // As its publisher calls the ring, for what people are told; otherwise as it was opened.
  void call_ring(const std::string& name) { directory_.name = name; }

  void run(const std::function<bool()>& stop);
  // After an Error from `run`: says that nothing is recorded any more. The gate stays.
  void give_up(const char* why) noexcept;

 private:
  void join(bool own_process);
  [[nodiscard]] core::Place place_in_ring();
  [[nodiscard]] core::Place resume_at_gate();
  void begin_epoch(core::Place place);
  void check_ring() const;
  void check_journal() const;
  [[nodiscard]] Recorder::Did one_round(std::uint64_t now_ns);
  [[nodiscard]] bool directory_is_there(std::uint64_t now_ns);
  void tell(core::JournalState state);
  void log_state(core::JournalState state);
  void move_gate();
  void remove_old(std::uint64_t now_ns);

  JournalOptions options_;
  std::unique_ptr<ForkGuard> guard_;
  std::unique_ptr<JournalStore> store_;
  RingDirectory directory_;
  EventsFile events_;
  Registry registry_;
  std::optional<JournalPageFile> page_;
  EntryClaim claim_;
  core::ConsumerEntry* entry_ = nullptr;
  bool gates_ = false;
  std::unique_ptr<Recorder> recorder_;
  core::Place gate_;
  bool fence_each_gate_ = false;
  int error_ = 0;
  int logged_error_ = 0;  // 0: that it runs
  std::uint64_t looked_ns_ = 0;
  bool directory_there_ = true;
  std::uint64_t segments_seen_ = 0;
  std::uint64_t retained_ns_ = 0;
};

// A runner in a named thread of this process.
class JournalThread {
 public:
  JournalThread(std::unique_ptr<JournalRunner> runner, const ForkGuard& guard, WaitChannel wake);
  ~JournalThread();  // records what is published, as far as the disk lets it, and ends
  JournalThread(const JournalThread&) = delete;
  JournalThread& operator=(const JournalThread&) = delete;

 private:
  std::unique_ptr<JournalRunner> runner_;
  const ForkGuard* guard_;
  WaitChannel wake_;
  std::atomic<bool> stop_{false};
  std::unique_ptr<std::thread> thread_;
};

}  // namespace ringbolt::ipc
