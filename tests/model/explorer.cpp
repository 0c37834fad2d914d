#include "explorer.hpp"

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>

namespace ringbolt::model {
namespace {

constexpr std::size_t kMostThreads = 4;
constexpr std::size_t kMostWords = 160;
constexpr std::size_t kMostStores = 200;  // to one word in one execution; an index fits a byte
constexpr std::size_t kStackBytes = std::size_t{64} << 10;
constexpr std::uint64_t kNeverComesThere = 1'000;  // executions, after which a mutation that nobody has met is given up
constexpr std::uint64_t kMostSteps = 20'000;       // of one execution; more is a thread that does not end

// What is known: for each word the oldest store that may still be returned, for each thread how far it is known.
struct View {
  std::array<std::uint8_t, kMostWords> words{};
  std::array<std::uint32_t, kMostThreads> clocks{};

  void join(const View& other) noexcept {
    for (std::size_t i = 0; i < kMostWords; ++i) words[i] = std::max(words[i], other.words[i]);
    for (std::size_t i = 0; i < kMostThreads; ++i) clocks[i] = std::max(clocks[i], other.clocks[i]);
  }
};

struct Store {
  std::uint64_t value = 0;
  View carried;  // what an acquire load of it takes over
  std::size_t thread = kMostThreads;
  std::uint32_t clock = 0;
  bool follows = false;  // a read-modify-write: nothing comes between it and the store before it
};

struct Word {
  void* address = nullptr;
  std::size_t bytes = 0;
  std::vector<Store> stores;
  std::array<std::uint32_t, kMostThreads> read_at{};  // plainly, by each thread
};

struct Thread {
  ucontext_t context{};
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStackBytes);
  const std::function<void()>* body = nullptr;
  View now;       // what it knows
  View acquired;  // what it will know at its next acquire fence
  View released;  // what its relaxed stores carry: what it knew at its last release fence
  std::vector<std::size_t>
      unordered;  // words it stored to last, of which no release store or fence says that they come before
  bool ended = false;
  bool killed = false;
  const std::function<bool()>* waits_for = nullptr;
  void* late_word = nullptr;  // a store that changes places with the next one
  std::size_t late_bytes = 0;
  std::uint64_t late_value = 0;
  Order late_order = Order::relaxed;
};

struct Choice {
  std::uint32_t taken = 0;
  std::uint32_t count = 0;
};

bool acquires(Order order) noexcept { return order != Order::relaxed && order != Order::release; }
bool releases(Order order) noexcept { return order != Order::relaxed && order != Order::acquire; }

class Explorer {
 public:
  Result run(const Harness& harness, const Search& search);

  // ---- called by the threads
  std::uint64_t load(const void* address, std::size_t bytes, Order order, const Where& where, const char* what);
  void store(void* address, std::size_t bytes, std::uint64_t value, Order order, const Where& where, const char* what);
  bool compare_exchange(void* address, std::size_t bytes, std::uint64_t& expected, std::uint64_t desired,
                        const Where& where);
  std::uint64_t add(void* address, std::size_t bytes, std::uint64_t increment, const Where& where);
  void fence(Order order, const Where& where);
  void fence_everywhere();
  std::uint64_t plain_read(const void* address);
  void plain_write(void* address, std::uint64_t value);
  std::uint32_t choose(std::uint32_t count);
  void wait_until(const std::function<bool()>& ready);
  [[noreturn]] void end_thread();
  [[noreturn]] void break_promise(const std::string& what);
  void system_call() { step(); }
  std::uint64_t read_by_kernel(const void* address, std::size_t bytes) {
    const std::size_t id = id_of(address, bytes);
    step();
    const std::size_t newest = words_[id].stores.size() - 1;
    thread().now.words[id] = static_cast<std::uint8_t>(newest);
    return words_[id].stores[newest].value;
  }
  [[nodiscard]] std::size_t this_thread() const noexcept { return current_; }
  [[nodiscard]] bool has_ended(std::size_t index) const noexcept { return threads_[index].ended; }
  void hand_over() { given_.join(thread().now); }
  void take_over() { thread().now.join(given_); }
  [[nodiscard]] bool active() const noexcept { return current_ != kNobody; }

 private:
  static constexpr std::size_t kNobody = ~std::size_t{0};

