// Publishing with attributes, which few events have: the block is made first, because it says how much room is wanted, and then
// copied in front of the payload.
#include <ringbolt/ipc/publisher_impl.hpp>

namespace ringbolt {

std::uint64_t Publisher::Impl::block_bytes(std::span<const Attribute> attributes) const {
  for (const Attribute& attribute : attributes) {
    if (core::is_attribute(attribute)) continue;
    const bool named = core::is_attribute_name(attribute.name);
    throw Error(Code::bad_option,
                "an event for ring '" + ring.directory.name + "' cannot have the attribute '" +
                    std::string(attribute.name.substr(0, core::kNameBytes)) + "': " +
                    (named ? "its value has " + std::to_string(attribute.value.size()) + " bytes, and at most " +
                                 std::to_string(core::kMostAttributeValueBytes) + " fit: put it into the payload"
                           : "a name is 1 to 64 characters of A-Z a-z 0-9 . _ -"));
  }
  return core::attributes_bytes(attributes);
}

std::span<const std::byte> Publisher::Impl::encode(std::span<const Attribute> attributes) {
  const std::uint64_t bytes = block_bytes(attributes);
  if (bytes > core::kMaxCapacityBytes / core::kLargestRecordShare) {
    throw Error(Code::event_too_large, "an event for ring '" + ring.directory.name + "' has attributes of " +
                                           std::to_string(bytes) +
                                           " bytes, which fit into no ring: put them into the payload");
  }
  if (block.size() < bytes) block.resize(bytes);
  core::write_attributes(std::span(block).first(bytes), attributes);
  return std::span(block).first(bytes);
}

std::uint64_t Publisher::finish_with_attributes(std::span<const std::byte> block, std::span<const std::byte> payload,
                                                const EventOptions& options) {
  return finish(block.size() + payload.size(), options, core::kFlagAttributes, [&](std::byte* room) {
    core::copy_to_shared(room, block.data(), block.size());
    core::copy_to_shared(room + block.size(), payload.data(), payload.size());
  });
}

PublishResult Publisher::publish_with_attributes(std::span<const std::byte> payload, std::chrono::nanoseconds timeout,
                                                 const EventOptions& options) {
  const std::span<const std::byte> block = impl_->encode(options.attributes);
  const Status status = claim_or_wait(core::record_bytes(block.size() + payload.size()), timeout);
  if (status != Status::ok) return {status, 0};
  return {Status::ok, finish_with_attributes(block, payload, options)};
}

PublishResult Publisher::try_publish_with_attributes(std::span<const std::byte> payload, const EventOptions& options) {
  const std::span<const std::byte> block = impl_->encode(options.attributes);
  if (const Status status = try_room(core::record_bytes(block.size() + payload.size())); status != Status::ok)
    return {status, 0};
  return {Status::ok, finish_with_attributes(block, payload, options)};
}

Claim Publisher::claim(std::size_t size_bytes, std::span<const Attribute> attributes) {
  const std::span<const std::byte> block = impl_->encode(attributes);
  claim_or_wait(core::record_bytes(block.size() + size_bytes), kForever);
  return claim_with_attributes(size_bytes, block);
}

Claim Publisher::try_claim(std::size_t size_bytes, std::span<const Attribute> attributes) {
  const std::span<const std::byte> block = impl_->encode(attributes);
  if (const Status status = try_room(core::record_bytes(block.size() + size_bytes)); status != Status::ok)
    return Claim(status);
  return claim_with_attributes(size_bytes, block);
}

Claim Publisher::claim_with_attributes(std::size_t size_bytes, std::span<const std::byte> block) {
  core::copy_to_shared(writer_.payload(), block.data(), block.size());
  Claim claim{*this, {writer_.payload() + block.size(), size_bytes}, writer_.position()};
  if (!block.empty()) claim.position_ |= Claim::kWithAttributes;
  return claim;
}

// As `publish_batch`.
std::uint64_t Publisher::publish_encoded(std::span<const ipc::EncodedEvent> events) {
  std::uint64_t bytes = 0;
  for (const ipc::EncodedEvent& event : events) bytes += core::record_bytes(event.block.size() + event.payload.size());
  claim_or_wait(bytes, kForever);
  std::uint64_t offset = 0;
  for (const ipc::EncodedEvent& event : events) {
    const std::uint64_t size = event.block.size() + event.payload.size();
    const std::uint64_t timestamp_ns = timestamps_ ? stamp(event.timestamp_ns) : 0;
    std::byte* const to = writer_.stage(offset, static_cast<std::uint32_t>(size), event.type,
                                        event.block.empty() ? std::uint16_t{0} : core::kFlagAttributes, timestamp_ns);
    core::copy_to_shared(to, event.block.data(), event.block.size());
    core::copy_to_shared(to + event.block.size(), event.payload.data(), event.payload.size());
    offset += core::record_bytes(size);
  }
  const std::uint64_t first = writer_.commit_staged(events.size(), bytes);
  wake();
  return first;
}

// Or what cannot be committed.
std::uint64_t Claim::commit_with_attributes(std::size_t size_bytes, std::uint32_t type, std::uint64_t timestamp_ns) {
  if (publisher_ == nullptr || size_bytes > payload_.size() ||
      (publisher_->writer_.position() | kWithAttributes) != position_) {
    throw Error(
        Code::bad_option,
        "a claim is committed once, with at most the bytes that were claimed, and before the next event is published");
  }
  publisher_->impl_->open_again(publisher_->writer_);  // closed since it was claimed
  const auto attributes_bytes = static_cast<std::size_t>(payload_.data() - publisher_->writer_.payload());
  return std::exchange(publisher_, nullptr)
      ->finish(attributes_bytes + size_bytes, {.type = type, .timestamp_ns = timestamp_ns}, core::kFlagAttributes,
               [](std::byte* /*payload*/) {});
}

void Claim::throw_late_attributes() {
  throw Error(Code::bad_option, "attributes are given with a claim, not with its commit: they lie before the payload");
}

std::uint64_t Publisher::batch_bytes(std::span<const BatchEvent> events) const {
  std::uint64_t bytes = 0;
  for (const BatchEvent& event : events) {
    const std::uint64_t block = event.attributes.empty() ? 0 : impl_->block_bytes(event.attributes);  // nearly always none
    bytes += core::record_bytes(block + event.payload.size());
  }
  return bytes;
}

}  // namespace ringbolt
