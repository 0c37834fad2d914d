#include <fcntl.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/share_socket.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace ringbolt::ipc {
namespace {

bool is_number(const std::string& text, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

uid_t user_id(const std::string& user) {
  std::uint32_t number = 0;
  if (is_number(user, number)) return number;
  std::vector<char> buffer(16'384);
  struct passwd entry {};
  struct passwd* found = nullptr;
  ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return found->pw_uid;
  throw Error(Code::bad_option, "there is no user '" + user + "' on this machine: `getent passwd` shows those there are");
}

}  // namespace

SharePeers::SharePeers(const ShareOptions& options) {
  for (const std::string& user : options.users) {
    if (user == "*") {
      everybody_ = true;
    } else {
      users_.push_back(user_id(user));
    }
  }
  for (const std::string& group : options.groups) {
    std::uint32_t number = 0;
    groups_.push_back(is_number(group, number) ? number : group_id(group));
  }
}

bool SharePeers::allow(int connection, uid_t& user, pid_t& process) const {
  struct ucred peer {};
  socklen_t size = sizeof peer;
  if (sys::peer_option(connection, SO_PEERCRED, &peer, &size) != 0) return false;
  user = peer.uid;
  process = peer.pid;
  if (everybody_ || peer.uid == 0 || peer.uid == ::geteuid() || std::ranges::count(users_, peer.uid) != 0) return true;
  if (std::ranges::count(groups_, peer.gid) != 0) return true;
  std::array<gid_t, 1'024> others{};
  size = sizeof others;
  if (groups_.empty() || sys::peer_option(connection, SO_PEERGROUPS, others.data(), &size) != 0) return false;
  const std::size_t count = size / sizeof(gid_t);
  return std::any_of(others.begin(), others.begin() + static_cast<std::ptrdiff_t>(count),
                     [&](gid_t group) { return std::ranges::count(groups_, group) != 0; });
}

namespace {

// Held by whoever listens; whoever comes later finds it locked. It is removed under the lock, so that is looked for after.
Descriptor take_socket_lease(int parent, const std::string& file, const std::string& path, ForkGuard& guard) {
  for (;;) {
    Descriptor lease(
        guard.open_guarded(parent, file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
    if (!lease) throw_refused("cannot share over " + path, errno, "choose a directory that this user may write");
    struct stat held {};
    if (sys::fstat(lease.get(), &held) != 0 || !S_ISREG(held.st_mode) || held.st_uid != ::geteuid()) {
      throw Error(Code::not_allowed, "cannot share over " + path + ": " + file +
                                         " beside it belongs to somebody else: choose another directory");
    }
    if (!try_lock_byte(lease.get(), kPublisherByte))
      throw Error(Code::in_use,
                  "cannot share over " + path + ": another process does: stop it first, or choose another path");
    if (sys::fstat(lease.get(), &held) == 0 && held.st_nlink != 0) return lease;
  }
}

}  // namespace

ShareSocket::ShareSocket(const ShareOptions& options, bool for_others, ForkGuard& guard) : guard_(&guard) {
  const std::filesystem::path path = std::filesystem::absolute(options.socket);
  base_ = path.filename();
  const std::string what = "cannot share over " + path.string();
  if (base_.empty() || base_.front() == '.' || options.socket.find('\0') != std::string::npos)
    throw Error(Code::bad_name, what + ": that is no name for a socket: give a path like /run/orders.sock");
  parent_ = Descriptor(sys::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!parent_) throw_refused(what, errno, "choose a directory that this user may use");
  if (const char* why = why_not_trusted(parent_.get(), false)) {
    throw Error(Code::not_allowed, what + ": its directory " + why +
                                       ", who could put another socket in its place: choose a directory of your own");
  }
  lease_ = take_socket_lease(parent_.get(), base_ + ".lease", path, guard);
  struct stat old {};
  if (sys::fstatat(parent_.get(), base_.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0) {  // of somebody who died
    if (!S_ISSOCK(old.st_mode))
      throw Error(Code::already_exists, what + ": there is something else of that name: choose another path");
    sys::unlinkat(parent_.get(), base_.c_str(), 0);
  }
  // By the directory that was looked at, whatever its path leads to now; and so a long path is no matter.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string there = "/proc/self/fd/" + std::to_string(parent_.get()) + "/" + base_;
  if (there.size() >= sizeof address.sun_path) throw Error(Code::bad_name, what + ": the name of the socket is too long");
  std::memcpy(address.sun_path, there.c_str(), there.size() + 1);
  listener_ = Descriptor(guard.guarded([] { return sys::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK); }));
  const auto* const name = reinterpret_cast<const sockaddr*>(&address);
  // Nobody can connect before it listens, so the mode is in place when somebody can. Whoever is let in is decided by what the
  // kernel says about him.
  if (!listener_ || sys::bind(listener_.get(), name, sizeof address) != 0 ||
      sys::fchmodat(parent_.get(), base_.c_str(), for_others ? 0666 : 0600) != 0 || sys::listen(listener_.get(), 128) != 0) {
    throw_refused(what, errno, "choose a directory that this user may write");
  }
}

ShareSocket::~ShareSocket() {
  if (guard_->inherited() || !lease_) return;
  sys::unlinkat(parent_.get(), base_.c_str(), 0);
  sys::unlinkat(parent_.get(), (base_ + ".lease").c_str(), 0);
}

bool send_answer(int connection, const ShareAnswer& answer, int events, int page) noexcept {
  iovec bytes{const_cast<ShareAnswer*>(&answer), sizeof answer};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
  if (events >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(2 * sizeof(int));
    const std::array<int, 2> both{events, page};
    std::memcpy(CMSG_DATA(rights), both.data(), sizeof both);
  }
  return sys::send(connection, message, MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof answer);
}

ShareAnswer refusal(Code code, const std::string& why) {
  ShareAnswer answer;
  answer.code = static_cast<std::uint32_t>(code);
  std::copy_n(why.begin(), std::min(why.size(), answer.why.size() - 1), answer.why.begin());
  return answer;
}

}  // namespace ringbolt::ipc