  void run_once(const Harness& harness);
  [[nodiscard]] bool next_choices();
  static void enter();

  [[nodiscard]] Thread& thread() noexcept { return threads_[current_]; }
  [[nodiscard]] std::size_t id_of(const void* address, std::size_t bytes);
  [[nodiscard]] Order in_force(Order order, const Where& where, const char* what);
  [[nodiscard]] bool slips(Slip slip, const Where& where);
  void step();
  void store_now(void* address, std::size_t bytes, std::uint64_t value, Order order);
  void store_late();
  void order_stores(Order order, const std::size_t* stored);
  void lose_store();
  void maybe_preempt();
  void switch_to(std::size_t next);
  [[nodiscard]] bool can_run(std::size_t index);
  void append(std::size_t id, std::uint64_t value, Order order, const View* continues);
  [[nodiscard]] std::size_t place_of_store(std::size_t id);
  void make_place(std::size_t id, std::size_t index);
  void take(std::size_t id, std::size_t index, Order order);
  void fence_now(Thread& thread, Order order);

  Search search_;
  Scene scene_;
  int bound_ = 0;
  std::array<Thread, kMostThreads> threads_;
  std::size_t count_ = 0;
  std::size_t current_ = kNobody;
  ucontext_t home_{};
  std::vector<Word> words_{kMostWords};
  std::size_t words_used_ = 0;
  std::unordered_map<const void*, std::size_t> ids_;
  View sequential_;  // where seq_cst fences meet
  View given_;       // what was handed over by the kernel
  std::vector<Choice> choices_;
  std::size_t chosen_ = 0;
  int preemptions_ = 0;
  std::uint64_t steps_ = 0;
  std::string violation_;
  std::unordered_map<std::uint64_t, Site> known_sites_;
  std::unordered_map<std::uint64_t, bool> in_mutation_;
  bool slipped_ = false;  // something has gone wrong as the mutation says
};

Explorer explorer;

// ---- the search -----------------------------------------------------------------------------------------------------------

Result Explorer::run(const Harness& harness, const Search& search) {
  search_ = search;
  bound_ = harness.preemptions;
  choices_.clear();
  in_mutation_.clear();
  slipped_ = false;
  Result result;
  do {
    run_once(harness);
    ++result.executions;
    if (!violation_.empty()) {
      result.violation = violation_;
      return result;
    }
    if (result.executions >= search.most_executions) return result;
    if (search.mutation != nullptr && !slipped_ && result.executions >= kNeverComesThere) return result;
  } while (next_choices());
  result.exhaustive = true;
  return result;
}

bool Explorer::next_choices() {
  while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().count) choices_.pop_back();
  if (choices_.empty()) return false;
  ++choices_.back().taken;
  return true;
}

void Explorer::run_once(const Harness& harness) {
  scene_ = Scene{};
  for (std::size_t i = 0; i < words_used_; ++i) {
    words_[i].stores.clear();
    words_[i].read_at = {};
  }
  words_used_ = 0;
  ids_.clear();
  sequential_ = given_ = View{};
  chosen_ = 0;
  preemptions_ = 0;
  steps_ = 0;
  violation_.clear();
  current_ = kNobody;
  harness.setup(scene_);
  count_ = scene_.threads.size();
  if (count_ > kMostThreads) std::abort();
  for (std::size_t i = 0; i < count_; ++i) {
    Thread& thread = threads_[i];
    thread.body = &scene_.threads[i];
    thread.now = thread.acquired = thread.released = View{};
    thread.now.clocks[i] = 1;
    thread.unordered.clear();
    thread.ended = thread.killed = false;
    thread.waits_for = nullptr;
    thread.late_word = nullptr;
    ::getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = kStackBytes;
    thread.context.uc_link = nullptr;
    ::makecontext(&thread.context, &Explorer::enter, 0);
  }
  current_ = choose(static_cast<std::uint32_t>(count_));
  ::swapcontext(&home_, &threads_[current_].context);
  current_ = kNobody;
  if (violation_.empty() && scene_.at_the_end) {
    if (::getcontext(&home_); violation_.empty()) scene_.at_the_end();  // a broken promise comes back to the line before
  }
}

void Explorer::enter() {
  (*explorer.thread().body)();
  explorer.end_thread();
}

