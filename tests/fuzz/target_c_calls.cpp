// Random sequences of calls of the C ABI, with wild arguments: each answers, and what a consumer is given keeps the promises.
//
// The file of an input is the sequence: two bytes a call, which one and its argument.
#include <ringbolt/ringbolt.h>

#include <array>
#include <cstring>
#include <functional>
#include <utility>

#include "fuzz/target.hpp"

namespace ringbolt::fuzz {
namespace {

constexpr const char* kRing = "orders";
constexpr std::size_t kMostCalls = 128;
constexpr std::size_t kBytes = 4'096;  // of the buffer that is polled into
constexpr std::size_t kEvents = 64;
constexpr std::array<ringbolt_attribute, 2> kAttributes{{{"key", 0, "four", 4}, {"shop", 4, nullptr, 0}}};

void expect_known(std::int32_t result) {
  require(std::strcmp(ringbolt_result_name(result), "unknown") != 0, "a result is one of the header's", 0);
  require(result >= 0 || ringbolt_last_error()[0] != '\0', "an error has a sentence");
}

// A consumer, and what it must be given next.
struct Reader {
  ringbolt_consumer* consumer = nullptr;
  bool skips = false;
  bool sequence_known = false;
  std::uint64_t next = 0;

  void see(const ringbolt_event& event) {
    require(!sequence_known || skips || event.sequence == next, "an event is the next one, or a gap was told",
            event.sequence);
    require(!skips || event.sequence >= next, "numbers only grow", event.sequence);
    const auto* bytes = static_cast<const std::byte*>(event.payload);
    require(is_payload_of({bytes, event.payload_bytes}, event.type), "a payload is what was published", event.sequence);
    std::array<ringbolt_attribute, 2> attributes{};
    const std::size_t count = ringbolt_attributes(&event, attributes.data(), attributes.size());
    require(count <= kAttributes.size() && (count == 0 || attributes[0].value_bytes == 4),
            "attributes are what was published", event.sequence);
    next = event.sequence + 1;
    sequence_known = true;
  }
  void lose() {
    ringbolt_gap gap;
    ringbolt_last_gap(consumer, &gap);
    require(!sequence_known || gap.last + 1 == gap.first || gap.first >= next, "a gap begins behind the last event",
            gap.first);
    if (gap.last + 1 != gap.first) {
      next = gap.last + 1;
      sequence_known = true;
    }
  }
};

class CCalls final : public Target {
 public:
  CCalls() {
    static_cast<void>(place());
    Image all;
    for (std::size_t call = 0; call < 2 * calls_.size(); ++call) add(all, call % calls_.size(), call * 37);
    images_.push_back(std::move(all));
    // One that gates and one that may be overrun, batches of all kinds, and more than the ring holds.
    Image both;
    add(both, 0, 0);
    add(both, 1, 2 * 5);
    add(both, 1, 2 * 32 + 1);
    for (std::size_t round = 0; round < 12; ++round) {
      for (const std::size_t how : {10U, 10U, 11U, 127U}) add(both, 2, 2 * how);
      add(both, 8, 2 * 7);
      add(both, 8, 2 * 60 + round % 2);
      add(both, 9, 2 * 10 + round % 2);
      add(both, 6, round % 2);
    }
    images_.push_back(std::move(both));
  }

  [[nodiscard]] const std::vector<Image>& images() const override { return images_; }
  void repair(Bytes& /*file*/) const override {}

  void run(const Input& input) override {
    stamp_ = 0;
    for (std::size_t at = 0; at + 1 < input.file.size() && at < 2 * kMostCalls; at += 2) {
      argument_ = static_cast<std::uint8_t>(input.file[at + 1]);
      calls_[static_cast<std::uint8_t>(input.file[at]) % calls_.size()]();
    }
    for (Reader& reader : readers_) leave(reader);
    ringbolt_publisher_free(std::exchange(publisher_, nullptr));
    static_cast<void>(ringbolt_remove(kRing, 1));
  }

