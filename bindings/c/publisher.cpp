// Publishing through C.
#include "door.hpp"

#include <span>
#include <vector>

using namespace ringbolt;     // NOLINT(google-build-using-namespace): this file is the door in front of it
using namespace ringbolt::c;  // NOLINT(google-build-using-namespace)

struct ringbolt_publisher {
  explicit ringbolt_publisher(Publisher&& opened) noexcept : publisher(std::move(opened)) {}
  Publisher publisher;
  std::optional<Claim> claim;
  // Kept, so that a call allocates only when it has the most so far.
  std::vector<BatchEvent> batch;
  std::vector<Attribute> attributes;
};

namespace {

// Behind those that `handle` has already. The span is good until the next one is taken.
std::span<const Attribute> add_attributes(ringbolt_publisher& handle, const ringbolt_attribute* attributes,
                                          std::size_t count) {
  if (count != 0) require(attributes, "attributes");
  const std::size_t before = handle.attributes.size();
  for (std::size_t i = 0; i < count; ++i) {
    const ringbolt_attribute& from = attributes[i];
    require(from.name, "an attribute's name");
    if (from.value_bytes != 0) require(from.value, "an attribute's value");
    const std::size_t name_bytes = from.name_bytes != 0 ? from.name_bytes : std::strlen(from.name);
    handle.attributes.push_back({{from.name, name_bytes}, {static_cast<const char*>(from.value), from.value_bytes}});
  }
  return std::span(handle.attributes).subspan(before);
}

EventOptions event_options(ringbolt_publisher& handle, const ringbolt_event_options* given) {
  if (given == nullptr) return {};
  const auto from = known(given, "ringbolt_event_options");
  if (from.reserved != 0) throw bad_option("ringbolt_event_options.reserved is not 0");
  handle.attributes.clear();
  return {.type = from.type,
          .timestamp_ns = from.timestamp_ns,
          .attributes = add_attributes(handle, from.attributes, from.attribute_count)};
}

std::span<const std::byte> bytes_of(const void* bytes, std::size_t size) {
  if (size != 0) require(bytes, "payload");
  return {static_cast<const std::byte*>(bytes), size};
}

std::int32_t answer(PublishResult result, std::uint64_t* sequence) {
  if (result && sequence != nullptr) *sequence = result.sequence;
  return result_of(result.status);
}

std::span<const BatchEvent> batch_of(ringbolt_publisher& handle, const ringbolt_message* messages, std::size_t count) {
  if (count != 0) require(messages, "messages");
  std::size_t attributes = 0;
  for (std::size_t i = 0; i < count; ++i) attributes += messages[i].attribute_count;
  handle.attributes.clear();
  handle.attributes.reserve(attributes);  // so that no span moves
  handle.batch.clear();
  for (const ringbolt_message& from : std::span(messages, count)) {
    if (from.reserved != 0) throw bad_option("ringbolt_message.reserved is not 0");
    handle.batch.push_back({bytes_of(from.payload, from.payload_bytes), from.type,
                            add_attributes(handle, from.attributes, from.attribute_count)});
  }
  return handle.batch;
}

std::int32_t give_claim(ringbolt_publisher& handle, Claim&& claim, void** payload) {
  if (!claim) return result_of(claim.status());
  *payload = claim.payload().data();
  handle.claim.emplace(std::move(claim));
  return RINGBOLT_OK;
}

// The publisher, for a call that ends a claim: what is published next may take its place.
Publisher& publisher_of(ringbolt_publisher* handle) {
  require(handle, "publisher");
  handle->claim.reset();
  return handle->publisher;
}

}  // namespace

std::int32_t ringbolt_publisher_open(const char* name, const ringbolt_publisher_options* options,
                                     ringbolt_publisher** publisher) {
  return guarded([&] {
    require(name, "name");
    require(publisher, "publisher");
    *publisher = nullptr;
    *publisher = new ringbolt_publisher(Publisher::open(name, publisher_options(options)));
  });
}
void ringbolt_publisher_free(ringbolt_publisher* publisher) { delete publisher; }

std::int32_t ringbolt_publish(ringbolt_publisher* publisher, const void* payload, std::size_t payload_bytes,
                              const ringbolt_event_options* options, std::uint64_t* sequence) {
  return guarded([&] {
    Publisher& to = publisher_of(publisher);
    const std::uint64_t number = to.publish(bytes_of(payload, payload_bytes), event_options(*publisher, options));
    if (sequence != nullptr) *sequence = number;
  });
}
std::int32_t ringbolt_try_publish(ringbolt_publisher* publisher, const void* payload, std::size_t payload_bytes,
                                  const ringbolt_event_options* options, std::uint64_t* sequence) {
  return guarded([&] {
    Publisher& to = publisher_of(publisher);
    return answer(to.try_publish(bytes_of(payload, payload_bytes), event_options(*publisher, options)), sequence);
  });
}
std::int32_t ringbolt_publish_for(ringbolt_publisher* publisher, const void* payload, std::size_t payload_bytes,
                                  std::int64_t timeout_ns, const ringbolt_event_options* options, std::uint64_t* sequence) {
  return guarded([&] {
    Publisher& to = publisher_of(publisher);
    const auto timeout = duration(timeout_ns, "timeout_ns");
    return answer(to.publish_for(bytes_of(payload, payload_bytes), timeout, event_options(*publisher, options)), sequence);
  });
}

