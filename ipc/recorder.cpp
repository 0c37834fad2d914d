#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/probe.hpp>
#include <ringbolt/ipc/recorder.hpp>

#include <algorithm>

namespace ringbolt::ipc {
namespace {

constexpr std::uint64_t kMostInARound = std::uint64_t{4} << 20;      // bytes, so that a sync is never far
constexpr std::uint64_t kNoteDurableEvery = std::uint64_t{8} << 20;  // bytes: what recovery has to read and write again

}  // namespace

Recorder::Recorder(const core::Reader& reader, JournalLog& log, const JournalOptions& options) noexcept
    : reader_(reader),
      log_(&log),
      policy_(options.sync),
      interval_ns_(static_cast<std::uint64_t>(options.interval.count())),
      interval_bytes_(options.interval_bytes),
      safe_(reader.place()) {}

Recorder::Did Recorder::round(std::uint64_t now_ns) {
  if (failed_) {
    if (const int error = log_->begin_again(); error != 0) return fail(error);
    if (log_->safe_sequence() + 1 != safe_.sequence) {
      throw Error(Code::damaged, "the journal goes on with event " + std::to_string(log_->safe_sequence() + 1) +
                                     " and the ring with " + std::to_string(safe_.sequence));
    }
    reader_.go_to(safe_);  // still in the ring: the gate stands there
    failed_ = false;
    error_ = 0;
  }
  const std::uint64_t began = reader_.place().position;
  core::Record record;
  bool more = true;
  while (more && reader_.place().position - began < kMostInARound) {
    switch (reader_.peek(record)) {
      case core::ReadStatus::event:
        if (log_->stage(record)) {
          reader_.advance(record);
        } else if (const int error = write(); error != 0) {
          return fail(error);
        }
        continue;
      case core::ReadStatus::empty: more = false; continue;
      case core::ReadStatus::evicted:
      case core::ReadStatus::overrun:
        throw Error(Code::evicted, "the journal's gate was taken away while it ran: events may have gone unrecorded");
      case core::ReadStatus::corrupt:
        throw Error(Code::damaged, "the ring is damaged: at position " + std::to_string(reader_.place().position) +
                                       ", where event " + std::to_string(reader_.place().sequence) +
                                       " should begin, is something else");
    }
  }
  if (const int error = write(); error != 0) return fail(error);
  const bool recorded = reader_.place().position != began;
  if (!unsynced()) {
    unsynced_since_ns_ = 0;
    return recorded ? Did::recorded : Did::nothing;
  }
  if (unsynced_since_ns_ == 0) unsynced_since_ns_ = now_ns;
  if (due_in_ns(now_ns) != 0) return recorded ? Did::recorded : Did::nothing;
  return finish();
}

Recorder::Did Recorder::finish() {
  if (failed_) return Did::failed;
  if (!unsynced()) return Did::nothing;
  RINGBOLT_PROBE(sync_begin, log_->written_sequence());
  const int error = log_->sync();
  RINGBOLT_PROBE(sync_end, log_->durable_sequence(), error);
  if (error != 0) return fail(error);
  ++syncs_;
  unsynced_since_ns_ = 0;
  note_progress();
  if (log_->bytes_behind_durable_point() >= kNoteDurableEvery) static_cast<void>(log_->note_durable_point());
  return Did::recorded;
}

std::uint64_t Recorder::due_in_ns(std::uint64_t now_ns) const noexcept {
  if (policy_ == Sync::none || unsynced_since_ns_ == 0) return ~std::uint64_t{0};
  if (policy_ == Sync::every || log_->unsynced_bytes() >= interval_bytes_) return 0;
  const std::uint64_t waited = now_ns - std::min(now_ns, unsynced_since_ns_);
  return waited >= interval_ns_ ? 0 : interval_ns_ - waited;
}

bool Recorder::published() const noexcept {
  core::Record record;
  return reader_.peek(record) != core::ReadStatus::empty;
}

bool Recorder::unsynced() const noexcept {
  return policy_ != Sync::none && log_->written_sequence() > log_->durable_sequence();
}

int Recorder::write() {
  const int error = log_->write();
  note_progress();  // also of a write that failed: it may have synced all it had before it could not begin the next segment
  return error;
}

// A write that began a new segment has synced the old one.
void Recorder::note_progress() noexcept {
  if (log_->safe_sequence() + 1 == reader_.place().sequence) safe_ = reader_.place();
}

Recorder::Did Recorder::fail(int error) noexcept {
  failed_ = true;
  error_ = error;
  ++failures_;
  unsynced_since_ns_ = 0;
  return Did::failed;
}

}  // namespace ringbolt::ipc