std::uint32_t Explorer::choose(std::uint32_t count) {
  if (count == 1) return 0;
  if (chosen_ == choices_.size()) choices_.push_back({0, count});
  Choice& choice = choices_[chosen_++];
  if (choice.count != count) {
    std::fprintf(stderr, "the harness does not repeat: %u alternatives where there were %u\n", count, choice.count);
    std::abort();
  }
  return choice.taken;
}

// ---- scheduling -----------------------------------------------------------------------------------------------------------

bool Explorer::can_run(std::size_t index) {
  Thread& thread = threads_[index];
  if (thread.ended) return false;
  return thread.waits_for == nullptr || (*thread.waits_for)();
}

void Explorer::switch_to(std::size_t next) {
  const std::size_t from = current_;
  current_ = next;
  ::swapcontext(&threads_[from].context, &threads_[next].context);
}

// Before an access that others may notice: somebody else may be faster, or this thread is killed. Its death is no preemption.
void Explorer::maybe_preempt() {
  std::array<std::size_t, kMostThreads> others{};
  std::uint32_t count = 0;
  for (std::size_t i = 0; preemptions_ < bound_ && i < count_; ++i) {
    if (i != current_ && can_run(i)) others[count++] = i;
  }
  const std::uint32_t mortal = scene_.mortal == current_ ? 1 : 0;
  const std::uint32_t choice = choose(1 + mortal + count);
  if (choice == 0) return;
  if (choice <= mortal) {
    thread().killed = true;
    lose_store();
    end_thread();
  }
  ++preemptions_;
  switch_to(others[choice - mortal - 1]);
}

// A compiler may let stores change places where no release forbids it. So of those that a dead thread made last, one may not
// have been made, though later ones were, as long as nobody has seen it.
void Explorer::lose_store() {
  Thread& dead = thread();
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i + 1 < dead.unordered.size(); ++i) {
    const std::size_t id = dead.unordered[i];
    if (std::find(dead.unordered.begin() + static_cast<std::ptrdiff_t>(i) + 1, dead.unordered.end(), id) !=
        dead.unordered.end())
      continue;  // stores to one word never change places
    const std::size_t index = words_[id].stores.size() - 1;
    bool seen = words_[id].stores[index].thread != current_;
    for (std::size_t other = 0; other < count_; ++other) {
      if (other == current_) continue;
      seen |= std::max(threads_[other].now.words[id], threads_[other].acquired.words[id]) >= index;
    }
    if (!seen) candidates.push_back(id);
  }
  const std::uint32_t choice = choose(static_cast<std::uint32_t>(candidates.size()) + 1);
  if (choice == 0) return;
  Word& word = words_[candidates[choice - 1]];
  word.stores.pop_back();
  dead.now.words[candidates[choice - 1]] = static_cast<std::uint8_t>(word.stores.size() - 1);
  std::memcpy(word.address, &word.stores.back().value, word.bytes);
}

void Explorer::order_stores(Order order, const std::size_t* stored) {
  if (scene_.mortal != current_ || !scene_.loses_stores) return;
  std::vector<std::size_t>& unordered = thread().unordered;
  if (releases(order)) unordered.clear();
  if (stored != nullptr) unordered.push_back(*stored);
}

void Explorer::step() {
  if (++steps_ > kMostSteps) break_promise("a thread does not end");
  maybe_preempt();
  ++thread().now.clocks[current_];
}

void Explorer::wait_until(const std::function<bool()>& ready) {
  if (ready()) return;
  thread().waits_for = &ready;
  std::array<std::size_t, kMostThreads> others{};
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    if (i != current_ && can_run(i)) others[count++] = i;
  }
  if (count == 0) break_promise("all threads wait");
  switch_to(others[choose(count)]);
  thread().waits_for = nullptr;
}

void Explorer::end_thread() {
  if (!thread().killed) store_late();
  thread().ended = true;
  hand_over();  // its locks
  std::array<std::size_t, kMostThreads> others{};
  std::uint32_t count = 0;
  bool waiting = false;
  for (std::size_t i = 0; i < count_; ++i) {
    if (can_run(i)) others[count++] = i;
    waiting |= !threads_[i].ended;
  }
  if (count == 0) {
    if (waiting) break_promise("all threads wait");
    ::setcontext(&home_);
  }
  current_ = others[choose(count)];
  ::setcontext(&threads_[current_].context);
  std::abort();
}

