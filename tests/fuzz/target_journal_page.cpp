// The page `journal` of a ring: its fixed part has a checksum, what its journal tells all others has none.
#include <ringbolt/core/journal_layout.hpp>

#include "fuzz/ring_files.hpp"

namespace ringbolt::fuzz {
namespace {

constexpr const char* kRing = "orders";

class RingJournalPage final : public Target {
 public:
  RingJournalPage() : journal_(place() + "/journal"), kept_(place() + "/kept") {
    {
      auto publisher =
          Publisher::open(kRing, {.capacity_bytes = kCapacity,
                                  .consumer_slots = 4,
                                  .journal = {.directory = journal_, .sync = Sync::none, .segment_bytes = 64 << 10}});
      for (int i = 0; i < 300; ++i) publisher.publish(payload_of(publisher.next_sequence(), 900));
    }
    std::filesystem::copy(journal_, kept_, std::filesystem::copy_options::recursive);
    page_ = std::make_unique<MappedFile>(place() + "/orders/journal");
    events_ = std::make_unique<MappedFile>(place() + "/orders/events");
    consumers_ = std::make_unique<MappedFile>(place() + "/orders/consumers");
    Image image{page_->sound(), {}};
    for (int i = 0; i < 2; ++i) add_words(image.hot, offsetof(core::JournalPage, sync), 2'304 + 80);
    add_words(image.hot, 0, 144);
    images_.push_back(std::move(image));
  }

  [[nodiscard]] const std::vector<Image>& images() const override { return images_; }

  void repair(Bytes& file) const override {
    if (file.size() < sizeof(core::JournalPage)) return;
    std::memcpy(file.data(), images_[0].file.data(), offsetof(core::JournalPage, ring_id));
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(file.data());
    const std::uint64_t sum = core::fnv1a(bytes + offsetof(core::JournalPage, directory), core::kDirectoryBytes,
                                          core::fnv1a(bytes, offsetof(core::JournalPage, checksum)));
    std::memcpy(file.data() + offsetof(core::JournalPage, checksum), &sum, sizeof sum);
  }

  void run(const Input& input) override {
    page_->set(input.file);
    switch (input.what % 8) {
      case 0: tolerate([&] { static_cast<void>(stat_ring(kRing)); }); break;
      case 1: consume(kRing, {.start = Start::at(1 + input.what)}); break;
      case 2: consume(kRing, {.policy = Policy::journal, .start = Start::at_time(input.what)}); break;
      case 3: consume(kRing, {.policy = Policy::gate, .start = Start::earliest}); break;
      case 4: consume(kRing, {.policy = Policy::journal, .start = Start::earliest}); break;
      case 5: tolerate([&] { detach_journal(kRing); }); break;
      case 6: run_the_journal(input); break;
      default: consume(kRing, {.policy = Policy::lossy, .start = Start::at(2)}); break;
    }
    page_->restore();
    events_->restore();
    consumers_->restore();
  }

 private:
  // Nowhere else than where this target's journal is: a forged page can name any place of this machine. And not with
  // segments that would fill its memory.
  void run_the_journal(const Input& input) {
    if (input.file.size() < sizeof(core::JournalPage)) return;
    core::JournalPage page;
    std::memcpy(static_cast<void*>(&page), input.file.data(), sizeof page);
    const auto& sound = *reinterpret_cast<const core::JournalPage*>(images_[0].file.data());
    const std::uint64_t segment_bytes = page.segment_bytes.load_relaxed();  // relaxed: a copy of this thread's own
    const bool own_journal = page.directory == sound.directory;
    if (!own_journal || (segment_bytes > (1 << 20) && segment_bytes < std::uint64_t{1} << 50)) return;
    take_over(kRing);
    std::filesystem::remove_all(journal_);
    std::filesystem::copy(kept_, journal_, std::filesystem::copy_options::recursive);
  }

  std::string journal_;
  std::string kept_;
  std::unique_ptr<MappedFile> page_;
  std::unique_ptr<MappedFile> events_;
  std::unique_ptr<MappedFile> consumers_;
  std::vector<Image> images_;
};

}  // namespace

Target& target() {
  static RingJournalPage page;
  return page;
}

}  // namespace ringbolt::fuzz
