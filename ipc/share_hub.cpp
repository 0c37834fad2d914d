#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/share_hub.hpp>
#include <ringbolt/ipc/share_memory.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace ringbolt::ipc {

using core::ConsumerEntry;
using core::EntryState;
using core::RegistryHeader;

namespace {

constexpr int kMostLetInAtOnce = 16;
constexpr int kTickMs = 100;
constexpr std::uint64_t kPatienceNs = 2'000'000'000;  // with a connection that says nothing

constexpr std::uint64_t kPageBytes = 4'096;
static_assert(sizeof(RegistryHeader) + sizeof(ConsumerEntry) <= kPageBytes);

// A consumer's page is a registry of one entry, whose header the consumer checks like any other.
void write_page(std::byte* page, const std::array<std::uint64_t, 2>& ring_id) {
  auto& header = *reinterpret_cast<RegistryHeader*>(page);
  header.magic = core::kConsumersMagic;
  header.layout_version = core::kLayoutVersion;
  header.byte_order = core::kByteOrderMark;
  header.fingerprint = core::layout_fingerprint();
  header.ring_id = ring_id;
  header.slots = 1;
  header.entry_bytes = sizeof(ConsumerEntry);
  header.checksum = core::fnv1a(reinterpret_cast<const std::uint8_t*>(&header), offsetof(RegistryHeader, checksum));
}

}  // namespace

struct ShareHub::Guest {
  ForkGuard guard;
  Descriptor connection;
  uid_t user = 0;
  pid_t process = 0;
  std::uint64_t since_ns = 0;
  FileMapping page;
  bool welcomed = false;
  bool gates = false;
  bool may_join = false;  // it has never gated, was evicted, or was told to choose a later position
  std::uint32_t index = 0;
  std::uint64_t gate = 0;  // as believed

  [[nodiscard]] ConsumerEntry& own() const noexcept {
    return *reinterpret_cast<ConsumerEntry*>(page.data() + sizeof(RegistryHeader));
  }
};

