// Makes segments ahead of need, and does what can be done later, in a thread of its own, so that whoever records events never
// waits for the zeros of 64 MiB, nor, under a policy that promises nothing, for the disk at all.
#pragma once

#include <ringbolt/ipc/storage.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace ringbolt::ipc {

// An allocated file that has no place in the journal yet.
struct BlankSegment {
  std::unique_ptr<StorageFile> file;
  std::string name;
  std::uint64_t bytes = 0;
};

inline constexpr const char* kBlankPrefix = ".blank.";

class SegmentMaker {
 public:
  // Without a thread everything happens in the calls themselves: for tests that are to repeat exactly.
  SegmentMaker(Storage& storage, bool with_thread);
  ~SegmentMaker();
  SegmentMaker(const SegmentMaker&) = delete;
  SegmentMaker& operator=(const SegmentMaker&) = delete;

  // Begins to make one of so many bytes, if none is made or being made. Failure shows at `take`.
  void prepare(std::uint64_t bytes, bool zeroed);
  // The one that was prepared, waiting for it if it is being made; if there is none, or of another size, makes one now. The
  // answer is an errno.
  [[nodiscard]] int take(std::uint64_t bytes, bool zeroed, BlankSegment& blank);

  // Calls `task`, behind those that were handed over before. After one has answered an errno, no other is called.
  void do_later(std::function<int()> task);
  // That errno; 0: none.
  [[nodiscard]] int failure() const;

 private:
  [[nodiscard]] int make(std::uint64_t bytes, bool zeroed, BlankSegment& blank);
  void run();
  void work(std::unique_lock<std::mutex>& lock);

  Storage* storage_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool wanted_ = false;  // a blank is to be made
  bool making_ = false;
  std::uint64_t wanted_bytes_ = 0;
  bool wanted_zeroed_ = false;
  BlankSegment ready_;
  std::deque<std::function<int()>> tasks_;
  int failure_ = 0;
  std::uint64_t made_ = 0;
  std::thread thread_;
};

}  // namespace ringbolt::ipc
