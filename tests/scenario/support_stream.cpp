#include "scenario/support_stream.hpp"

#include <array>

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kPlaceFactor = 0xd1342543de82ef95;

std::uint64_t base_of(std::uint64_t sequence) noexcept { return Random::mix(sequence * kPlaceFactor + 1); }

}  // namespace

void fill_payload(std::span<std::byte> payload, std::uint64_t sequence) noexcept {
  std::uint64_t word = base_of(sequence);
  std::size_t at = 0;
  for (; at + 8 <= payload.size(); at += 8, word += kPlaceFactor) std::memcpy(payload.data() + at, &word, 8);
  std::memcpy(payload.data() + at, &word, payload.size() - at);
}

void check_event(const Event& event, const Shape& shape) {
  const std::size_t size = shape.size_of(event.sequence);
  const std::byte* const bytes = event.payload.data();
  bool right = event.payload.size() == size && event.type == type_of(event.sequence);
  std::size_t at = 0;
  if (right) {
    std::uint64_t difference = 0;
    std::uint64_t word = base_of(event.sequence);
    for (; at + 8 <= size; at += 8, word += kPlaceFactor) {
      std::uint64_t found = 0;
      std::memcpy(&found, bytes + at, 8);
      difference |= found ^ word;
    }
    right = difference == 0 && (size == at || std::memcmp(bytes + at, &word, size - at) == 0);
  }
  if (!right && event.still_valid()) {
    fail("event " + std::to_string(event.sequence) + " with " + std::to_string(event.payload.size()) + " bytes, type " +
         std::to_string(event.type) + ", is not what was published under this number: " + std::to_string(size) +
         " bytes, type " + std::to_string(type_of(event.sequence)));
  }
}

std::span<const std::byte> Source::next_payload() {
  const std::uint64_t sequence = publisher_.next_sequence();
  const std::span<std::byte> payload(buffer_.data(), shape_.size_of(sequence));
  fill_payload(payload, sequence);
  return payload;
}

std::uint64_t Source::publish() { return publisher_.publish(next_payload(), {.type = type_of(publisher_.next_sequence())}); }

PublishResult Source::try_publish() {
  return publisher_.try_publish(next_payload(), {.type = type_of(publisher_.next_sequence())});
}

PublishResult Source::publish_for(std::chrono::nanoseconds timeout) {
  return publisher_.publish_for(next_payload(), timeout, {.type = type_of(publisher_.next_sequence())});
}

std::uint64_t Source::publish_somehow() {
  const std::uint64_t sequence = publisher_.next_sequence();
  const std::uint32_t size = shape_.size_of(sequence);
  const EventOptions options{.type = type_of(sequence)};
  switch (random_.below(8)) {
    case 0: return publish_batch();
    case 1: abandon_claim(); [[fallthrough]];
    case 2: {
      Claim claim = publisher_.claim(size);
      fill_payload(claim.payload(), sequence);
      return claim.commit(options);
    }
    case 3: {
      const std::size_t claimed = std::min<std::size_t>(size + random_.below(500), publisher_.largest_payload_bytes());
      Claim claim = publisher_.claim(claimed);
      std::memset(claim.payload().data(), 0xee, claimed);
      fill_payload(claim.payload().first(size), sequence);
      return claim.commit(size, options);
    }
    default: return publish();
  }
}

std::uint64_t Source::publish_batch() {
  const std::uint64_t first = publisher_.next_sequence();
  const std::uint64_t wanted = 1 + random_.below(8);
  std::array<BatchEvent, 8> events;
  std::size_t count = 0;
  std::uint64_t record_bytes = 0;
  std::size_t used = 0;
  for (; count < wanted; ++count) {
    const std::uint64_t sequence = first + count;
    const std::uint32_t size = shape_.size_of(sequence);
    record_bytes += core::record_bytes(size);
    if (record_bytes > core::largest_record_bytes(publisher_.capacity_bytes())) break;
    const std::span<std::byte> payload(buffer_.data() + used, size);
    fill_payload(payload, sequence);
    events.at(count) = {payload, type_of(sequence)};
    used += size;
  }
  require(publisher_.publish_batch(std::span<const BatchEvent>(events.data(), count)) == first,
          "a batch began at another sequence than it should");
  return first + count - 1;
}

void Source::abandon_claim() {
  const Claim claim = publisher_.claim(publisher_.largest_payload_bytes());
  std::memset(claim.payload().data(), 0x55, claim.payload().size());
}

bool Ledger::read_some(Consumer& consumer, std::size_t limit) {
  const PollResult result = consumer.try_poll(handler(), limit);
  if (result.status == Status::closed) return false;
  if (result.count == 0 && result.status == Status::empty) {
    static_cast<void>(consumer.wait_for(std::chrono::milliseconds(100)));
  }
  return true;
}

void Ledger::read_to_the_end(Consumer& consumer) {
  while (read_some(consumer)) {
  }
}

}  // namespace ringbolt::scenario
