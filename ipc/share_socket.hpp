// What goes over a share's socket, and who may be at its other end.
//
//   consumer                                   publisher
//   --------                                   ---------
//   hello: how it wants to consume             welcome, with two descriptors: the events, and a page of its own; or refused
//   join: the position of its gate             joined: whether the events from there on are still whole
//   (its end of the socket closes)             its gate is gone
//
// The page is laid out as a registry of one entry. What a consumer writes there is read as hostile input.
#pragma once

#include <sys/types.h>

#include <ringbolt/ipc/descriptor.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/fork_guard.hpp>
#include <ringbolt/ipc/share_options.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ringbolt::ipc {

inline constexpr std::uint32_t kShareMagic = 0x31'48'53'52;  // "RSH1" in memory on little-endian

struct ShareRequest {
  enum Kind : std::uint32_t { hello = 1, join = 2 };
  std::uint32_t magic = kShareMagic;
  std::uint32_t kind = hello;
  std::uint64_t fingerprint = 0;  // hello: of the layout
  std::uint64_t policy = 0;       // hello
  std::uint64_t budget_ns = 0;    // hello: 0: as long as the share allows
  std::uint64_t position = 0;     // join
};
struct ShareAnswer {
  enum Kind : std::uint32_t { welcome = 1, refused = 2, joined = 3 };
  std::uint32_t magic = kShareMagic;
  std::uint32_t kind = refused;
  std::uint32_t code = 0;     // refused: ringbolt::Code
  std::uint32_t granted = 0;  // joined: 1, or 0: choose a later position
  std::uint64_t state = 0;    // joined: the word of the entry while the publisher waits for it
  std::array<char, 160> why{};
};

// The gate that the publisher believes: never behind the last one, so that nobody takes back what was let go, and never beyond
// what may be written.
[[nodiscard]] constexpr std::uint64_t believed_gate(std::uint64_t told, std::uint64_t last, std::uint64_t intent) noexcept {
  if (static_cast<std::int64_t>(told - last) <= 0) return last;
  return static_cast<std::int64_t>(told - intent) > 0 ? intent : told;
}

// Who may attach.
class SharePeers {
 public:
  explicit SharePeers(const ShareOptions& options);  // throws Error (bad_option) for a name that nobody has
  [[nodiscard]] bool anybody_else() const noexcept { return everybody_ || !users_.empty() || !groups_.empty(); }
  // By what the kernel says about the other end.
  [[nodiscard]] bool allow(int connection, uid_t& user, pid_t& process) const;

 private:
  bool everybody_ = false;
  std::vector<uid_t> users_;
  std::vector<gid_t> groups_;
};

// The socket under its name, with the lease that says whose it is. Goes away with the object.
class ShareSocket {
 public:
  ShareSocket(const ShareOptions& options, bool for_others, ForkGuard& guard);
  ~ShareSocket();
  ShareSocket(const ShareSocket&) = delete;
  ShareSocket& operator=(const ShareSocket&) = delete;
  [[nodiscard]] int listener() const noexcept { return listener_.get(); }

 private:
  const ForkGuard* guard_;
  std::string base_;
  Descriptor parent_;
  Descriptor lease_;
  Descriptor listener_;
};

// Neither waits. False if it could not be sent whole.
[[nodiscard]] bool send_answer(int connection, const ShareAnswer& answer, int events = -1, int page = -1) noexcept;
[[nodiscard]] ShareAnswer refusal(Code code, const std::string& why);

}  // namespace ringbolt::ipc
