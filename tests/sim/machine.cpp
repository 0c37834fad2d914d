#include "machine.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

extern "C" int __real_close(int fd);
extern "C" int __real_munmap(void* address, std::size_t bytes);

namespace ringbolt::sim {

Machine* Machine::instance_ = nullptr;

// ---- the trace --------------------------------------------------------------------------------------------------------------

void Trace::note(std::uint64_t now_ns, std::size_t process, const char* what, std::uint64_t a, std::uint64_t b) noexcept {
  lines_[count_++ % lines_.size()] = {now_ns, process, what, a, b};
  mix(now_ns);
  mix(process);
  for (const char* letter = what; *letter != 0; ++letter) mix(static_cast<std::uint64_t>(*letter));
  mix(a);
  mix(b);
}

std::string Trace::text(const std::vector<std::string>& processes) const {
  std::ostringstream text;
  const std::uint64_t most = std::getenv("RINGBOLT_TRACE") != nullptr ? lines_.size() : kUsualLines;
  for (std::uint64_t i = count_ > most ? count_ - most : 0; i < count_; ++i) {
    const Line& line = lines_[i % lines_.size()];
    text << "  " << static_cast<double>(line.now_ns) / 1e6 << " ms  ";
    text << (line.process < processes.size() ? processes[line.process] : std::string("fate")) << ": " << line.what;
    if (line.a != 0 || line.b != 0) text << ' ' << line.a;
    if (line.b != 0) text << ", " << line.b;
    text << '\n';
  }
  return text.str();
}

// ---- the machine ------------------------------------------------------------------------------------------------------------

Machine::Machine(Random& random, Trace& trace, std::uint64_t mean_points, std::function<Fate()> fate)
    : random_(random), trace_(trace), mean_points_(mean_points), fate_(std::move(fate)) {
  instance_ = this;
  draw_until_fate();
}

Machine::~Machine() {
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (lives(i)) kill(i);
  }
  for (char* const stack : stacks_) __real_munmap(stack, kStackBytes);
  instance_ = nullptr;
}

void Machine::draw_until_fate() noexcept { until_fate_ = 1 + random_.below(2 * mean_points_); }

bool Machine::lives(std::size_t process) const noexcept {
  return process < processes_.size() && processes_[process] && processes_[process]->alive;
}

void Machine::start(std::size_t process, std::function<void()> body) {
  if (process >= processes_.size()) processes_.resize(process + 1);
  auto made = std::make_unique<Process>();
  if (stacks_.empty()) {
    void* const stack = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) std::abort();
    made->stack = static_cast<char*>(stack);
  } else {
    made->stack = stacks_.back();
    stacks_.pop_back();
  }
  made->body = std::move(body);
  made->alive = true;
  ::getcontext(&made->context);
  made->context.uc_stack.ss_sp = made->stack;
  made->context.uc_stack.ss_size = kStackBytes;
  made->context.uc_link = nullptr;
  ::makecontext(&made->context, &Machine::enter, 0);
  processes_[process] = std::move(made);
}

void Machine::enter() {
  Machine& machine = *instance_;
  Process& self = *machine.processes_[machine.current_];
  self.body();
  self.ended = true;
  machine.give_way();
}

// The stack and all that is on it are left as they are; so is the heap, as no destructor of a dead process runs.
void Machine::kill(std::size_t process) { bury(*processes_[process]); }

void Machine::bury(Process& process) {
  for (const int fd : process.fds) __real_close(fd);
  process.fds.clear();
  for (const auto& [address, bytes] : process.mappings) __real_munmap(address, bytes);
  process.mappings.clear();
  process.alive = false;
  process.word = nullptr;
  if (process.stack != nullptr) stacks_.push_back(std::exchange(process.stack, nullptr));
}

std::uint64_t Machine::ready_at(const Process& process) const noexcept {
  return std::max(process.asleep_until_ns, process.stopped_until_ns);
}

