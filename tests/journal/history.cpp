#include "history.hpp"

#include <ringbolt/ipc/error.hpp>

#include <algorithm>
#include <cerrno>

namespace ringbolt::ipc::test {
namespace {

constexpr int kAttempts = 8;  // more than the faults that are ever planned at once

LogOptions draw_options(Random& random) {
  return {.segment_bytes = core::kMinSegmentBytes * random.between(1, 4),
          .syncs = !random.one_in(6),
          .zero_ahead = random.one_in(3),
          .threads = false,
          .buffer_bytes = std::size_t{256} << random.below(4)};
}

}  // namespace

History::History(std::uint64_t seed, Totals& totals)
    : random_(seed),
      totals_(&totals),
      options_(draw_options(random_)),
      hasty_(random_.one_in(4)),
      faults_(!hasty_ && !random_.one_in(4)),
      images_each_(random_.between(1, hasty_ ? 16 : 6)),
      most_in_group_(std::uint64_t{2} << (hasty_ ? random_.between(3, 4) : random_.below(5))),
      sync_one_in_(hasty_ ? 6 : random_.between(1, 4)),
      branch_(random_.one_in(2) ? 1 : random_.between(2, 100'000),
              hasty_ ? Sizes::same : static_cast<Sizes>(random_.below(4)), random_.next()),
      disks_{SimDisk(random_.next()), SimDisk(random_.next())},
      image_(random_.next()),
      second_image_(random_.next()) {
  ++totals.histories;
}

History::~History() { log_.reset(); }

std::string History::run() {
  const std::uint64_t lives = hasty_ ? random_.between(8, 24) : random_.between(2, 7);
  for (std::uint64_t life = 0; life < lives && !broken(); ++life) {
    ++totals_->lives;
    live();
  }
  for (const SimDisk& disk : disks_) {
    totals_->syncs_failed += disk.syncs_failed();
    totals_->other_faults += disk.faults_met() - disk.syncs_failed();
  }
  return violation_;
}

void History::break_promise(const std::string& what) {
  if (!violation_.empty()) return;
  violation_ = what + " (" + (options_.syncs ? "synced" : "never synced") + ", segments of " +
               std::to_string(options_.segment_bytes) + " bytes" + (opening_ ? ", while opening" : "") + ")";
}

// ---- images ---------------------------------------------------------------------------------------------------------------

void History::before(Call /*call*/) { draw_images(); }

void History::draw_images() {
  if (broken()) return;
  const bool many = disks_[disk_].anything_unsynced();
  for (std::uint64_t i = 0; i < (many ? images_each_ : 1) && !broken(); ++i) {
    if (!many && !random_.one_in(8)) return;
    disks_[disk_].cut_power(random_, image_);
    check_image();
  }
}

void History::check_image() {
  ++totals_->images;
  if (opening_) ++totals_->cuts_in_recovery;
  try {
    const JournalLog log(image_, options_);
    const Recovered& found = log.recovered();
    if (found.torn) ++totals_->torn;
    if (std::string wrong = branch_.check(image_, found.next_sequence); !wrong.empty())
      return break_promise("after a power cut: " + wrong);
    if (!random_.one_in(16)) return;
    // What was recovered is durable: a second cut changes nothing.
    ++totals_->images;
    ++totals_->second_cuts;
    image_.cut_power(random_, second_image_);
    const JournalLog again(second_image_, options_);
    if (again.recovered().torn) ++totals_->torn;
    if (again.recovered().next_sequence != found.next_sequence)
      break_promise("a second power cut after recovery took back events");
  } catch (const Error& error) {
    break_promise(std::string("opening after a power cut was refused: ") + error.what());
  }
}

// ---- a life ---------------------------------------------------------------------------------------------------------------

void History::live() {
  disks_[disk_].watch(this);
  opening_ = true;
  bool alive = open();
  opening_ = false;
  for (std::uint64_t actions = random_.between(1, hasty_ ? 3 : 30); actions > 0 && alive; --actions) alive = act();
  end(alive);
}

bool History::open() {
  SimDisk& disk = disks_[disk_];
  if (faults_ && random_.one_in(4)) plan_fault();
  if (random_.one_in(4)) disk.kill_at(random_.between(1, 12));
  if (random_.one_in(12)) options_.syncs = !options_.syncs;
  const std::uint64_t faults = disk.faults_met();
  try {
    log_ = std::make_unique<JournalLog>(disk, options_);
  } catch (const Error& error) {
    if (!disk.dead() && disk.faults_met() == faults) break_promise(std::string("opening was refused: ") + error.what());
    return false;
  }
  const Recovered recovered = log_->recovered();
  if (!broken()) adopt(recovered);
  return !broken() && begin_epoch(recovered);
}

// What recovery found is what there is from here on.
void History::adopt(const Recovered& recovered) {
  const std::uint64_t next = recovered.empty ? branch_.first() : recovered.next_sequence;
  if (std::string wrong = branch_.check(disks_[disk_], recovered.next_sequence); !wrong.empty())
    return break_promise("after opening: " + wrong);
  if (next <= written_ && !recovered.empty) return break_promise("a process crash lost event " + std::to_string(next));
  if (new_ring_) branch_.cut(next);
  new_ring_ = false;
  branch_.durable = std::max(branch_.durable, next - 1);
  branch_.written = written_ = next - 1;
}

bool History::begin_epoch(const Recovered& recovered) {
  const std::uint64_t next = recovered.empty ? branch_.first() : recovered.next_sequence;
  std::uint64_t first = branch_.recorded_from(next);
  if (!recovered.empty && random_.one_in(hasty_ ? 2 : 10)) first += hasty_ ? 1 : random_.between(1, 3);  // it was detached
  branch_.go_on_at(next - 1, first);
  branch_.written = first - 1;
  const std::array<std::uint64_t, 2> ring{random_.next(), random_.next()};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int error = log_->begin_epoch(ring, first);
    if (broken() || disks_[disk_].dead()) return false;
    if (error != 0) continue;
    branch_.begun = true;
    observe();
    written_ = first - 1;
    return true;
  }
  break_promise("begin_epoch does not heal");
  return false;
}

// One thing that the journal's owner, the disk or fate does. False: this life is over.
bool History::act() {
  SimDisk& disk = disks_[disk_];
  if (faults_ && random_.one_in(8)) plan_fault();
  if (random_.one_in(24)) disk.kill_at(random_.between(1, 10));
  if (random_.one_in(5)) disk.write_back();
  if (random_.one_in(12)) static_cast<void>(log_->note_durable_point());
  return publish(random_.between(1, most_in_group_)) && !broken() && !disk.dead();
}

// A group: all that has come meanwhile is staged, written, and, often enough, synced.
bool History::publish(std::uint64_t events) {
  const std::uint64_t last = log_->staged_sequence() + events;
  const bool syncs = options_.syncs && random_.one_in(sync_one_in_);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    int error = 0;
    while (error == 0 && !broken() && log_->staged_sequence() < last) error = hand_over(log_->staged_sequence() + 1);
    if (error == 0) error = log_->write();
    if (error == 0 && !broken()) {
      observe();
      written_ = log_->written_sequence();
      if (syncs) error = log_->sync();
    }
    observe();
    if (broken() || disks_[disk_].dead()) return false;
    if (error == 0) return true;
    if (!begin_again()) return false;
  }
  break_promise("publishing does not heal");
  return false;
}