 private:
  static void add(Image& image, std::size_t call, std::size_t argument) {
    image.file.push_back(static_cast<std::byte>(call));
    image.file.push_back(static_cast<std::byte>(argument));
  }
  // One of the two, as the argument says; the rest of the argument says how.
  Reader& reader() { return readers_[argument_ & 1]; }
  [[nodiscard]] std::uint32_t how() const { return argument_ >> 1U; }
  static void leave(Reader& reader) {
    ringbolt_consumer_free(reader.consumer);
    reader = {};
  }
  // Payloads of event types, so that they can be checked whatever the sequence was.
  [[nodiscard]] Bytes payload() const { return payload_of(how(), how() * std::size_t{9}); }
  [[nodiscard]] ringbolt_event_options typed() const {
    return {(argument_ & 1) != 0 ? sizeof(ringbolt_event_options) : offsetof(ringbolt_event_options, timestamp_ns),
            how(),
            0,
            stamp_,
            kAttributes.data(),
            how() % 4 == 2 ? how() % 3 : 0};
  }
  void published(std::int32_t result, std::uint64_t before) const {
    expect_known(result);
    if (result == RINGBOLT_OK && publisher_ != nullptr)
      require(ringbolt_next_publish_sequence(publisher_) == before + 1, "a publisher counts up", before);
  }
  [[nodiscard]] std::uint64_t next_sequence() const {
    return publisher_ == nullptr ? 0 : ringbolt_next_publish_sequence(publisher_);
  }
  void read(std::int32_t result, const ringbolt_event& event) {
    expect_known(result);
    if (result == RINGBOLT_OK) reader().see(event);
    if (result == RINGBOLT_GAP || result == RINGBOLT_EVICTED) reader().lose();
  }

  void open_publisher() {
    ringbolt_publisher_options options{};
    options.size = how() % 8 == 7 ? how() % sizeof options : sizeof options;
    options.capacity_bytes = how() % 16 == 15 ? how() : 65'536;
    options.flags = how() % 4 == 3 ? 1U << how() % 32 : 0;
    if ((options.flags & (RINGBOLT_LOCK_MEMORY | RINGBOLT_NUMA_NODE | RINGBOLT_HUGE_PAGES)) != 0) options.flags = 0;
    options.wait = how() % 6;
    options.first_sequence = how() % 5 == 4 ? ~std::uint64_t{0} - how() : 0;
    ringbolt_publisher* opened = nullptr;
    const std::int32_t result = ringbolt_publisher_open(kRing, &options, &opened);
    expect_known(result);
    require((result == RINGBOLT_OK) == (opened != nullptr), "who is told OK has a publisher");
    require(opened == nullptr || publisher_ == nullptr, "a ring has one publisher");
    if (opened != nullptr) publisher_ = opened;
  }
  void attach() {
    leave(reader());
    ringbolt_consumer_options options{};
    options.size = sizeof options;
    constexpr std::array<const char*, 4> kNames{nullptr, "billing", "audit", "no good"};
    options.name = kNames[how() % 4];
    options.policy = how() / 4 % 6;
    options.start = how() / 8 % 5;
    options.start_value = how();
    options.budget_ns = how() % 3 == 1 ? 1'000 : 0;
    options.after = how() % 7 == 6 ? "billing,audit" : nullptr;
    options.flags = how() % 5 == 3 ? RINGBOLT_GATE_ON_COMMIT : 0;
    expect_known(ringbolt_consumer_attach(kRing, &options, &reader().consumer));
    reader().skips = options.policy == RINGBOLT_POLICY_LATEST;
  }
  void publish_batch() {
    const Bytes bytes = payload();
    const std::vector<ringbolt_message> batch(how() % 9,
                                              {bytes.data(), bytes.size(), kAttributes.data(), how() % 3, how(), 0});
    const std::uint64_t before = next_sequence();
    std::uint64_t first = 0;
    const std::int32_t result = ringbolt_try_publish_batch(publisher_, batch.data(), batch.size(), &first);
    expect_known(result);
    if (result == RINGBOLT_OK)
      require(first == before && next_sequence() == before + batch.size(), "a batch is numbered in a row");
  }
  void claim() {
    void* room = nullptr;
    const std::int32_t result = ringbolt_try_claim(publisher_, how() * std::size_t{9}, &room);
    expect_known(result);
    if (result != RINGBOLT_OK) return;
    const Bytes bytes = payload();
    if (!bytes.empty()) std::memcpy(room, bytes.data(), bytes.size());
    if ((argument_ & 1) == 0) return;  // and is left alone
    const ringbolt_event_options options = typed();
    const std::uint64_t before = next_sequence();
    const std::int32_t committed = ringbolt_commit_claim(publisher_, bytes.size(), &options, nullptr);
    published(committed, before);
    require(committed == RINGBOLT_OK || options.attribute_count != 0, "a claim can be committed");
    const std::int32_t again = ringbolt_commit_claim(publisher_, 0, nullptr, nullptr);
    require(again == RINGBOLT_ERROR_BAD_OPTION || committed != RINGBOLT_OK, "a claim is committed once");
  }
  void poll() {
    std::array<std::uint64_t, kBytes / 8> buffer{};
    std::array<ringbolt_event, kEvents> events{};
    std::size_t count = 0;
    const std::size_t bytes = how() % 4 == 3 ? how() * std::size_t{16} : kBytes;
    const std::int32_t result =
        ringbolt_poll(reader().consumer, buffer.data(), bytes, events.data(), how() % (kEvents + 1), &count);
    expect_known(result);
    require(count <= how() % (kEvents + 1), "not more than the limit", count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto* payload = static_cast<const std::byte*>(events[i].payload);
      const auto* begin = reinterpret_cast<const std::byte*>(buffer.data());
      require(payload - events[i].attributes_bytes >= begin && payload + events[i].payload_bytes <= begin + bytes,
              "a payload lies in the buffer", i);
      reader().see(events[i]);
    }
    if (result == RINGBOLT_GAP || result == RINGBOLT_EVICTED) reader().lose();
  }
  void poll_array() {
    std::array<std::byte, kBytes> values{};
    std::array<std::uint64_t, kEvents> numbers{};
    const std::size_t size = how() * std::size_t{9};
    std::size_t count = 0;
    const std::size_t limit = size == 0 ? 1 : std::min(kEvents, kBytes / size);
    const std::int32_t result =
        ringbolt_poll_array(reader().consumer, values.data(), size, numbers.data(), nullptr, limit, &count);
    expect_known(result);
    for (std::size_t i = 0; i < count; ++i)
      reader().see({numbers[i], 0, values.data() + i * size, size, nullptr, 0, how(), 0});  // that size says the type
    if (result == RINGBOLT_GAP || result == RINGBOLT_EVICTED) reader().lose();
  }
  void look_around() {
    ringbolt_ring_stat stat{};
    stat.size = how() % 2 == 0 ? sizeof stat : how() % sizeof stat;
    expect_known(ringbolt_stat(kRing, &stat));
    if (reader().consumer == nullptr) return;
    std::int32_t alive = 0;
    int fd = -1;
    expect_known(ringbolt_publisher_alive(reader().consumer, &alive));
    expect_known(ringbolt_wait(reader().consumer, 0));
    if (how() % 8 == 1) expect_known(ringbolt_consumer_fd(reader().consumer, &fd));
  }