void Explorer::break_promise(const std::string& what) {
  if (violation_.empty()) violation_ = what;
  ::setcontext(&home_);
  std::abort();
}

// ---- memory ---------------------------------------------------------------------------------------------------------------

std::size_t Explorer::id_of(const void* address, std::size_t bytes) {
  const auto* at = static_cast<const std::byte*>(address);
  if (scene_.mirror_begin != nullptr && at >= scene_.mirror_begin + scene_.mirror_bytes &&
      at < scene_.mirror_begin + 2 * scene_.mirror_bytes)
    at -= scene_.mirror_bytes;
  const auto [place, added] = ids_.try_emplace(at, words_used_);
  if (added) {
    if (words_used_ == kMostWords) {
      std::fprintf(stderr, "a harness uses too many words\n");
      std::abort();
    }
    Word& word = words_[words_used_++];
    word.address = const_cast<std::byte*>(at);
    word.bytes = bytes;
    word.stores.emplace_back();
    std::memcpy(&word.stores.back().value, at, bytes);
  }
  return place->second;
}

// What is asked for, unless this is the place that is weakened; notes the place.
Order Explorer::in_force(Order order, const Where& where, const char* what) {
  if (order == Order::relaxed) return order;
  const std::uint64_t key = reinterpret_cast<std::uintptr_t>(where.file_name()) * 31 + where.line() * 4 +
                            (reinterpret_cast<std::uintptr_t>(what) << 20);
  auto place = known_sites_.find(key);
  if (place == known_sites_.end()) {
    std::string file = where.file_name();
    file.erase(0, file.rfind('/') + 1);
    place = known_sites_.emplace(key, Site{file, where.line(), what}).first;
  }
  if (search_.sites != nullptr) ++(*search_.sites)[place->second];
  if (search_.weakened == nullptr || *search_.weakened != place->second) return order;
  return Order::relaxed;
}

// Is that line to go wrong in this way?
bool Explorer::slips(Slip slip, const Where& where) {
  if (search_.mutation == nullptr || search_.mutation->slip != slip) return false;
  const std::uint64_t key = reinterpret_cast<std::uintptr_t>(where.file_name()) * 31 + where.line();
  const auto [place, added] = in_mutation_.try_emplace(key, false);
  if (added) {
    const std::string path = where.file_name();
    const std::string file = path.substr(path.rfind('/') + 1);
    for (const auto& [name, line] : search_.mutation->lines) place->second |= name == file && line == where.line();
  }
  slipped_ |= place->second;
  return place->second;
}

// The thread has read that store.
void Explorer::take(std::size_t id, std::size_t index, Order order) {
  Thread& reader = thread();
  const Store& store = words_[id].stores[index];
  reader.now.words[id] = std::max(reader.now.words[id], static_cast<std::uint8_t>(index));
  reader.acquired.join(store.carried);
  if (acquires(order)) reader.now.join(store.carried);
}

void Explorer::append(std::size_t id, std::uint64_t value, Order order, const View* continues) {
  Word& word = words_[id];
  Thread& writer = thread();
  for (std::size_t i = 0; i < count_; ++i) {
    if (i != current_ && word.read_at[i] > writer.now.clocks[i]) break_promise("a place is written over while it is read");
  }
  if (word.stores.size() == kMostStores) break_promise("a thread does not end");
  const auto index = static_cast<std::uint8_t>(continues != nullptr ? word.stores.size() : place_of_store(id));
  const bool newest = index == word.stores.size();
  if (!newest) make_place(id, index);
  writer.now.words[id] = index;
  Store store{.value = value, .carried = releases(order) ? writer.now : writer.released, .thread = current_};
  store.clock = writer.now.clocks[current_];
  store.carried.words[id] = index;
  store.follows = continues != nullptr;
  if (continues != nullptr) store.carried.join(*continues);  // a read-modify-write goes on with the release sequence
  word.stores.insert(word.stores.begin() + index, store);
  if (newest) std::memcpy(word.address, &value, word.bytes);
}