ShareHub::ShareHub(const ShareOptions& options, const Descriptor& events_file, const EventsFile& events,
                   const Registry& registry, ForkGuard& guard)
    : options_(options),
      peers_(options),
      events_(events),
      registry_(registry),
      guard_(guard),
      events_file_(read_only_again(events_file)),
      socket_(options, peers_.anybody_else(), guard),
      stop_(sys::eventfd(EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (options.longest_budget.count() < 0) throw Error(Code::bad_option, "cannot share: the longest budget is negative");
  try {
    if (!stop_) throw std::system_error(errno, std::generic_category());
    thread_ = std::make_unique<std::thread>(sys::start_thread([this] { run(); }));
  } catch (const std::system_error& refused) {
    throw Error(Code::system, std::string("cannot start a thread for the share ") + options.socket + ": " + refused.what() +
                                  ": check the process's limits (`ulimit -u`)");
  }
  ::pthread_setname_np(thread_->native_handle(), "rb-share");
}

ShareHub::~ShareHub() {
  if (guard_.inherited()) {  // a forked child has no such thread: leave alone what it may have held at that moment
    static_cast<void>(thread_.release());
    for (auto& guest : guests_) static_cast<void>(guest.release());
    return;
  }
  sys::signal_event(stop_.get());
  thread_->join();
}

ConsumerEntry& ShareHub::entry_of(const Guest& guest) const noexcept { return registry_.entries()[guest.index]; }

void ShareHub::take_gates() noexcept {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  const std::uint64_t intent = events_.header().intent.load_relaxed();  // relaxed: this thread writes it
  for (const auto& guest : guests_) {
    if (!guest->gates) continue;
    const std::uint64_t gate = believed_gate(guest->own().gate.load_acquire(), guest->gate, intent);  // [G2] pairs with [G1]
    if (gate == guest->gate) continue;
    guest->gate = gate;
    entry_of(*guest).gate.store_release(gate);
  }
}

// Before the publisher goes on to write, in the order of proof 4: its entry has changed, and its own page says so.
void ShareHub::tell_evicted(std::uint32_t index) noexcept {
  const std::scoped_lock lock(mutex_);
  for (const auto& guest : guests_) {
    if (!guest->gates || guest->index != index) continue;
    guest->gates = false;
    guest->may_join = true;
    const std::uint64_t generation = core::generation_of(entry_of(*guest).state.load_acquire());
    guest->own().state.store_release(core::state_word(generation, EntryState::evicted));  // [E1] pairs with [E2]
  }
}

void ShareHub::run() noexcept {
  std::vector<pollfd> watched;
  for (;;) {
    watched.clear();
    watched.push_back({stop_.get(), POLLIN, 0});
    watched.push_back({std::exchange(refused_descriptor_, false) ? -1 : socket_.listener(), POLLIN, 0});
    for (const auto& guest : guests_) watched.push_back({guest->connection.get(), POLLIN, 0});
    if (sys::poll(watched.data(), watched.size(), kTickMs) < 0) return;
    if (watched[0].revents != 0) break;
    std::vector<Guest*> leaving;
    const std::uint64_t now = monotonic_ns();
    for (std::size_t i = 2; i < watched.size(); ++i) {
      Guest& guest = *guests_[i - 2];
      const bool silent = !guest.welcomed && now - guest.since_ns > kPatienceNs;
      if (silent || (watched[i].revents != 0 && !hear(guest))) leaving.push_back(&guest);
    }
    for (Guest* guest : leaving) let_go(*guest);
    if (watched[1].revents == 0) continue;
    try {
      let_in();
    } catch (const std::exception&) {  // no memory for another guest: as if there were no descriptor
      refused_descriptor_ = true;
    }
  }
  while (!guests_.empty()) let_go(*guests_.back());
}

void ShareHub::let_in() {
  for (int i = 0; i < kMostLetInAtOnce; ++i) {
    auto guest = std::make_unique<Guest>();
    guest->connection =
        Descriptor(guest->guard.guarded([this] { return sys::accept4(socket_.listener(), SOCK_CLOEXEC | SOCK_NONBLOCK); }));
    if (!guest->connection) {
      refused_descriptor_ = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
      return;
    }
    const int connection = guest->connection.get();
    if (!peers_.allow(connection, guest->user, guest->process)) {
      static_cast<void>(send_answer(connection, refusal(Code::not_allowed, "this user is not among those it is for")));
      continue;
    }
    const auto of_user = std::ranges::count_if(guests_, [&](const auto& other) { return other->user == guest->user; });
    if (guests_.size() >= registry_.entries().size() || of_user >= static_cast<std::ptrdiff_t>(options_.slots_per_user)) {
      static_cast<void>(send_answer(connection, refusal(Code::registry_full, "all its places for this user are taken")));
      continue;
    }
    guest->since_ns = monotonic_ns();
    const std::scoped_lock lock(mutex_);
    guests_.push_back(std::move(guest));
  }
}

// Descriptors that come with a message are not taken, so they are closed by the kernel.
bool ShareHub::hear(Guest& guest) {
  ShareRequest request;
  const ssize_t size = sys::receive(guest.connection.get(), &request, sizeof request, MSG_DONTWAIT | MSG_TRUNC);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size != static_cast<ssize_t>(sizeof request) || request.magic != kShareMagic) return false;
  try {
    if (request.kind == ShareRequest::hello && !guest.welcomed) return welcome(guest, request);
    if (request.kind == ShareRequest::join && guest.welcomed) return join(guest, request);
  } catch (const std::exception& error) {
    static_cast<void>(send_answer(guest.connection.get(), refusal(Code::no_space, error.what())));
  }
  return false;
}

