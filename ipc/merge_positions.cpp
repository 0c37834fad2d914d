#include <ringbolt/ipc/consumer.hpp>
#include <ringbolt/ipc/journal_reader.hpp>
#include <ringbolt/ipc/merge_positions.hpp>
#include <ringbolt/ipc/stat.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace ringbolt::ipc {

namespace {

constexpr std::size_t kIdDigits = 32;
constexpr std::uint64_t kFirstLookBack = 1'024;  // events of the journal
constexpr std::uint64_t kLookBackFactor = 8;

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Reads the journal from further and further back until a table is met. The oldest event that was read; 0: there is none.
std::uint64_t take_journal(const std::string& directory, MergePositions& positions) {
  std::optional<JournalReader> reader;
  try {
    reader = JournalReader::open(directory);
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
    return 0;  // nothing was ever recorded
  }
  const std::uint64_t newest = reader->newest_sequence();
  const std::uint64_t oldest = reader->oldest_sequence();
  if (newest == 0) return 0;
  for (std::uint64_t back = kFirstLookBack;; back *= kLookBackFactor) {
    const std::uint64_t from = newest > back ? std::max(oldest, newest - back + 1) : oldest;
    positions = {};
    reader->seek(from);
    Event event;
    for (Status status = reader->next(event); status != Status::empty; status = reader->next(event)) {
      if (status == Status::ok) positions.take(event);
    }
    if (positions.complete() || from <= oldest) return from;
  }
}

}  // namespace

void MergePositions::take(const Event& event) {
  if (event.attributes_bytes == 0) return;
  const Attributes attributes = event.attributes();
  const auto source = attributes.find(core::name_of(KnownAttribute::merge_ring));
  const auto sequence = attributes.find(core::name_of(KnownAttribute::merge_sequence));
  if (!source || !sequence) return;
  if (const auto number = number_in(*sequence)) positions_[std::string(*source)].sequence = *number;
  if (const auto table = attributes.find(core::name_of(KnownAttribute::merge_positions))) take_table(*table);
}

void MergePositions::take_table(std::string_view table) {
  while (!table.empty()) {
    const std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(line.size() + 1, table.size()));
    const std::size_t before_number = line.rfind(' ');
    if (before_number == std::string_view::npos || before_number < kIdDigits + 2) continue;
    const auto number = number_in(line.substr(before_number + 1));
    const std::size_t before_id = before_number - kIdDigits - 1;
    if (!number || line[before_id] != ' ') continue;
    set(std::string(line.substr(0, before_id)), std::string(line.substr(before_id + 1, kIdDigits)), *number);
  }
  complete_ = true;
}

const MergePosition* MergePositions::find(const std::string& source) const {
  const auto found = positions_.find(source);
  return found == positions_.end() ? nullptr : &found->second;
}

void MergePositions::set(const std::string& source, const std::string& ring_id, std::uint64_t sequence) {
  positions_[source] = {ring_id, sequence};
}

std::string MergePositions::table() const {
  std::string text;
  for (const auto& [source, position] : positions_) {
    std::string id = position.ring_id;
    id.resize(kIdDigits, '0');
    text += source + ' ' + id + ' ' + std::to_string(position.sequence) + '\n';
  }
  return text;
}

// The ring first: it has the end of the stream. Tables lie so close that a ring through which only merges went has one between its
// oldest place to start from and its end, unless it has hardly any event: then the journal goes back further.
MergePositions find_merge_positions(const Publisher& output, bool start_over) {
  const RingStat stat = stat_ring(output.name());
  MergePositions positions;
  std::uint64_t oldest = 0;  // that was seen
  const auto take_ring = [&] {
    auto consumer = Consumer::attach(output.name(), {.policy = Policy::lossy, .start = Start::earliest, .read = Read::copy});
    Event event;
    for (Status status = consumer.try_next(event); status != Status::empty && status != Status::closed;
         status = consumer.try_next(event)) {
      if (status != Status::ok) continue;
      if (oldest == 0) oldest = event.sequence;
      positions.take(event);
    }
  };
  take_ring();
  bool journal_goes_back = false;  // further than the ring does
  if (!positions.complete() && stat.journal) {
    const std::uint64_t in_journal = take_journal(stat.journal->directory, positions);
    journal_goes_back = in_journal != 0;
    oldest = in_journal;
    take_ring();  // what the journal has not recorded yet
  }
  const bool any = output.next_sequence() > stat.first_sequence || journal_goes_back;
  const bool seen_all = oldest == 1 || (oldest == stat.first_sequence && !journal_goes_back);
  if (any && !positions.complete() && !seen_all && !start_over) {
    throw Error(Code::bad_option,
                "cannot merge into ring '" + output.name() +
                    "': it has had events, and none that is left says how far its sources were merged; choose "
                    "another output, or begin again (.start_over, --start-over)");
  }
  return positions;
}

}  // namespace ringbolt::ipc