// Before any of the stores that the thread knows nothing of, or behind all of them.
std::size_t Explorer::place_of_store(std::size_t id) {
  const std::vector<Store>& stores = words_[id].stores;
  std::array<std::size_t, kMostStores> places{};
  std::uint32_t count = 0;
  places[count++] = stores.size();
  for (std::size_t i = stores.size() - 1; i > thread().now.words[id]; --i) {
    if (!stores[i].follows) places[count++] = i;
  }
  return places[choose(count)];
}

// What everybody knows of the stores behind that place moves with them.
void Explorer::make_place(std::size_t id, std::size_t index) {
  const auto move = [&](View& view) {
    view.words[id] = static_cast<std::uint8_t>(view.words[id] + (view.words[id] >= index));
  };
  for (std::size_t i = 0; i < count_; ++i) {
    for (View* view : {&threads_[i].now, &threads_[i].acquired, &threads_[i].released}) move(*view);
  }
  move(sequential_);
  move(given_);
  for (std::size_t i = 0; i < words_used_; ++i) {
    for (Store& store : words_[i].stores) move(store.carried);
  }
}

std::uint64_t Explorer::load(const void* address, std::size_t bytes, Order order, const Where& where, const char* what) {
  order = in_force(order, where, what);
  const std::size_t id = id_of(address, bytes);
  step();
  const Word& word = words_[id];
  if (slips(Slip::outdated, where)) return word.stores.front().value;
  const std::size_t oldest = thread().now.words[id];
  const std::size_t newest = word.stores.size() - 1;
  const std::size_t index = newest - choose(static_cast<std::uint32_t>(newest - oldest + 1));
  take(id, index, order);
  return word.stores[index].value;
}

void Explorer::store(void* address, std::size_t bytes, std::uint64_t value, Order order, const Where& where,
                     const char* what) {
  order = in_force(order, where, what);
  if (slips(Slip::skipped, where)) return;
  if (slips(Slip::late, where)) {
    Thread& writer = thread();
    writer.late_word = address;
    writer.late_bytes = bytes;
    writer.late_value = value;
    writer.late_order = order;
    return;
  }
  store_now(address, bytes, value, order);
  store_late();
}

void Explorer::store_now(void* address, std::size_t bytes, std::uint64_t value, Order order) {
  const std::size_t id = id_of(address, bytes);
  step();
  order_stores(order, &id);
  append(id, value, order, nullptr);
}

void Explorer::store_late() {
  Thread& writer = thread();
  if (writer.late_word == nullptr) return;
  store_now(std::exchange(writer.late_word, nullptr), writer.late_bytes, writer.late_value, writer.late_order);
}

bool Explorer::compare_exchange(void* address, std::size_t bytes, std::uint64_t& expected, std::uint64_t desired,
                                const Where& where) {
  const Order order = in_force(Order::acq_rel, where, "compare_exchange");
  const std::size_t id = id_of(address, bytes);
  step();
  Word& word = words_[id];
  const bool unchecked = slips(Slip::unchecked, where);
  if (unchecked) expected = word.stores.back().value;
  // It succeeds on the newest value only; it may fail on an older one.
  std::array<std::size_t, kMostStores> readable{};
  std::uint32_t count = 0;
  const std::size_t newest = word.stores.size() - 1;
  readable[count++] = newest;
  for (std::size_t i = thread().now.words[id]; !unchecked && i < newest; ++i) {
    if (word.stores[i].value != expected) readable[count++] = i;
  }
  const std::size_t index = readable[choose(count)];
  const bool equal = word.stores[index].value == expected;
  take(id, index, order);
  if (!equal) {
    expected = word.stores[index].value;
    return false;
  }
  const View continues = word.stores[index].carried;
  order_stores(order, &id);
  append(id, desired, order, &continues);
  return true;
}

std::uint64_t Explorer::add(void* address, std::size_t bytes, std::uint64_t increment, const Where& where) {
  const Order order = in_force(Order::acq_rel, where, "fetch_add");
  const std::size_t id = id_of(address, bytes);
  step();
  Word& word = words_[id];
  const std::uint64_t before = word.stores.back().value;
  if (slips(Slip::skipped, where)) return before;
  take(id, word.stores.size() - 1, order);
  const View continues = word.stores.back().carried;
  order_stores(order, &id);
  append(id, before + increment, order, &continues);
  store_late();
  return before;
}

