// Opening a share to publish. Its memory has no name, so there is nothing to take over: a successor makes a new one, and goes
// on with the sequence that it is told.
#include <ringbolt/core/takeover.hpp>
#include <ringbolt/ipc/publisher_impl.hpp>
#include <ringbolt/ipc/share_memory.hpp>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

Publisher::Impl::Impl(std::string_view name, const PublisherOptions& options, SharedMemory&& memory)
    : on_stall(options.journal.on_stall),
      ring{{std::string(name), kSharePrefix + options.share.socket, {}}, {}},
      events(memory.events, ring.directory.path, Access::read_write, guard),
      registry(memory.registry, ring.directory.path, guard),
      gating(registry.entries().size()),
      obstacles(registry.entries().size()),
      wait(options.wait) {
  guard.raise_in_child(registry.header().waiters);
  seal_content(memory.events.get());  // this process has mapped it; from now on nobody else can, to write
  share = std::make_unique<ShareHub>(options.share, memory.events, events, registry, guard);
}

Publisher Publisher::open_share(std::string_view name, const PublisherOptions& options) {
  const auto refuse = [&](const char* why) {
    throw Error(Code::bad_option, "cannot share ring '" + std::string(name) + "' over " + options.share.socket + ": " + why);
  };
  check_name(name, "ring name");
  if (!options.journal.directory.empty())
    refuse("a share has no journal: publish to a ring with one, and relay it into a share");
  if (options.standby.count() != 0) refuse("nobody can stand by for a share, whose memory goes with its publisher");
  if (options.mode != 0 || !options.group.empty())
    refuse("a share has no files: say who may attach with `share.users` and `share.groups`");
  if (options.huge_pages) refuse("its memory is not made of huge pages: leave that out");
  if (!options.create) refuse("a share is always made anew");
  Publisher publisher(std::make_unique<Impl>(name, options, make_shared_memory(name, options)));
  Impl& self = *publisher.impl_;
  core::EventsHeader& header = self.events.header();
  core::RegistryHeader& registry = self.registry.header();
  const core::StreamEnd end = core::find_stream_end(self.events.view());
  self.epoch = 1;
  publisher.writer_ = core::Writer(header, self.events.data(), self.events.capacity(),
                                   core::Gates(registry, self.registry.entries(), self.gating), end.end);
  publisher.waiters_ = &registry.waiters;
  publisher.timestamps_ = (header.options & core::kOptionTimestamps) != 0;
  publisher.fence_each_commit_ = !register_for_barriers();
  return publisher;
}

}  // namespace ringbolt
