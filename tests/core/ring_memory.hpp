// A ring on plain memory, for tests: what ipc/ maps from files is here an anonymous file mapped twice back to back, a
// header and a registry on the heap. Every byte can be written by hand, copied, and looked at.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ringbolt/core/locate.hpp>
#include <ringbolt/core/takeover.hpp>
#include <ringbolt/core/writer.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace ringbolt::core::test {

// The seed of a random test: printed, and taken back from the environment (`SEED=… core_tests`).
inline std::uint64_t test_seed() {
  const char* given = std::getenv("SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::printf("seed %llu (SEED=%llu repeats this run)\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(seed));
  return seed;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  [[nodiscard]] bool once_in(std::uint64_t times) { return below(times) == 0; }
  // Mostly small, now and then up to the largest: both kinds of record meet in every lap.
  [[nodiscard]] std::uint32_t payload_bytes(std::uint64_t capacity) {
    const std::uint64_t most = once_in(6) ? largest_payload_bytes(capacity) : chunk_bytes(capacity) / 2;
    return static_cast<std::uint32_t>(once_in(40) ? largest_payload_bytes(capacity) : below(most + 1));
  }

 private:
  std::mt19937_64 engine_;
};

// `capacity` bytes, seen twice back to back. The capacity is a multiple of the page size.
class DoubleMapping {
 public:
  explicit DoubleMapping(std::size_t capacity) : capacity_(capacity) {
    const int file = memfd_create("ring", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, static_cast<off_t>(capacity)) != 0) std::abort();
    void* both = mmap(nullptr, 2 * capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (both == MAP_FAILED) std::abort();
    data_ = static_cast<std::byte*>(both);
    for (std::byte* half : {data_, data_ + capacity}) {
      if (mmap(half, capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED) std::abort();
    }
    close(file);
  }
  DoubleMapping(const DoubleMapping&) = delete;
  DoubleMapping& operator=(const DoubleMapping&) = delete;
  ~DoubleMapping() { munmap(data_, 2 * capacity_); }

  [[nodiscard]] std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t capacity_;
};

class TestRing {
 public:
  static constexpr std::size_t kSlots = 8;
  static constexpr std::uint64_t kSmall = 4096;  // one page: laps, chunks and quarters come soon

  explicit TestRing(std::uint64_t capacity = kSmall, std::uint64_t first_sequence = 1)
      : capacity_(capacity),
        first_sequence_(first_sequence),
        header_(std::make_unique<EventsHeader>()),
        registry_(std::make_unique<RegistryHeader>()),
        entries_(std::make_unique<ConsumerEntry[]>(kSlots)),
        data_(capacity) {
    start_stream(*header_, first_sequence);
  }

  [[nodiscard]] EventsHeader& header() const { return *header_; }
  [[nodiscard]] RegistryHeader& registry() const { return *registry_; }
  [[nodiscard]] ConsumerEntry& entry(std::size_t index) const { return entries_[index]; }
  [[nodiscard]] std::byte* data() const { return data_.data(); }
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  [[nodiscard]] std::uint64_t first_sequence() const { return first_sequence_; }
  [[nodiscard]] RingView view() const { return {header_.get(), data(), capacity_, first_sequence_}; }
  [[nodiscard]] std::uint64_t intent() const { return header_->intent.load_relaxed(); }
  void set_intent(std::uint64_t intent) const { header_->intent.store_relaxed(intent); }

  // The registry as one publisher's thread sees it.
  [[nodiscard]] Gates gates() const { return {*registry_, std::span<const ConsumerEntry>(entries_.get(), kSlots), list_}; }
  [[nodiscard]] Writer writer(Place end) const { return {*header_, data(), capacity_, gates(), end}; }
  [[nodiscard]] Writer first_writer() const { return writer({0, first_sequence_}); }

  [[nodiscard]] Word64& word_at(std::uint64_t position) const {
    return *reinterpret_cast<Word64*>(data() + (position & (capacity_ - 1)));
  }
  [[nodiscard]] RecordHeader& record_at(std::uint64_t position) const {
    return *reinterpret_cast<RecordHeader*>(data() + (position & (capacity_ - 1)));
  }
  // A record by hand, commit word and all.
  void write_record(Place place, std::uint32_t size, std::uint32_t type = 0, std::uint64_t timestamp_ns = 0) const {
    RecordHeader& record = record_at(place.position);
    record.timestamp_ns.store_relaxed(timestamp_ns);
    record.size.store_relaxed({.size = size, .checksum = 0});
    record.type.store_relaxed({.type = type, .flags = 0, .reserved = 0});
    record.sequence.store_release(place.sequence);
  }

  // The bytes that another process would find if the publisher died now.
  void copy_from(const TestRing& other) const {
    std::memcpy(static_cast<void*>(header_.get()), static_cast<const void*>(other.header_.get()), sizeof(EventsHeader));
    std::memcpy(static_cast<void*>(registry_.get()), static_cast<const void*>(other.registry_.get()),
                sizeof(RegistryHeader));
    std::memcpy(static_cast<void*>(entries_.get()), static_cast<const void*>(other.entries_.get()),
                kSlots * sizeof(ConsumerEntry));
    std::memcpy(data(), other.data(), capacity_);
  }

