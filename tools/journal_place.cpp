#include "journal_place.hpp"

#include <ringbolt/ipc/stat.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

bool holds_segment(const std::string& directory) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".segment") return true;
  }
  return false;
}

bool is_ring(const std::string& name) {
  try {
    return !stat_ring(name).path.empty();
  } catch (const Error& error) {
    return error.code() != Code::not_found && error.code() != Code::bad_name;
  }
}

}  // namespace

bool is_journal(const std::string& name) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(name, ignored)) return false;
  if (name.find('/') == std::string::npos) return holds_segment(name) && !is_ring(name);
  return holds_segment(name) || !std::filesystem::exists(name + "/events", ignored);
}

std::string journal_directory(const std::string& name) {
  if (is_journal(name)) return name;
  const RingStat stat = stat_ring(name);
  if (!stat.journal) {
    throw Failure(kNotFound,
                  fmt::format("ring {} has no journal; `ringbolt pub {} --journal DIR` gives it one", name, name));
  }
  return stat.journal->directory;
}

RangeReader::RangeReader(const std::string& directory, const JournalRange& range) : reader_(JournalReader::open(directory)) {
  below_ = reader_.newest_sequence() + 1;
  if (range.to && range.to->kind == Start::Kind::sequence) below_ = std::min(below_, range.to->value + 1);
  if (range.to && range.to->kind == Start::Kind::time) below_ = std::min(below_, reader_.seek_time(range.to->value));
  std::uint64_t first = reader_.oldest_sequence();
  if (range.from && range.from->kind == Start::Kind::sequence) first = std::max(first, range.from->value);
  if (range.from && range.from->kind == Start::Kind::time) first = reader_.seek_time(range.from->value);
  if (first < below_) {
    reader_.seek(first);
    all_ = below_ - first;
  } else {
    below_ = 0;
  }
}

Status RangeReader::next(Event& event) {
  if (reader_.next_sequence() >= below_) return Status::empty;
  const Status status = reader_.next(event, below_);
  if (status == Status::gap) {
    gap_ = reader_.last_gap();
    gap_.last = std::min(gap_.last, below_ - 1);
    done_ += gap_.count();
  }
  if (status == Status::ok) ++done_;
  return status;
}

void Progress::show(const char* what, std::uint64_t done, std::uint64_t all) {
  constexpr std::int64_t step_ns = 200'000'000;
  if (!stderr_is_terminal() || all == 0) return;
  const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  if (next_ns_ == 0) next_ns_ = now + step_ns;  // short work shows nothing
  if (now < next_ns_) return;
  next_ns_ = now + step_ns;
  shown_ = true;
  constexpr std::uint64_t width = 30;
  const auto full = static_cast<std::size_t>(static_cast<double>(done) / static_cast<double>(all) * width);
  show_progress(fmt::format("{} [{:<{}}] {:.0f} %", what, std::string(std::min<std::size_t>(full, width), '#'), width,
                            100.0 * static_cast<double>(done) / static_cast<double>(all)));
}

Progress::~Progress() {
  if (shown_) wipe_progress();
}

}  // namespace ringbolt::command
