#include <pthread.h>

#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/segment_maker.hpp>
#include <ringbolt/ipc/system.hpp>

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

namespace ringbolt::ipc {

SegmentMaker::SegmentMaker(Storage& storage, bool with_thread) : storage_(&storage) {
  if (!with_thread) return;
  try {
    thread_ = sys::start_thread([this] { run(); });
  } catch (const std::system_error& refused) {
    throw Error(Code::system, std::string("cannot start a thread for the journal's segments: ") + refused.what() +
                                  ": check the process's limits (`ulimit -u`)");
  }
  ::pthread_setname_np(thread_.native_handle(), "rb-segments");
}

SegmentMaker::~SegmentMaker() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  if (ready_.file) static_cast<void>(storage_->remove(ready_.name));
}

int SegmentMaker::make(std::uint64_t bytes, bool zeroed, BlankSegment& blank) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++made_;
  }
  BlankSegment made{nullptr, kBlankPrefix + std::to_string(number), bytes};
  if (const int error = storage_->create(made.name, made.file); error != 0) return error;
  int error = ENOMEM;
  try {
    error = made.file->allocate(bytes, zeroed);
  } catch (const std::bad_alloc&) {  // of the zeros
  }
  if (error != 0) {
    static_cast<void>(storage_->remove(made.name));  // some file systems keep what they had allocated
    return error;
  }
  blank = std::move(made);
  return 0;
}

void SegmentMaker::prepare(std::uint64_t bytes, bool zeroed) {
  std::unique_lock lock(mutex_);
  if (ready_.file || wanted_ || making_) return;
  wanted_ = true;
  wanted_bytes_ = bytes;
  wanted_zeroed_ = zeroed;
  if (thread_.joinable()) {
    changed_.notify_all();
  } else {
    work(lock);
  }
}

int SegmentMaker::take(std::uint64_t bytes, bool zeroed, BlankSegment& blank) {
  {
    std::unique_lock lock(mutex_);
    wanted_ = false;  // not begun yet: quicker here than behind what the thread is at
    changed_.wait(lock, [&] { return !making_; });
    if (ready_.file) {
      BlankSegment found = std::exchange(ready_, {});
      if (found.bytes == bytes) {
        blank = std::move(found);
        return 0;
      }
      static_cast<void>(storage_->remove(found.name));
    }
  }
  return make(bytes, zeroed, blank);
}

void SegmentMaker::do_later(std::function<int()> task) {
  std::unique_lock lock(mutex_);
  tasks_.push_back(std::move(task));
  if (thread_.joinable()) {
    changed_.notify_all();
  } else {
    work(lock);
  }
}

int SegmentMaker::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void SegmentMaker::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || wanted_ || !tasks_.empty(); });
    if (stopping_) return;
    work(lock);
  }
}

void SegmentMaker::work(std::unique_lock<std::mutex>& lock) {
  if (std::exchange(wanted_, false)) {
    making_ = true;
    lock.unlock();
    BlankSegment blank;
    static_cast<void>(make(wanted_bytes_, wanted_zeroed_, blank));  // a failure shows when `take` tries it again
    lock.lock();
    ready_ = std::move(blank);
    making_ = false;
    changed_.notify_all();
  }
  if (tasks_.empty()) return;
  const std::function<int()> task = std::move(tasks_.front());
  tasks_.pop_front();
  if (failure_ != 0) return;
  lock.unlock();
  const int error = task();
  lock.lock();
  failure_ = error;
}

}  // namespace ringbolt::ipc
