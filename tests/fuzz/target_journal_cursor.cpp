// A cursor beside a journal: three copies, of which the newest that holds together counts.
#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_cursor.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>

#include "fuzz/journals.hpp"

namespace ringbolt::fuzz {
namespace {

constexpr std::uint64_t kFirst = 10;  // what was committed, in turn
constexpr std::uint64_t kLast = 14;

class JournalCursorTarget final : public Target {
 public:
  JournalCursorTarget() : directory_(place() + "/journal", make_journal({.lives = 1})), id_(id_of(directory_)) {
    {
      ipc::ForkGuard guard;
      auto file = ipc::CursorFile::open(directory_.path(), "billing", id_, guard);
      for (std::uint64_t sequence = kFirst; sequence <= kLast; ++sequence) file.store({kRingId, 1, sequence});
    }
    const std::string path = directory_.path() + "/cursors/billing";
    Image image{Bytes(core::kCursorFileBytes), {}};
    std::ifstream(path, std::ios::binary)
        .read(reinterpret_cast<char*>(image.file.data()), static_cast<std::streamsize>(image.file.size()));
    for (std::uint32_t copy = 0; copy < core::kCursorCopies; ++copy) {
      for (std::uint32_t at = 0; at < sizeof(core::CursorCopy); at += 8)
        image.hot.push_back(copy * static_cast<std::uint32_t>(core::kCopyDistance) + at);
    }
    images_.push_back(std::move(image));
  }

  [[nodiscard]] const std::vector<Image>& images() const override { return images_; }

  void repair(Bytes& file) const override {
    for (std::size_t at = 0; at + sizeof(core::CursorCopy) <= file.size(); at += core::kCopyDistance) {
      core::CursorCopy copy{};
      std::memcpy(&copy, file.data() + at, sizeof copy);
      copy.magic = core::kCursorMagic;
      copy.version = core::kJournalVersion;
      copy.byte_order = core::kByteOrderMark;
      copy.checksum = ipc::struct_checksum(copy);
      std::memcpy(file.data() + at, &copy, sizeof copy);
    }
  }

  void run(const Input& input) override {
    const std::string& journal = directory_.path();
    directory_.set("cursors/billing", input.file);
    const auto cursor = ipc::read_cursor(journal, "billing");
    if (cursor && !input.repaired)
      require(cursor->sequence >= kFirst && cursor->sequence <= kLast, "a cursor is one that was stored", cursor->sequence);
    static_cast<void>(ipc::list_cursors(journal));
    try {
      switch (input.what % 4) {
        case 0: static_cast<void>(verify_journal(journal)); break;
        case 1: store(journal, cursor); break;
        case 2: JournalCursor::open(journal, "billing").commit(20, kRingId, 1); break;
        default: ipc::forget_cursor(journal, "billing"); break;
      }
    } catch (const Error& error) {
      require(error.what()[0] != '\0', "an Error has a sentence");
    }
  }

 private:
  static ipc::JournalId id_of(const JournalDirectory& directory) {
    core::SegmentHeader header{};
    std::memcpy(&header, directory.sound().at(ipc::segment_name(1)).data(), sizeof header);
    return header.journal_id;
  }

  void store(const std::string& journal, const std::optional<ipc::Cursor>& before) const {
    ipc::ForkGuard guard;
    auto file = ipc::CursorFile::open(journal, "billing", id_, guard);
    const auto opened = file.read();
    require(opened.has_value() == before.has_value() && (!opened || opened->sequence == before->sequence),
            "its owner reads what others read");
    file.store({kRingId, 2, 100});
    require(file.read().value_or(ipc::Cursor{}).sequence == 100, "what was stored is read");
    file.sync();
  }

  JournalDirectory directory_;
  ipc::JournalId id_;
  std::vector<Image> images_;
};

}  // namespace

Target& target() {
  static JournalCursorTarget cursor;
  return cursor;
}

}  // namespace ringbolt::fuzz