  std::array<std::function<void()>, 14> calls_{
      [this] { open_publisher(); },
      [this] { attach(); },
      [this] {
        const Bytes bytes = payload();
        const ringbolt_event_options options = typed();
        const std::uint64_t before = next_sequence();
        published(ringbolt_try_publish(publisher_, bytes.data(), bytes.size(), &options, nullptr), before);
      },
      [this] {
        const Bytes bytes = payload();
        const ringbolt_event_options options = typed();
        const std::uint64_t before = next_sequence();
        published(ringbolt_publish_for(publisher_, bytes.data(), bytes.size(), 1'000, &options, nullptr), before);
      },
      [this] { publish_batch(); },
      [this] { claim(); },
      [this] {
        ringbolt_event event{};
        read(ringbolt_try_next(reader().consumer, &event), event);
      },
      [this] {
        ringbolt_event event{};
        read(ringbolt_next(reader().consumer, &event, 0), event);
      },
      [this] { poll(); },
      [this] { poll_array(); },
      [this] {
        if (reader().consumer == nullptr) return;
        expect_known(ringbolt_commit(reader().consumer, ringbolt_next_sequence(reader().consumer) - 1 + how() / 64));
      },
      [this] { look_around(); },
      [this] {
        if (how() % 4 == 0) leave(reader());
        if (how() % 4 == 1) ringbolt_publisher_free(std::exchange(publisher_, nullptr));
        if (how() % 4 == 2) expect_known(ringbolt_publisher_close(publisher_));
        if (how() % 16 != 3) return;
        const std::int32_t result = ringbolt_remove(kRing, argument_ & 1);
        expect_known(result);
        if (result == RINGBOLT_OK) ringbolt_publisher_free(std::exchange(publisher_, nullptr));  // of a ring that is gone
      },
      [this] { stamp_ = how() % 2 == 0 ? 0 : std::uint64_t{how()} << how() % 64; },
  };
  std::vector<Image> images_;
  ringbolt_publisher* publisher_ = nullptr;
  std::array<Reader, 2> readers_;
  std::uint8_t argument_ = 0;
  std::uint64_t stamp_ = 0;
};

}  // namespace

Target& target() {
  static CCalls calls;
  return calls;
}

}  // namespace ringbolt::fuzz
