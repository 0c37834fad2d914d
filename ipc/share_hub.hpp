// The publisher's end of a share: a thread that lets consumers in and stands in for each of them in a registry that nobody else
// can see. The protocol of the ring is the same; what the consumers tell is taken over when the publisher looks at the gates.
#pragma once

#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/share_socket.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ringbolt::ipc {

class ShareHub {
 public:
  // `events` is sealed; it, the registry and the guard outlive the hub. Throws Error: in_use, not_allowed, bad_option, ...
  ShareHub(const ShareOptions& options, const Descriptor& events_file, const EventsFile& events, const Registry& registry,
           ForkGuard& guard);
  ~ShareHub();
  ShareHub(const ShareHub&) = delete;
  ShareHub& operator=(const ShareHub&) = delete;

  // For the publisher's thread. What the consumers say about their gates, as far as it can be believed. Never waits: while
  // somebody is being let in or out, the gates are what they were, which is never too far.
  void take_gates() noexcept;
  // The publisher has evicted the consumer of this entry.
  void tell_evicted(std::uint32_t index) noexcept;

 private:
  struct Guest;

  void run() noexcept;
  void let_in();
  // False: its connection is to be closed.
  [[nodiscard]] bool hear(Guest& guest);
  [[nodiscard]] bool welcome(Guest& guest, const ShareRequest& request);
  [[nodiscard]] bool join(Guest& guest, const ShareRequest& request);
  void let_go(Guest& guest) noexcept;
  [[nodiscard]] core::ConsumerEntry& entry_of(const Guest& guest) const noexcept;

  ShareOptions options_;
  SharePeers peers_;
  const EventsFile& events_;
  const Registry& registry_;
  ForkGuard& guard_;
  Descriptor events_file_;  // for reading alone
  ShareSocket socket_;
  Descriptor stop_;
  std::mutex mutex_;  // over `guests_` and what is in them, between the two threads
  std::vector<std::unique_ptr<Guest>> guests_;
  bool refused_descriptor_ = false;  // no descriptor was left for another connection
  std::unique_ptr<std::thread> thread_;
};

}  // namespace ringbolt::ipc
