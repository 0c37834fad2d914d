// The index of a segment: advisory, so whatever it says, a reader gives the events that are there.
#include <ringbolt/ipc/error.hpp>

#include <cstring>

#include "fuzz/journals.hpp"

namespace ringbolt::fuzz {
namespace {

constexpr std::uint64_t kEvents = 200;

class JournalIndex final : public Target {
 public:
  // Segments with some entries each.
  JournalIndex()
      : directory_(place() + "/journal",
                   make_journal({.segment_bytes = 256 << 10, .lives = 1, .events = kEvents, .size = 4'000})) {
    for (const auto& [name, bytes] : directory_.sound()) {
      if (!name.ends_with(".index")) continue;
      names_.push_back(name);
      Image image{bytes, {}};
      for (std::uint32_t at = 0; at < bytes.size(); at += 8) image.hot.push_back(at);
      images_.push_back(std::move(image));
    }
    require(!images_.empty() && images_[0].file.size() >= sizeof(core::IndexHeader) + 3 * sizeof(core::IndexEntry),
            "an index has some entries");
  }

  [[nodiscard]] const std::vector<Image>& images() const override { return images_; }

  void repair(Bytes& file) const override {
    if (file.size() < sizeof(core::IndexHeader)) return;
    core::IndexHeader header{};
    std::memcpy(&header, images_[0].file.data(), sizeof header);
    std::memcpy(&header.first_sequence, file.data() + offsetof(core::IndexHeader, first_sequence), 8);
    header.entries = (file.size() - sizeof header) / sizeof(core::IndexEntry);
    header.entries_checksum = ipc::crc32c(std::span(file).subspan(sizeof header, header.entries * sizeof(core::IndexEntry)));
    header.checksum = ipc::struct_checksum(header);
    std::memcpy(file.data(), &header, sizeof header);
  }

  void run(const Input& input) override {
    const std::string& name = names_[input.image];
    directory_.set(name, input.file);
    JournalReader reader = JournalReader::open(directory_.path());
    const std::uint64_t wanted = input.what % 128 * 2 + 1;
    if (input.what < 128) {
      reader.seek(wanted);
    } else {
      const std::uint64_t found = reader.seek_time(wanted * 1'000);
      require(found == std::min(wanted, kEvents + 1), "a time is found whatever the index says", found);
    }
    JournalWatcher watcher(false, reader.next_sequence());
    Event event;
    for (int i = 0; i < 3 && reader.next(event) == Status::ok; ++i) watcher.event(event.sequence, event.payload);
    require(wanted > kEvents || watcher.events() != 0, "events are found whatever the index says", wanted);
    directory_.set(name, directory_.sound().at(name));
  }

 private:
  JournalDirectory directory_;
  std::vector<std::string> names_;
  std::vector<Image> images_;
};

}  // namespace

Target& target() {
  static JournalIndex index;
  return index;
}

}  // namespace ringbolt::fuzz