int History::hand_over(std::uint64_t sequence) {
  const core::Record record = branch_.event(sequence);
  branch_.written = std::max(branch_.written, sequence);
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (log_->stage(record)) return 0;
    if (const int error = log_->write(); error != 0 || broken()) return error;
    observe();
    written_ = log_->written_sequence();
  }
  break_promise("event " + std::to_string(sequence) + " cannot be staged");
  return 0;
}

// Also a death right after the failure, with a page cache that shows what the disk does not have.
bool History::begin_again() {
  if (random_.one_in(4)) return false;
  written_ = std::min(written_, log_->safe_sequence());
  if (log_->safe_sequence() < branch_.durable) break_promise("a failure took the durable mark back");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int error = log_->begin_again();
    if (broken() || disks_[disk_].dead()) return false;
    observe();
    if (error == 0) return true;
  }
  break_promise("begin_again does not heal");
  return false;
}

void History::observe() {
  const std::uint64_t durable = log_->durable_sequence();
  if (durable < branch_.durable) break_promise("the durable mark went back to " + std::to_string(durable));
  if (durable > branch_.written) break_promise("event " + std::to_string(durable) + " is durable and was never written");
  branch_.durable = durable;
}

void History::plan_fault() {
  struct Kind {
    Call call;
    int error;
  };
  constexpr std::array<Kind, 9> kinds{{{Call::sync, EIO},
                                       {Call::sync, EIO},
                                       {Call::sync, EIO},
                                       {Call::write, EIO},
                                       {Call::write, ENOSPC},
                                       {Call::create, ENOSPC},
                                       {Call::allocate, ENOSPC},
                                       {Call::rename, EIO},
                                       {Call::sync_directory, EIO}}};
  const Kind kind = kinds[random_.below(kinds.size())];
  disks_[disk_].fail(kind.call, random_.below(4), kind.error, random_.one_in(4) ? 2 : 1);
}

// ---- the end of a life ------------------------------------------------------------------------------------------------------

void History::end(bool alive) {
  if (log_) totals_->rolls += log_->segments_begun();
  const End how = hasty_ && random_.one_in(2) ? End::power_cut : static_cast<End>(random_.below(3));
  if (how == End::clean && alive) end_cleanly();
  draw_images();
  log_.reset();
  if (how == End::power_cut) {
    cut_power();
  } else {
    crash();
  }
}

// Everything is durable and readable.
void History::end_cleanly() {
  disks_[disk_].heal();
  if (!publish(1)) return;
  if (options_.syncs) {
    if (log_->sync() != 0) return break_promise("a sync fails on a disk that is well");
    observe();
    if (log_->durable_sequence() != log_->staged_sequence()) return break_promise("a sync left something out");
  }
  if (log_->note_durable_point() != 0) return break_promise("the durable point cannot be written on a disk that is well");
  if (std::string wrong = branch_.check(disks_[disk_], log_->staged_sequence() + 1); !wrong.empty())
    break_promise("after a clean end: " + wrong);
}

void History::crash() {
  ++totals_->kills;
  disks_[disk_].restart();
  if (random_.one_in(4)) new_ring_ = true;
}

void History::cut_power() {
  ++totals_->power_cuts;
  disks_[disk_].cut_power(random_, disks_[1 - disk_]);
  disks_[disk_].watch(nullptr);
  disk_ = 1 - disk_;
  written_ = 0;
  new_ring_ = true;
}

}  // namespace ringbolt::ipc::test