std::int32_t ringbolt_publish_batch(ringbolt_publisher* publisher, const ringbolt_message* messages, std::size_t count,
                                    std::uint64_t* first_sequence) {
  return guarded([&] {
    Publisher& to = publisher_of(publisher);
    const std::uint64_t first = to.publish_batch(batch_of(*publisher, messages, count));
    if (first_sequence != nullptr) *first_sequence = first;
  });
}
std::int32_t ringbolt_try_publish_batch(ringbolt_publisher* publisher, const ringbolt_message* messages, std::size_t count,
                                        std::uint64_t* first_sequence) {
  return guarded([&] {
    Publisher& to = publisher_of(publisher);
    return answer(to.try_publish_batch(batch_of(*publisher, messages, count)), first_sequence);
  });
}
std::int32_t ringbolt_publish_array(ringbolt_publisher* publisher, const void* values, std::size_t value_bytes,
                                    std::size_t count, std::uint32_t type, std::int64_t timeout_ns,
                                    std::uint64_t* first_sequence, std::size_t* published) {
  return guarded([&]() -> std::int32_t {
    Publisher& to = publisher_of(publisher);
    if (published != nullptr) *published = 0;
    if (value_bytes == 0) throw bad_option("value_bytes is 0");
    if (value_bytes > to.largest_payload_bytes()) {
      throw Error(Code::event_too_large, "a value of " + std::to_string(value_bytes) + " bytes is larger than the " +
                                             std::to_string(to.largest_payload_bytes()) + " of ring '" + to.name() + "'");
    }
    if (count > ~std::size_t{0} / value_bytes) throw bad_option("count times value_bytes overflows");
    const auto until = duration(timeout_ns, "timeout_ns");
    const auto begun = std::chrono::steady_clock::now();
    const auto* const bytes = bytes_of(values, count * value_bytes).data();
    if (first_sequence != nullptr) *first_sequence = to.next_sequence();
    // An eighth of the ring at a time, so that consumers that keep up never wait for the whole.
    const std::size_t each = std::max<std::size_t>(1, to.capacity_bytes() / 8 / core::record_bytes(value_bytes));
    for (std::size_t done = 0; done != count;) {
      const std::size_t now = std::min(count - done, each);
      const auto passed = std::chrono::steady_clock::now() - begun;
      const auto left = until == kForever ? kForever : std::max(until - passed, std::chrono::nanoseconds(0));
      const PublishResult result =
          to.publish_batch_of({bytes + done * value_bytes, now * value_bytes}, value_bytes, {.type = type}, left);
      if (!result) return result_of(result.status);
      done += now;
      if (published != nullptr) *published = done;
    }
    return RINGBOLT_OK;
  });
}

std::int32_t ringbolt_claim(ringbolt_publisher* publisher, std::size_t payload_bytes, void** payload) {
  return guarded([&] {
    Publisher& from = publisher_of(publisher);
    require(payload, "payload");
    return give_claim(*publisher, from.claim(payload_bytes), payload);
  });
}
std::int32_t ringbolt_try_claim(ringbolt_publisher* publisher, std::size_t payload_bytes, void** payload) {
  return guarded([&] {
    Publisher& from = publisher_of(publisher);
    require(payload, "payload");
    return give_claim(*publisher, from.try_claim(payload_bytes), payload);
  });
}
std::int32_t ringbolt_commit_claim(ringbolt_publisher* publisher, std::size_t payload_bytes,
                                   const ringbolt_event_options* options, std::uint64_t* sequence) {
  return guarded([&] {
    require(publisher, "publisher");
    if (!publisher->claim) throw bad_option("there is no claim to commit");
    if (payload_bytes > publisher->claim->payload().size()) {
      throw bad_option(std::to_string(payload_bytes) + " bytes are committed of a claim of " +
                       std::to_string(publisher->claim->payload().size()));
    }
    const std::uint64_t number = publisher->claim->commit(payload_bytes, event_options(*publisher, options));
    publisher->claim.reset();
    if (sequence != nullptr) *sequence = number;
  });
}

std::int32_t ringbolt_wait_durable(ringbolt_publisher* publisher, std::uint64_t sequence, std::int64_t timeout_ns) {
  return guarded([&] {
    require(publisher, "publisher");
    const bool done = publisher->publisher.wait_durable(sequence, duration(timeout_ns, "timeout_ns"));
    return done ? RINGBOLT_OK : RINGBOLT_TIMED_OUT;
  });
}
std::int32_t ringbolt_durable_sequence(ringbolt_publisher* publisher, std::uint64_t* sequence) {
  return guarded([&] {
    require(publisher, "publisher");
    require(sequence, "sequence");
    *sequence = publisher->publisher.durable_sequence();
  });
}
std::int32_t ringbolt_publisher_close(ringbolt_publisher* publisher) {
  return guarded([&] {
    require(publisher, "publisher");
    publisher->publisher.close();
  });
}

std::uint64_t ringbolt_next_publish_sequence(const ringbolt_publisher* publisher) {
  return publisher->publisher.next_sequence();
}
std::uint64_t ringbolt_capacity_bytes(const ringbolt_publisher* publisher) { return publisher->publisher.capacity_bytes(); }
std::uint64_t ringbolt_largest_payload_bytes(const ringbolt_publisher* publisher) {
  return publisher->publisher.largest_payload_bytes();
}
std::uint64_t ringbolt_epoch(const ringbolt_publisher* publisher) { return publisher->publisher.epoch(); }
