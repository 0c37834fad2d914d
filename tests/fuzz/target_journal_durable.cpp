// The durable point: where recovery begins to believe. Two copies.
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_scan.hpp>

#include <cstring>

#include "fuzz/journals.hpp"

namespace ringbolt::fuzz {
namespace {

// Every event that counts, in order.
class Counter final : public ipc::ScanVisitor {
 public:
  bool on_record(const JournalRecord& record) override {
    if (record.kind != JournalRecord::Kind::event || !record.counts) return true;
    require(is_payload_of(record.payload, record.sequence), "an event is what was written", record.sequence);
    ++events_;
    return true;
  }
  [[nodiscard]] std::uint64_t events() const { return events_; }

 private:
  std::uint64_t events_ = 0;
};

class JournalDurable final : public Target {
 public:
  JournalDurable() : files_(make_journal({.events = 12})) {
    Image image{files_.at("durable"), {}};
    for (std::uint32_t at = 0; at < sizeof(core::DurablePoint); at += 8) {
      image.hot.push_back(at);
      image.hot.push_back(static_cast<std::uint32_t>(core::kCopyDistance) + at);
    }
    images_.push_back(std::move(image));
  }

  [[nodiscard]] const std::vector<Image>& images() const override { return images_; }

  void repair(Bytes& file) const override {
    for (std::size_t at = 0; at + sizeof(core::DurablePoint) <= file.size(); at += core::kCopyDistance) {
      core::DurablePoint copy{};
      std::memcpy(&copy, file.data() + at, sizeof copy);
      copy.magic = core::kDurableMagic;
      copy.version = core::kJournalVersion;
      copy.byte_order = core::kByteOrderMark;
      copy.checksum = ipc::struct_checksum(copy);
      std::memcpy(file.data() + at, &copy, sizeof copy);
    }
  }

  void run(const Input& input) override {
    Files files = files_;
    files["durable"] = input.file;
    MemoryStorage storage(files);
    try {
      Counter counter;
      ipc::JournalScan(storage, counter).run();
      require(counter.events() == 24, "a durable point takes no event away from a scan", counter.events());
    } catch (const Error& error) {
      require(error.what()[0] != '\0', "an Error has a sentence");
    }
    if (input.what % 2 == 0) return;
    try {
      const std::uint64_t last = live_on(storage, {.lives = 1, .events = 2});
      if (!input.repaired) require(last == 26, "a journal goes on behind its last event", last);
    } catch (const Error& error) {
      require(error.what()[0] != '\0', "an Error has a sentence");
    }
  }

 private:
  Files files_;
  std::vector<Image> images_;
};

}  // namespace

Target& target() {
  static JournalDurable durable;
  return durable;
}

}  // namespace ringbolt::fuzz