std::size_t Machine::run(std::uint64_t latest_ns) {
  std::array<std::size_t, 32> ready{};
  std::size_t count = 0;
  std::uint64_t earliest = latest_ns;
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (!lives(i)) continue;
    const std::uint64_t at = ready_at(*processes_[i]);
    earliest = std::min(earliest, at);
    if (at <= now_ns_) ready.at(count++) = i;
  }
  if (count == 0) {
    now_ns_ = std::max(now_ns_, earliest);
    return kNobody;
  }
  const std::size_t next = ready.at(random_.below(count));
  Process& process = *processes_[next];
  process.word = nullptr;
  current_ = next;
  doomed_ = false;
  void* const runtime = abi::__cxa_get_globals();
  std::array<void*, 2> mine{};
  std::memcpy(mine.data(), runtime, sizeof mine);
  std::memcpy(runtime, process.exceptions.data(), sizeof mine);
  ::swapcontext(&home_, &process.context);
  std::memcpy(process.exceptions.data(), runtime, sizeof mine);
  std::memcpy(runtime, mine.data(), sizeof mine);
  current_ = kNobody;
  trace_.mix(next << 32 ^ now_ns_);
  if (!doomed_ && !process.ended) return kNobody;
  const bool killed = doomed_;
  bury(process);
  return killed ? next : kNobody;
}

void Machine::give_way() noexcept { ::swapcontext(&processes_[current_]->context, &home_); }

void Machine::leave_for_good() noexcept {
  for (;;) {
    processes_[current_]->asleep_until_ns = ~std::uint64_t{0};
    give_way();
  }
}

void Machine::ask_fate() noexcept {
  points_ += mean_points_;
  draw_until_fate();
  switch (fate_()) {
    case Fate::go_on: return;
    case Fate::give_way: break;
    case Fate::stop: processes_[current_]->stopped_until_ns = now_ns_ + stop_ns_; break;
    case Fate::die: doomed_ = true; break;
  }
  give_way();
}

void Machine::wake_stopped() {
  for (const auto& process : processes_) {
    if (process) process->stopped_until_ns = 0;
  }
}

bool Machine::anybody_stopped() const noexcept {
  return std::ranges::any_of(processes_,
                             [&](const auto& process) { return process && process->stopped_until_ns > now_ns_; });
}

void Machine::sleep(std::uint64_t ns) noexcept {
  if (current_ == kNobody) return;
  processes_[current_]->asleep_until_ns = now_ns_ + ns;
  give_way();
}

namespace {
std::uint32_t value_of(const core::Word32& word) noexcept {
  return __atomic_load_n(static_cast<const std::uint32_t*>(word.address()), __ATOMIC_RELAXED);
}
}  // namespace

void Machine::futex_wait(const core::Word32& word, std::uint32_t seen, std::uint64_t ns) noexcept {
  if (current_ == kNobody || value_of(word) != seen) return;
  processes_[current_]->word = &word;
  processes_[current_]->seen = seen;
  sleep(ns);
}

// Each process has mapped the word elsewhere; whose word has changed is who sleeps on the one that is woken.
void Machine::futex_wake() noexcept {
  for (const auto& process : processes_) {
    if (!process || !process->alive || process->word == nullptr || value_of(*process->word) == process->seen) continue;
    process->word = nullptr;
    process->asleep_until_ns = now_ns_;
  }
}

// ---- what the kernel keeps --------------------------------------------------------------------------------------------------

void Machine::opened(int fd) {
  closed(fd);
  if (current_ != kNobody && fd >= 0) processes_[current_]->fds.push_back(fd);
}

void Machine::closed(int fd) {
  for (const auto& process : processes_) {
    if (process) std::erase(process->fds, fd);
  }
}

void Machine::mapped(void* address, std::size_t bytes) {
  unmapped(address, bytes);
  if (current_ != kNobody) processes_[current_]->mappings.emplace_back(static_cast<char*>(address), bytes);
}

// What is unmapped may be a piece of what was mapped.
void Machine::unmapped(void* address, std::size_t bytes) {
  if (current_ == kNobody) return;
  char* const begin = static_cast<char*>(address);
  char* const end = begin + bytes;
  auto& mappings = processes_[current_]->mappings;
  std::vector<std::pair<char*, std::size_t>> left;
  for (const auto& [at, size] : mappings) {
    if (at + size <= begin || at >= end) {
      left.emplace_back(at, size);
      continue;
    }
    if (at < begin) left.emplace_back(at, static_cast<std::size_t>(begin - at));
    if (at + size > end) left.emplace_back(end, static_cast<std::size_t>(at + size - end));
  }
  mappings = std::move(left);
}

}  // namespace ringbolt::sim