bool ShareHub::welcome(Guest& guest, const ShareRequest& request) {
  const auto refuse = [&](Code code, const std::string& why) {
    static_cast<void>(send_answer(guest.connection.get(), refusal(code, why)));
    return false;
  };
  const auto policy = static_cast<core::Policy>(request.policy);
  const bool gates = request.policy == static_cast<std::uint64_t>(core::Policy::gate);
  const auto longest = static_cast<std::uint64_t>(options_.longest_budget.count());
  if (request.fingerprint != core::layout_fingerprint())
    return refuse(Code::foreign_layout, "it has another layout than this build: use the same Ringbolt release for both");
  if (!gates && policy != core::Policy::lossy && policy != core::Policy::latest)
    return refuse(Code::bad_option, "it has the policies gate, lossy and latest");
  if (gates && longest == 0) return refuse(Code::bad_option, "nobody may gate: use lossy or latest");
  if (gates && request.budget_ns > longest)
    return refuse(Code::bad_option, "its longest budget is " + std::to_string(longest) + " ns: ask for less, or for 0");

  const Descriptor file = make_memory("a consumer's page", kPageBytes);
  guest.page = FileMapping(file.get(), kPageBytes, Access::read_write, "a consumer's page", guest.guard);
  seal_size(file.get());
  write_page(guest.page.data(), events_.header().ring_id);
  const auto entries = registry_.entries();
  std::uint32_t index = 0;
  while (std::ranges::any_of(guests_, [&](const auto& other) { return other->welcomed && other->index == index; })) ++index;
  guest.index = index;  // below the number of entries: there are not more guests
  ConsumerEntry& entry = entries[index];
  const std::uint64_t generation = core::generation_of(entry.state.load_acquire()) + 1;
  entry.policy.store_relaxed(request.policy);  // relaxed: the state releases these
  entry.options.store_relaxed(0);
  entry.budget_ns.store_relaxed(request.budget_ns != 0 ? request.budget_ns : longest);
  entry.pid.store_relaxed(static_cast<std::uint64_t>(guest.process));
  entry.attached_ns.store_relaxed(wall_ns());
  const EntryState state = gates ? EntryState::joining : EntryState::attached;
  entry.state.store_release(core::state_word(generation, state));
  guest.own().state.store_release(core::state_word(generation, state));
  guest.may_join = gates;
  guest.welcomed = true;
  ShareAnswer answer;
  answer.kind = ShareAnswer::welcome;
  return send_answer(guest.connection.get(), answer, events_file_.get(), file.get());
}

// Joins the gates in the guest's place: [J1] to [J3] in the registry that the publisher looks at.
bool ShareHub::join(Guest& guest, const ShareRequest& request) {
  ShareAnswer answer;
  answer.kind = ShareAnswer::joined;
  {
    const std::scoped_lock lock(mutex_);
    if (!guest.may_join) return false;  // it would begin its budget anew whenever it likes
    ConsumerEntry& entry = entry_of(guest);
    const std::uint64_t seen = entry.state.load_acquire();
    const bool again = core::state_of(seen) == EntryState::evicted;
    const std::uint64_t generation = core::generation_of(seen) + (again ? 1 : 0);
    const core::RingView view = events_.view();
    const std::uint64_t intent = view.header->intent.load_acquire();
    guest.gate = core::beyond(request.position, intent) ? intent : request.position;
    answer.state = core::state_word(generation, EntryState::gating);
    // Who was evicted comes back with room behind it, so that the publisher gets on between two evictions of the same guest.
    const std::uint64_t newest = view.header->hint.load_acquire();
    const bool too_far_behind =
        again && newest != core::kNoPosition && core::beyond(newest, guest.gate + view.capacity / 4 * 3);
    if (too_far_behind) return send_answer(guest.connection.get(), answer);
    guest.own().state.store_release(answer.state);
    const bool whole = core::join_gate(registry_.header(), entry, generation, guest.gate, view);
    answer.granted = whole ? 1 : 0;
    guest.gates = true;
    guest.may_join = !whole;
    guest.own().gate.store_release(guest.gate);
  }
  return send_answer(guest.connection.get(), answer);
}

// Its page is told before the publisher can see that its gate is gone: it may live on, and read.
void ShareHub::let_go(Guest& guest) noexcept {
  std::unique_ptr<Guest> gone;
  {
    const std::scoped_lock lock(mutex_);
    if (guest.welcomed) {
      ConsumerEntry& entry = entry_of(guest);
      std::uint64_t seen = entry.state.load_acquire();
      guest.own().state.store_release(core::state_word(core::generation_of(seen), EntryState::evicted));  // [E1]
      while (!entry.state.compare_exchange(seen, core::state_word(core::generation_of(seen), EntryState::free))) {
      }
    }
    const auto at = std::ranges::find_if(guests_, [&](const auto& other) { return other.get() == &guest; });
    gone = std::move(*at);
    guests_.erase(at);
  }
  registry_.gate_sleepers().wake_all();
}

}  // namespace ringbolt::ipc
