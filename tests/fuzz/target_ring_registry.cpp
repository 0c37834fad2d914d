// The file `consumers`: any consumer may write it, so whatever is in it must not harm the others.
#include "fuzz/ring_files.hpp"

namespace ringbolt::fuzz {
namespace {

constexpr const char* kRing = "orders";
constexpr std::uint32_t kSlots = 4;

class RingRegistry final : public Target {
 public:
  RingRegistry() {
    static_cast<void>(place());
    {
      auto publisher = Publisher::open(kRing, {.capacity_bytes = kCapacity, .consumer_slots = kSlots});
      for (int i = 0; i < 200; ++i) publisher.publish(payload_of(publisher.next_sequence(), 900));
      auto billing = Consumer::attach(kRing, {.name = "billing", .policy = Policy::gate});
      auto audit = Consumer::attach(kRing, {.name = "audit", .policy = Policy::gate, .after = {"billing"}});
      while (publisher.try_publish(payload_of(publisher.next_sequence(), 900))) {
      }
      billing.poll([](const Event&) {}, 20);
      audit.poll([](const Event&) {}, 10);
      events_ = std::make_unique<MappedFile>(place() + "/orders/events");
      consumers_ = std::make_unique<MappedFile>(place() + "/orders/consumers");  // with two that gate, and are gone soon
    }
    Image image{consumers_->sound(), {}};
    add_words(image.hot, 0, 160);
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      const std::size_t at = sizeof(core::RegistryHeader) + slot * sizeof(core::ConsumerEntry);
      add_words(image.hot, at, at + 24);
      add_words(image.hot, at + offsetof(core::ConsumerEntry, state), at + offsetof(core::ConsumerEntry, state) + 64);
      add_words(image.hot, at + offsetof(core::ConsumerEntry, name), at + offsetof(core::ConsumerEntry, name) + 128);
    }
    images_.push_back(std::move(image));
    consumers_->restore();
    tolerate([] { static_cast<void>(stat_ring(kRing)); });
  }

  [[nodiscard]] const std::vector<Image>& images() const override { return images_; }

  void repair(Bytes& file) const override {
    if (file.size() < sizeof(core::RegistryHeader)) return;
    constexpr std::size_t kIdentity = offsetof(core::RegistryHeader, slots);
    std::memcpy(file.data(), images_[0].file.data(), kIdentity);
    const std::uint64_t sum =
        core::fnv1a(reinterpret_cast<const std::uint8_t*>(file.data()), offsetof(core::RegistryHeader, checksum));
    std::memcpy(file.data() + offsetof(core::RegistryHeader, checksum), &sum, sizeof sum);
  }

  void run(const Input& input) override {
    consumers_->set(input.file);
    switch (input.what % 8) {
      case 0: tolerate([&] { static_cast<void>(stat_ring(kRing)); }); break;
      case 1: consume(kRing, {.name = "billing", .policy = Policy::gate}); break;
      case 2: consume(kRing, {.name = "audit", .policy = Policy::gate, .after = {"billing"}}); break;
      case 3: consume(kRing, {.name = "new", .policy = Policy::gate, .budget = std::chrono::nanoseconds(1)}); break;
      case 4: consume(kRing, {.after = {"audit", "billing"}}); break;
      case 5:
        tolerate([] { evict_consumer(kRing, "billing", true); });
        tolerate([] { seek_consumer(kRing, "billing", Start::at(280)); });
        tolerate([] { forget_consumer(kRing, "audit"); });
        break;
      default: take_over(kRing); break;
    }
    consumers_->restore();
    events_->restore();
  }

 private:
  std::vector<Image> images_;
  std::unique_ptr<MappedFile> events_;
  std::unique_ptr<MappedFile> consumers_;
};

}  // namespace

Target& target() {
  static RingRegistry registry;
  return registry;
}

}  // namespace ringbolt::fuzz
