// A memory-model explorer: runs a few threads of protocol code in every order, with every value that each load may return
// under the C++ memory model, and looks for an execution that breaks a promise.
//
// How it sees memory. A word is the list of all values stored to it, oldest first. A load may return any of them that is not
// older than what its thread knows of that word, and a store may come before any of them that its thread does not know. What a thread knows is a view: for each word an index into its list, and for
// each thread a clock. A release store carries its thread's view, an acquire load takes it over; fences do the same for the
// relaxed accesses around them; sequentially consistent fences meet in one view that only grows. These are the rules of
// Kang, Hur, Lahav, Vafeiadis, Dreyer, "A Promising Semantics for Relaxed-Memory Concurrency" (2017), without promises.
//
// What it does not see: a load that returns a value stored later (load buffering). For that there is `plain_read`: a place
// that is read plainly must not be written before that read is known to the writer to be over, which is what load buffering
// would break.
//
// One thread runs at a time, as a fiber, until it is preempted; the search is exhaustive up to a number of preemptions.
#pragma once

#include <ringbolt/core/shared_word.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ringbolt::model {

// A place in the code where an order is asked for.
struct Site {
  std::string file;  // without folders
  std::uint32_t line = 0;
  std::string what;  // load_acquire, store_release, compare_exchange, fetch_add, fence_acquire, fence_seq_cst
  friend auto operator<=>(const Site&, const Site&) = default;
};

// What a harness does to set up one execution: memory as it is before the threads start, and the threads. Called for each
// execution again. Accesses outside of threads are plain.
class Scene {
 public:
  void thread(std::function<void()> body) { threads.push_back(std::move(body)); }
  // One that may also be killed before any of its accesses. Every place is tried, and, if that is asked for, so is the loss of
  // a store that was to come before the last ones, where no release forbids the compiler to make it after them.
  void mortal_thread(std::function<void()> body, bool may_lose_a_store = false) {
    loses_stores = may_lose_a_store;
    mortal = threads.size();
    threads.push_back(std::move(body));
  }
  // Looked at when all threads have ended.
  void finally(std::function<void()> check) { at_the_end = std::move(check); }
  // Bytes from `begin + bytes` to `begin + 2 * bytes` are the same as those from `begin`: a ring that is mapped twice.
  void mirror(const std::byte* begin, std::size_t bytes) {
    mirror_begin = begin;
    mirror_bytes = bytes;
  }

  std::vector<std::function<void()>> threads;
  std::size_t mortal = ~std::size_t{0};
  bool loses_stores = false;
  std::function<void()> at_the_end;
  const std::byte* mirror_begin = nullptr;
  std::size_t mirror_bytes = 0;
};

struct Harness {
  const char* name;
  int preemptions;  // at most so many switches away from a thread that could go on
  void (*setup)(Scene& scene);
};

struct Result {
  std::uint64_t executions = 0;
  bool exhaustive = false;  // up to the bound of preemptions
  std::string violation;    // empty: none
};

// What can be made wrong at an access, whatever its order.
enum class Slip : std::uint8_t {
  skipped,    // a store, an addition or a fence does not happen
  late,       // a store changes places with the next one of its thread
  outdated,   // a load returns what the word was before the threads started
  unchecked,  // a compare-and-swap is made without the compare
};

struct Mutation {
  Slip slip = Slip::skipped;
  std::vector<std::pair<std::string, std::uint32_t>> lines;  // file without folders, and line
};

struct Search {
  std::uint64_t most_executions = ~std::uint64_t{0};
  const Mutation* mutation = nullptr;
  const Site* weakened = nullptr;                  // this one's order is relaxed, or its fence is not there
  std::map<Site, std::uint64_t>* sites = nullptr;  // counts the executions of every site that asks for an order
};

[[nodiscard]] Result explore(const Harness& harness, const Search& search = {});

// ---- inside a thread ----------------------------------------------------------------------------------------------------

// A promise: if it is broken the execution ends here.
void promise(bool holds, const char* what) noexcept;
// One of `count` alternatives; every one is tried.
[[nodiscard]] std::uint32_t choose(std::uint32_t count) noexcept;
// Goes on when that is so. All threads waiting is a broken promise. The answer is made from the newest values.
void wait_until(const std::function<bool()>& ready) noexcept;
// The newest value of a word, for `wait_until` and `finally`.
template <class T>
[[nodiscard]] T newest(const core::SharedWord<T>& word) noexcept {
  T value;
  std::memcpy(&value, word.address(), sizeof value);
  return value;
}
// Reads a word as ordinary memory: a store that it races with is a broken promise.
[[nodiscard]] std::uint64_t plain_read(const void* word) noexcept;
void plain_write(void* word, std::uint64_t value) noexcept;
// A full fence in all threads at once: membarrier(2).
void fence_everywhere() noexcept;
// A call that others may notice: somebody else may be faster, and a mortal thread may be killed before it.
void system_call() noexcept;
// What the kernel reads of a word: the newest value, and this thread reads no older one afterwards. Nothing else is known by it.
[[nodiscard]] std::uint64_t read_by_kernel(const void* word, std::size_t bytes) noexcept;
[[nodiscard]] std::size_t this_thread() noexcept;
// Whether a thread has ended or was killed.
[[nodiscard]] bool has_ended(std::size_t thread) noexcept;
// What the kernel orders: a lock given up, also by the end of a thread, or taken. Whoever takes knows all that was given.
void hand_over() noexcept;
void take_over() noexcept;

}  // namespace ringbolt::model
