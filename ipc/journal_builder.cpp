#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_builder.hpp>
#include <ringbolt/ipc/journal_log.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

struct JournalBuilder::Impl {
  Impl(const std::string& path, std::uint64_t segment_bytes) : directory(path) {
    std::error_code error;
    existed = std::filesystem::exists(path, error);
    if (existed && !(std::filesystem::is_directory(path, error) && std::filesystem::is_empty(path, error))) {
      throw Error(Code::already_exists,
                  "cannot write a journal to " + path + ": there is something already: choose a new directory");
    }
    LogOptions options;
    if (segment_bytes != 0) options.segment_bytes = segment_bytes;
    try {
      storage = open_directory(path, true);
      log.emplace(*storage, options);
    } catch (...) {
      remove();
      throw;
    }
  }
  ~Impl() {
    log.reset();
    if (!finished) remove();
  }
  void remove() const noexcept {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored))
      std::filesystem::remove_all(entry.path(), ignored);
    if (!existed) std::filesystem::remove(directory, ignored);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void check(int error) const {
    if (error == 0) return;
    throw Error(error == ENOSPC || error == EDQUOT ? Code::no_space : Code::system,
                "cannot write the journal " + directory + ": " + std::strerror(error) +
                    ": make room there, or choose another directory",
                error);
  }

  void begin(const JournalRecord& event) {
    if (epoch) check(log->write());
    check(log->begin_epoch(event.ring_id, event.sequence));
    epoch = event.epoch;
  }

  std::string directory;
  bool existed = false;
  bool finished = false;
  std::unique_ptr<Storage> storage;
  std::optional<JournalLog> log;
  std::optional<std::uint64_t> epoch;  // as the source counts them
  std::uint64_t last = 0;
  std::uint64_t events = 0;
};

JournalBuilder::JournalBuilder(const std::string& directory, std::uint64_t segment_bytes)
    : impl_(std::make_unique<Impl>(directory, segment_bytes)) {}
JournalBuilder::JournalBuilder(JournalBuilder&&) noexcept = default;
JournalBuilder& JournalBuilder::operator=(JournalBuilder&&) noexcept = default;
JournalBuilder::~JournalBuilder() = default;

void JournalBuilder::add(const JournalRecord& event) {
  Impl& self = *impl_;
  if (event.sequence <= self.last || event.sequence == ~std::uint64_t{0}) {
    throw Error(Code::bad_option, "cannot add event " + std::to_string(event.sequence) + " to " + self.directory +
                                      " behind event " + std::to_string(self.last) + ": sequences have to ascend");
  }
  if (self.epoch != event.epoch || self.last + 1 != event.sequence) self.begin(event);
  core::Record record;
  record.sequence = event.sequence;
  record.timestamp_ns = event.timestamp_ns;
  record.size = static_cast<std::uint32_t>(event.payload.size());
  record.type = event.type;
  record.flags = event.flags;
  record.payload = event.payload.data();
  while (!self.log->stage(record)) self.check(self.log->write());
  self.last = event.sequence;
  ++self.events;
}

void JournalBuilder::finish() {
  Impl& self = *impl_;
  if (self.epoch) {
    self.check(self.log->write());
    self.check(self.log->sync());
    self.check(self.log->note_durable_point());
  }
  self.finished = true;
}

std::uint64_t JournalBuilder::events() const noexcept { return impl_->events; }
std::array<std::uint64_t, 2> JournalBuilder::id() const noexcept { return impl_->log->id(); }

}  // namespace ringbolt
