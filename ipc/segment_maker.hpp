// Makes segments ahead of need, and syncs those that were left without a sync (policy none), in a thread of its own, so
// that whoever records events never waits for the zeros of 64 MiB.
#pragma once

#include <ringbolt/ipc/storage.hpp>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ringbolt::ipc {

// An allocated file that has no place in the journal yet.
struct BlankSegment {
  std::unique_ptr<StorageFile> file;
  std::string name;
  std::uint64_t bytes = 0;
};

class SegmentMaker {
 public:
  // Without a thread everything happens in the calls themselves: for tests that are to repeat exactly.
  SegmentMaker(Storage& storage, bool with_thread);
  ~SegmentMaker();
  SegmentMaker(const SegmentMaker&) = delete;
  SegmentMaker& operator=(const SegmentMaker&) = delete;

  // Begins to make one of so many bytes, if none is made or being made. Failure shows at `take`.
  void prepare(std::uint64_t bytes, bool zeroed);
  // The one that was prepared, waiting for it if it is under way; if there is none, or of another size, makes one now,
  // without zeros. The answer is an errno.
  [[nodiscard]] int take(std::uint64_t bytes, BlankSegment& blank);

  // Syncs a file that nobody writes any more. `failure` tells the first errno that such a sync answered.
  void sync_later(std::unique_ptr<StorageFile> file);
  [[nodiscard]] int failure() const;
  // Every file handed to `sync_later` is synced.
  [[nodiscard]] bool idle() const;

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
  std::vector<std::unique_ptr<StorageFile>> to_sync_;
  std::size_t syncing_ = 0;
  int failure_ = 0;
  std::uint64_t made_ = 0;
  std::thread thread_;
};

}  // namespace ringbolt::ipc
