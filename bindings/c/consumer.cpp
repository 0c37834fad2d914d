// Consuming through C.
#include "door.hpp"

using namespace ringbolt;     // NOLINT(google-build-using-namespace): this file is the door in front of it
using namespace ringbolt::c;  // NOLINT(google-build-using-namespace)

struct ringbolt_consumer {
  explicit ringbolt_consumer(Consumer&& attached) noexcept : consumer(std::move(attached)) {}
  Consumer consumer;
};

namespace {

std::vector<std::string> names_of(const char* list) {
  std::vector<std::string> names;
  for (const char* from = list; from != nullptr && *from != '\0';) {
    const std::size_t length = std::strcspn(from, ",");
    names.emplace_back(from, length);
    from += from[length] == ',' ? length + 1 : length;
  }
  return names;
}

Start start_of(std::uint32_t kind, std::uint64_t value) {
  switch (kind) {
    case RINGBOLT_START_RESUME: return Start::resume;
    case RINGBOLT_START_EARLIEST: return Start::earliest;
    case RINGBOLT_START_LATEST: return Start::latest;
    case RINGBOLT_START_SEQUENCE: return Start::at(value);
    case RINGBOLT_START_TIME: return Start::at_time(value);
    default: throw bad_option("start " + std::to_string(kind) + " is not one of the header's");
  }
}

ConsumerOptions consumer_options(const ringbolt_consumer_options* given) {
  const auto from = known(given, "ringbolt_consumer_options");
  if (from.flags > RINGBOLT_GATE_ON_COMMIT) throw bad_option("flags has bits that this version does not know");
  ConsumerOptions options;
  options.name = text_or_empty(from.name);
  options.policy = checked_enum<Policy>(from.policy, RINGBOLT_POLICY_LATEST, "policy");
  options.budget = duration(from.budget_ns, "budget_ns");
  options.start = start_of(from.start, from.start_value);
  options.after = names_of(from.after);
  options.gate_on_commit = (from.flags & RINGBOLT_GATE_ON_COMMIT) != 0;
  options.wait = wait_of(from.wait);
  return options;
}

// `payload` has the attributes in front of it.
ringbolt_event event_of(const Event& event, const std::byte* payload) {
  const std::size_t attributes = event.attributes_bytes;
  return {event.sequence,       event.timestamp_ns, payload,    event.payload.size(),
          payload - attributes, attributes,         event.type, 0};
}

Attributes attributes_of(const ringbolt_event& event) {
  return Attributes({static_cast<const std::byte*>(event.attributes), event.attributes_bytes});
}

std::int32_t give(Status status, const Event& event, ringbolt_event* to) {
  if (status == Status::ok) *to = event_of(event, event.payload.data());
  return result_of(status);
}

// As `try_fetch`. What fails behind events that were taken is met again by the next call: these are handed out first.
template <class CopyOut>
Status fetch(Consumer& consumer, CopyOut copy_out, std::size_t limit, const std::size_t& taken) {
  try {
    return consumer.try_fetch(copy_out, limit).status;
  } catch (const Error&) {
    if (taken == 0) throw;
    return Status::ok;
  }
}

constexpr std::size_t align8(std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; }

}  // namespace

std::int32_t ringbolt_consumer_attach(const char* ring, const ringbolt_consumer_options* options,
                                      ringbolt_consumer** consumer) {
  return guarded([&] {
    require(ring, "ring");
    require(consumer, "consumer");
    *consumer = nullptr;
    *consumer = new ringbolt_consumer(Consumer::attach(ring, consumer_options(options)));
  });
}
void ringbolt_consumer_free(ringbolt_consumer* consumer) { delete consumer; }

std::int32_t ringbolt_next(ringbolt_consumer* consumer, ringbolt_event* event, std::int64_t timeout_ns) {
  return guarded([&] {
    require(consumer, "consumer");
    require(event, "event");
    Event found;
    const Status status = consumer->consumer.next_for(found, duration(timeout_ns, "timeout_ns"));
    return give(status, found, event);
  });
}
std::int32_t ringbolt_try_next(ringbolt_consumer* consumer, ringbolt_event* event) {
  return guarded([&] {
    require(consumer, "consumer");
    require(event, "event");
    Event found;
    const Status status = consumer->consumer.try_next(found);
    return give(status, found, event);
  });
}

