#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/share_link.hpp>
#include <ringbolt/ipc/share_memory.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringbolt::ipc {
namespace {

constexpr int kPatienceMs = 10'000;  // with a publisher that may be stopped

void check_options(const ConsumerOptions& options, const std::string& ring) {
  const auto refuse = [&](const char* why) { throw Error(Code::bad_option, "cannot attach to " + ring + ": " + why); };
  if (!options.name.empty())
    refuse("a share keeps no cursors, so there are no named consumers: leave the name out, and start at a sequence");
  if (!options.after.empty()) refuse("a share's consumers do not know one another: leave `after` out");
  if (options.policy == Policy::journal) refuse("a share has no journal: use policy lossy, or gate");
  if (options.budget.count() > 0 && options.policy != Policy::gate) refuse("only policy gate has a budget");
  if (options.gate_on_commit && options.policy != Policy::gate)
    refuse("only policy gate has a gate that can wait for the commit");
}

}  // namespace

ShareLink::ShareLink(std::string_view ring, const ConsumerOptions& options, ForkGuard& guard) : ring_(ring) {
  check_options(options, ring_);
  const std::string path = ring_.substr(std::strlen(kSharePrefix));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != std::string::npos)
    throw Error(Code::bad_name, "cannot attach to '" + ring_ + "': the path of a socket has 1 to 107 characters");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  connection_ = Descriptor(guard.guarded([] { return sys::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC); }));
  if (!connection_) throw_refused("cannot attach to " + ring_, errno, "");
  if (sys::connect(connection_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) {
      throw Error(Code::not_found,
                  "nobody shares a ring over " + path + ": " + std::strerror(errno) + ": start the publisher first", errno);
    }
    throw_refused("cannot attach to " + ring_, errno, "the publisher decides who may");
  }
  ShareRequest request;
  request.fingerprint = core::layout_fingerprint();
  request.policy = static_cast<std::uint64_t>(options.policy == Policy::automatic ? Policy::lossy : options.policy);
  request.budget_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(options.budget.count(), 0));
  const ShareAnswer answer = ask(request, &events_, &page_);
  if (answer.kind != ShareAnswer::welcome || !events_ || !page_ || !size_is_sealed(events_.get()) ||
      !size_is_sealed(page_.get())) {
    throw Error(Code::damaged, "cannot attach to " + ring_ + ": what answers there is no share of a ring: check the path");
  }
}

ShareAnswer ShareLink::ask(const ShareRequest& request, Descriptor* events, Descriptor* page) const {
  ShareAnswer answer;
  // Refused and closed may come before it is sent.
  iovec asked{const_cast<ShareRequest*>(&request), sizeof request};
  msghdr question{};
  question.msg_iov = &asked;
  question.msg_iovlen = 1;
  static_cast<void>(sys::send(connection_.get(), question, MSG_NOSIGNAL));
  pollfd heard{connection_.get(), POLLIN, 0};
  if (sys::poll(&heard, 1, kPatienceMs) == 0)
    throw Error(Code::in_use, "the publisher of " + ring_ + " does not answer: if it is stopped, let it go on");

  iovec bytes{&answer, sizeof answer};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (events != nullptr) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  constexpr int flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
  ssize_t size = sys::receive(connection_.get(), message, flags);
  // Who refuses may have closed before the question was there. The kernel says that first, and hands out the answer after it.
  if (size < 0 && errno == ECONNRESET) size = sys::receive(connection_.get(), message, flags);
  std::array<Descriptor, 2> received;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = std::min<std::size_t>((part->cmsg_len - CMSG_LEN(0)) / sizeof(int), received.size());
    std::array<int, 2> numbers{-1, -1};
    std::memcpy(numbers.data(), CMSG_DATA(part), count * sizeof(int));
    for (std::size_t i = 0; i < count; ++i) received[i] = Descriptor(numbers[i]);
  }
  if (size <= 0) throw_gone();
  if (size != static_cast<ssize_t>(sizeof answer) || answer.magic != kShareMagic)
    throw Error(Code::damaged, "what answers at " + ring_ + " is no share of a ring: check the path");
  if (answer.kind == ShareAnswer::refused) {
    answer.why.back() = '\0';
    throw Error(static_cast<Code>(std::min(answer.code, static_cast<std::uint32_t>(Code::system))),
                "the publisher of " + ring_ + " refuses this consumer: " + answer.why.data());
  }
  if (events != nullptr) {
    *events = std::move(received[0]);
    *page = std::move(received[1]);
  }
  return answer;
}

ShareLink::Joined ShareLink::join(std::uint64_t position) const {
  ShareRequest request;
  request.kind = ShareRequest::join;
  request.position = position;
  const ShareAnswer answer = ask(request, nullptr, nullptr);
  if (answer.kind != ShareAnswer::joined) throw_gone();
  return {answer.granted != 0, core::generation_of(answer.state)};
}

bool ShareLink::gone() const noexcept {
  pollfd ended{connection_.get(), POLLRDHUP, 0};
  return sys::poll(&ended, 1, 0) > 0 && (ended.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0;
}

void ShareLink::throw_gone() const {
  throw Error(Code::removed, "the publisher of " + ring_ +
                                 " has ended, or has closed this connection: attach again when there is a new one");
}

}  // namespace ringbolt::ipc
