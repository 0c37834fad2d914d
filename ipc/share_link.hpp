// A consumer's end of a share.
#pragma once

#include <ringbolt/ipc/consumer.hpp>
#include <ringbolt/ipc/share_socket.hpp>

#include <string>
#include <string_view>

namespace ringbolt::ipc {

[[nodiscard]] inline bool is_share(std::string_view ring) noexcept { return ring.starts_with(kSharePrefix); }

class ShareLink {
 public:
  // Connects to `unix:PATH`. Throws Error: not_found, not_allowed, bad_option, registry_full, foreign_layout, damaged, ...
  ShareLink(std::string_view ring, const ConsumerOptions& options, ForkGuard& guard);

  // Nobody can shorten what these lead to.
  [[nodiscard]] const Descriptor& events() const noexcept { return events_; }
  [[nodiscard]] const Descriptor& page() const noexcept { return page_; }

  // Asks the publisher to wait at `position` from here on. `granted`: nothing there was written over. Throws Error (removed).
  struct Joined {
    bool granted = false;
    std::uint64_t generation = 0;
  };
  [[nodiscard]] Joined join(std::uint64_t position) const;
  // The publisher has ended, or has closed this connection. A system call.
  [[nodiscard]] bool gone() const noexcept;
  [[noreturn]] void throw_gone() const;

 private:
  [[nodiscard]] ShareAnswer ask(const ShareRequest& request, Descriptor* events, Descriptor* page) const;

  std::string ring_;
  Descriptor connection_;
  Descriptor events_;
  Descriptor page_;
};

}  // namespace ringbolt::ipc