std::int32_t ringbolt_poll(ringbolt_consumer* consumer, void* buffer, std::size_t buffer_bytes, ringbolt_event* events,
                           std::size_t limit, std::size_t* count) {
  return guarded([&]() -> std::int32_t {
    require(consumer, "consumer");
    require(count, "count");
    *count = 0;
    if (limit == 0) return RINGBOLT_OK;
    require(events, "events");
    if (buffer_bytes != 0) require(buffer, "buffer");
    if (reinterpret_cast<std::uintptr_t>(buffer) % 8 != 0) throw bad_option("buffer is not aligned to 8 bytes");
    auto* const bytes = static_cast<std::byte*>(buffer);
    std::size_t used = 0;
    bool too_large = false;
    const auto copy_out = [&](const Event& event) {
      const std::size_t attributes = event.attributes_bytes;
      const std::size_t size = attributes + event.payload.size();
      if (used > buffer_bytes || size > buffer_bytes - used) {
        too_large = true;
        if (*count == 0)
          events[0] = {event.sequence, event.timestamp_ns, nullptr,    event.payload.size(),
                       nullptr,        attributes,         event.type, 0};
        return false;
      }
      if (size != 0) std::memcpy(bytes + used, event.payload.data() - attributes, size);
      events[*count] = event_of(event, bytes + used + attributes);
      ++*count;
      used += align8(size);
      return true;
    };
    const Status status = fetch(consumer->consumer, copy_out, limit, *count);
    if (*count == 0 && too_large) {
      const std::size_t size = events[0].attributes_bytes + events[0].payload_bytes;
      return fail(
          RINGBOLT_ERROR_BUFFER_TOO_SMALL,
          ("the next event has " + std::to_string(size) + " bytes, and the buffer " + std::to_string(buffer_bytes)).c_str());
    }
    return result_of(status);
  });
}

std::int32_t ringbolt_poll_array(ringbolt_consumer* consumer, void* values, std::size_t value_bytes, std::uint64_t* numbers,
                                 std::uint64_t* stamps, std::size_t limit, std::size_t* count) {
  return guarded([&]() -> std::int32_t {
    require(consumer, "consumer");
    require(count, "count");
    *count = 0;
    if (value_bytes == 0) throw bad_option("value_bytes is 0");
    if (limit == 0) return RINGBOLT_OK;
    require(values, "values");
    auto* to = static_cast<std::byte*>(values);
    std::optional<std::pair<std::uint64_t, std::size_t>> differs;
    const auto copy_out = [&](const Event& event) {
      if (event.payload.size() != value_bytes) {
        differs = {event.sequence, event.payload.size()};
        return false;
      }
      std::memcpy(to, event.payload.data(), value_bytes);
      to += value_bytes;
      if (numbers != nullptr) numbers[*count] = event.sequence;
      if (stamps != nullptr) stamps[*count] = event.timestamp_ns;
      ++*count;
      return true;
    };
    const Status status = fetch(consumer->consumer, copy_out, limit, *count);
    if (*count == 0 && differs) {
      throw bad_option("event " + std::to_string(differs->first) + " has " + std::to_string(differs->second) +
                       " bytes, and values have " + std::to_string(value_bytes));
    }
    return result_of(status);
  });
}

std::size_t ringbolt_attributes(const ringbolt_event* event, ringbolt_attribute* attributes, std::size_t limit) {
  if (event == nullptr || event->attributes_bytes == 0) return 0;
  std::size_t count = 0;
  for (const Attribute& found : attributes_of(*event)) {
    if (count < limit && attributes != nullptr)
      attributes[count] = {found.name.data(), found.name.size(), found.value.data(), found.value.size()};
    ++count;
  }
  return count;
}
std::int32_t ringbolt_find_attribute(const ringbolt_event* event, const char* name, const void** value,
                                     std::size_t* value_bytes) {
  return guarded([&]() -> std::int32_t {
    require(event, "event");
    require(name, "name");
    if (event->attributes_bytes == 0) return RINGBOLT_EMPTY;
    const auto found = attributes_of(*event).find(name);
    if (!found) return RINGBOLT_EMPTY;
    if (value != nullptr) *value = found->data();
    if (value_bytes != nullptr) *value_bytes = found->size();
    return RINGBOLT_OK;
  });
}

std::int32_t ringbolt_wait(ringbolt_consumer* consumer, std::int64_t timeout_ns) {
  return guarded([&] {
    require(consumer, "consumer");
    return result_of(consumer->consumer.wait_for(duration(timeout_ns, "timeout_ns")));
  });
}
std::int32_t ringbolt_consumer_fd(ringbolt_consumer* consumer, int* fd) {
  return guarded([&] {
    require(consumer, "consumer");
    require(fd, "fd");
    *fd = consumer->consumer.fd();
  });
}

std::int32_t ringbolt_commit(ringbolt_consumer* consumer, std::uint64_t sequence) {
  return guarded([&] {
    require(consumer, "consumer");
    consumer->consumer.commit(sequence);
  });
}
std::int32_t ringbolt_commit_durable(ringbolt_consumer* consumer, std::uint64_t sequence) {
  return guarded([&] {
    require(consumer, "consumer");
    consumer->consumer.commit_durable(sequence);
  });
}

void ringbolt_last_gap(const ringbolt_consumer* consumer, ringbolt_gap* gap) {
  const Gap& lost = consumer->consumer.last_gap();
  *gap = {lost.first, lost.last, lost.evicted ? 1U : 0U, 0};
}
std::uint64_t ringbolt_next_sequence(const ringbolt_consumer* consumer) { return consumer->consumer.next_sequence(); }
std::int32_t ringbolt_consumer_policy(const ringbolt_consumer* consumer) {
  return static_cast<std::int32_t>(consumer->consumer.policy());
}
std::int32_t ringbolt_publisher_alive(const ringbolt_consumer* consumer, std::int32_t* alive) {
  return guarded([&] {
    require(consumer, "consumer");
    require(alive, "alive");
    *alive = consumer->consumer.publisher_alive() ? 1 : 0;
  });
}