 private:
  std::uint64_t capacity_;
  std::uint64_t first_sequence_;
  std::unique_ptr<EventsHeader> header_;
  std::unique_ptr<RegistryHeader> registry_;
  std::unique_ptr<ConsumerEntry[]> entries_;
  DoubleMapping data_;
  mutable std::vector<std::uint32_t> list_ = std::vector<std::uint32_t>(kSlots);
};

// ---- events that check themselves --------------------------------------------------------------------------------------

// A well mixed number for each number (the finalizer of SplitMix64, Steele, Lea, Flood 2014).
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}
constexpr std::uint32_t type_for(std::uint64_t sequence) { return static_cast<std::uint32_t>(mix(sequence)); }
// Two neighbours share a stamp, and every second number is nobody's.
constexpr std::uint64_t timestamp_for(std::uint64_t sequence) { return sequence | 1; }

// Fills `size` bytes with what belongs to `sequence` and to nothing else.
inline void fill_payload(std::byte* to, std::uint32_t size, std::uint64_t sequence) {
  for (std::uint32_t i = 0; i < size; i += 8) {
    const std::uint64_t word = mix(sequence ^ (std::uint64_t{i} << 40) ^ size);
    std::memcpy(to + i, &word, size - i < 8 ? size - i : 8);
  }
}
inline bool payload_is_right(const std::byte* payload, std::uint32_t size, std::uint64_t sequence) {
  for (std::uint32_t i = 0; i < size; i += 8) {
    const std::uint64_t word = mix(sequence ^ (std::uint64_t{i} << 40) ^ size);
    if (std::memcmp(payload + i, &word, size - i < 8 ? size - i : 8) != 0) return false;
  }
  return true;
}
inline bool is_whole(const Record& record) {
  return record.type == type_for(record.sequence) && record.timestamp_ns == timestamp_for(record.sequence) &&
         payload_is_right(record.payload, record.size, record.sequence);
}

// What was published, as its publisher remembers it.
struct Published {
  Place place;
  std::uint32_t size = 0;
  [[nodiscard]] std::uint64_t end() const { return place.position + record_bytes(size); }
};

struct Log {
  Place start;                   // where the first one was to go
  std::deque<Published> events;  // the last laps of them

  [[nodiscard]] Place end() const {
    return events.empty() ? start : Place{events.back().end(), events.back().place.sequence + 1};
  }
  void append(std::uint32_t size) { events.push_back({end(), size}); }
  void keep_from(std::uint64_t position) {
    while (events.size() > 1 && events.front().place.position < position) events.pop_front();
  }
};

// Publishes self-checking events and remembers them. `planned` is what is being published at the moment.
class LoggedWriter {
 public:
  LoggedWriter(const TestRing& ring, Log& log) : writer_(ring.writer(log.end())), log_(&log) {}

  [[nodiscard]] Writer& writer() { return writer_; }
  [[nodiscard]] const std::vector<Published>& planned() const { return planned_; }

  // False: full.
  [[nodiscard]] bool publish(std::uint32_t size) {
    planned_ = {{log_->end(), size}};
    if (!room(record_bytes(size))) return false;
    const std::uint64_t sequence = writer_.next_sequence();
    fill_payload(writer_.payload(), size, sequence);
    EXPECT_EQ(writer_.commit(size, type_for(sequence), 0, timestamp_for(sequence)), log_->end().sequence);
    remember();
    return true;
  }

  // Publishes until a gate is in the way.
  void publish_until_full(std::uint32_t size) {
    const std::uint64_t stop = log_->end().position + 4 * writer_.capacity();
    while (publish(size)) {
      if (log_->end().position > stop) {
        ADD_FAILURE() << "nobody is in the way";
        return;
      }
    }
  }

  [[nodiscard]] bool publish_batch(std::span<const std::uint32_t> sizes) {
    planned_.clear();
    Place place = log_->end();
    for (const std::uint32_t size : sizes) {
      planned_.push_back({place, size});
      place = {planned_.back().end(), place.sequence + 1};
    }
    const std::uint64_t bytes = place.position - log_->end().position;
    if (!room(bytes)) return false;
    for (const Published& event : planned_) {
      const std::uint64_t sequence = event.place.sequence;
      std::byte* payload = writer_.stage(event.place.position - log_->end().position, event.size, type_for(sequence), 0,
                                         timestamp_for(sequence));
      fill_payload(payload, event.size, sequence);
    }
    EXPECT_EQ(writer_.commit_staged(sizes.size(), bytes), log_->end().sequence);
    remember();
    return true;
  }

 private:
  [[nodiscard]] bool room(std::uint64_t bytes) {
    if (writer_.try_claim_bytes(bytes) == ClaimStatus::ok) return true;
    if (writer_.refill(bytes)) {
      EXPECT_EQ(writer_.try_claim_bytes(bytes), ClaimStatus::ok) << "there was room for these bytes";
      return true;
    }
    planned_.clear();
    return false;
  }
  void remember() {
    log_->events.insert(log_->events.end(), planned_.begin(), planned_.end());
    planned_.clear();
  }

  Writer writer_;
  Log* log_;
  std::vector<Published> planned_;
};

}  // namespace ringbolt::core::test