void Explorer::fence_now(Thread& thread, Order order) {
  if (acquires(order)) thread.now.join(thread.acquired);
  if (order == Order::seq_cst) {
    thread.now.join(sequential_);
    sequential_ = thread.now;
  }
  if (releases(order)) thread.released = thread.now;
}

void Explorer::fence(Order order, const Where& where) {
  const Order weakest = in_force(order, where, order == Order::seq_cst ? "fence_seq_cst" : "fence_acquire");
  if (slips(Slip::skipped, where)) return;
  if (order == Order::seq_cst) step();
  // A sequentially consistent fence that is weakened still acquires and releases: only what makes it sequential is gone.
  if (weakest == Order::relaxed) order = order == Order::seq_cst ? Order::acq_rel : Order::relaxed;
  order_stores(order, nullptr);
  fence_now(thread(), order);
}

void Explorer::fence_everywhere() {
  step();
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < count_; ++i) fence_now(threads_[i], Order::seq_cst);
  }
}

std::uint64_t Explorer::plain_read(const void* address) {
  const std::size_t id = id_of(address, sizeof(std::uint64_t));
  step();
  Word& word = words_[id];
  const Store& store = word.stores.back();
  if (store.thread < count_ && store.thread != current_ && store.clock > thread().now.clocks[store.thread])
    break_promise("a place is read while it is written");
  word.read_at[current_] = thread().now.clocks[current_];
  return store.value;
}

void Explorer::plain_write(void* address, std::uint64_t value) {
  const std::size_t id = id_of(address, sizeof(std::uint64_t));
  step();
  append(id, value, Order::relaxed, nullptr);
}

// Outside of threads there is one copy of memory.
std::uint64_t bits_at(const void* word, std::size_t bytes) noexcept {
  std::uint64_t bits = 0;
  std::memcpy(&bits, word, bytes);
  return bits;
}

}  // namespace

Result explore(const Harness& harness, const Search& search) { return explorer.run(harness, search); }

std::uint64_t load(const void* word, std::size_t bytes, Order order, const Where& where) noexcept {
  if (!explorer.active()) return bits_at(word, bytes);
  return explorer.load(word, bytes, order, where, "load_acquire");
}

void store(void* word, std::size_t bytes, std::uint64_t value, Order order, const Where& where) noexcept {
  if (!explorer.active()) {
    std::memcpy(word, &value, bytes);
    return;
  }
  explorer.store(word, bytes, value, order, where, "store_release");
}

bool compare_exchange(void* word, std::size_t bytes, std::uint64_t& expected, std::uint64_t desired,
                      const Where& where) noexcept {
  if (explorer.active()) return explorer.compare_exchange(word, bytes, expected, desired, where);
  const std::uint64_t found = bits_at(word, bytes);
  if (found == expected) std::memcpy(word, &desired, bytes);
  return std::exchange(expected, found) == found;
}

std::uint64_t add(void* word, std::size_t bytes, std::uint64_t increment, const Where& where) noexcept {
  if (explorer.active()) return explorer.add(word, bytes, increment, where);
  const std::uint64_t before = bits_at(word, bytes);
  const std::uint64_t after = before + increment;
  std::memcpy(word, &after, bytes);
  return before;
}

void fence(Order order, const Where& where) noexcept {
  if (explorer.active()) explorer.fence(order, where);
}

void promise(bool holds, const char* what) noexcept {
  if (!holds) explorer.break_promise(what);
}
std::uint32_t choose(std::uint32_t count) noexcept { return explorer.choose(count); }
void wait_until(const std::function<bool()>& ready) noexcept { explorer.wait_until(ready); }
std::uint64_t plain_read(const void* word) noexcept { return explorer.plain_read(word); }
void plain_write(void* word, std::uint64_t value) noexcept { explorer.plain_write(word, value); }
void fence_everywhere() noexcept { explorer.fence_everywhere(); }
void system_call() noexcept { explorer.system_call(); }
std::uint64_t read_by_kernel(const void* word, std::size_t bytes) noexcept { return explorer.read_by_kernel(word, bytes); }
std::size_t this_thread() noexcept { return explorer.this_thread(); }
bool has_ended(std::size_t thread) noexcept { return explorer.has_ended(thread); }
void hand_over() noexcept { explorer.hand_over(); }
void take_over() noexcept { explorer.take_over(); }

}  // namespace ringbolt::model
