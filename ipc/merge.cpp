// Why nothing is merged twice or passed over. An event of a source and what says that it was merged are one record of the output,
// which is there whole or not at all. Whoever opens the output as its publisher is alone, reads it to its end, and so knows the
// newest number of each source; it attaches behind that. The output's tables lie at most a quarter of the ring apart, from where one
// begins to where the next one does: an event gets one if it ends more than an eighth behind the last one's beginning, and an event
// is at most a quarter. A ring can be read from at least three eighths before its end (capacity, less the largest record and a
// sixteenth announced, less as much between two checkpoints), so there is always one in it.
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/merge.hpp>
#include <ringbolt/ipc/merge_positions.hpp>
#include <ringbolt/ipc/stat.hpp>
#include <ringbolt/ipc/system.hpp>

#include <poll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <optional>
#include <set>
#include <utility>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

constexpr std::uint64_t kTableShare = 8;  // of the ring: an event that ends so far behind the last table gets one
constexpr std::size_t kDigits = 20;       // of the largest sequence
constexpr auto kSlice = std::chrono::milliseconds(100);

bool is_of_merge(std::string_view name) {
  return name == core::name_of(KnownAttribute::merge_ring) || name == core::name_of(KnownAttribute::merge_sequence) ||
         name == core::name_of(KnownAttribute::merge_positions);
}

[[noreturn]] void refuse(std::string_view output, const std::string& why) {
  throw Error(Code::bad_option, "cannot merge into ring '" + std::string(output) + "': " + why);
}

}  // namespace

struct Merge::Impl {
  struct Source {
    MergeSource told;
    Consumer consumer;
    Event head{};  // read, and not in the output yet
    bool has_head = false;
    bool asked = false;  // in this round
    bool uncommitted = false;
  };

  Impl(std::string_view output_name, const MergeOptions& with)
      : options(with),
        output(Publisher::open(output_name, with.output)),
        positions(find_merge_positions(output, with.start_over)) {}

  void attach(const std::string& name) {
    const RingStat stat = stat_ring(name);
    const MergePosition* const position = positions.find(name);
    Start start = options.start;
    bool anew = false;
    std::uint64_t sequence = 0;
    if (position != nullptr) {
      // A ring with another id goes on behind the one that had its name if its numbers do: a journal made one stream of them.
      anew = !position->ring_id.empty() && position->ring_id != stat.ring_id && stat.first_sequence <= position->sequence;
      sequence = anew ? 0 : position->sequence;
      start = anew ? Start::earliest : Start::at(sequence + 1);
    }
    Consumer consumer = Consumer::attach(
        name,
        {.name = options.name, .policy = options.policy, .budget = options.budget, .start = start, .read = Read::copy});
    if (stat_ring(name).ring_id != stat.ring_id) refuse(output.name(), name + " was made anew at this moment: try again");
    if (anew) notice({.source = name, .anew = true});
    sources.push_back(
        {.told = {.name = name, .ring_id = stat.ring_id, .sequence = sequence}, .consumer = std::move(consumer)});
    positions.set(name, stat.ring_id, sequence);
  }

  void notice(const MergeNotice& what) const {
    if (options.on_notice) options.on_notice(what);
  }

  // Reads the next event of a source, if it is there. True if there is one now.
  bool fill(Source& source) {
    while (!source.has_head) {
      switch (source.consumer.try_next(source.head)) {
        case Status::ok: source.has_head = true; break;
        case Status::gap:
        case Status::evicted: {
          const Gap& gap = source.consumer.last_gap();
          source.told.gap_events += gap.count();
          notice({.source = source.told.name, .gap = gap});
          break;
        }
        case Status::closed: source.told.closed = true; return false;
        default: source.told.closed = false; return false;
      }
    }
    source.told.closed = false;
    return true;
  }

  // Of the events that are there: the oldest stamp, and among equal ones the source whose turn it is.
  Source* choose() {
    Source* chosen = nullptr;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      Source& source = sources[(turn + i) % sources.size()];
      if (!source.has_head && (source.asked || !fill(source))) {
        source.asked = true;
        continue;
      }
      if (chosen == nullptr || source.head.timestamp_ns < chosen->head.timestamp_ns) chosen = &source;
    }
    return chosen;
  }

  // The head of a source with its attributes. Without a time-out never waits.
  Status publish(Source& source, std::optional<std::chrono::nanoseconds> timeout) {
    const Event& event = source.head;
    std::array<char, kDigits> digits;
    const char* const end = std::to_chars(digits.begin(), digits.end(), event.sequence).ptr;
    attributes.clear();
    attributes.push_back({core::name_of(KnownAttribute::merge_ring), source.told.name});
    attributes.push_back({core::name_of(KnownAttribute::merge_sequence), {digits.data(), end}});
    for (const Attribute& attribute : event.attributes()) {
      if (!is_of_merge(attribute.name)) attributes.push_back(attribute);  // of a merge before this one: its ring tells them
    }
    const auto bytes_with = [&](std::uint64_t table_bytes) {
      return core::record_bytes(core::attributes_bytes(attributes) + table_bytes + event.payload.size());
    };
    const std::uint64_t most = core::largest_record_bytes(output.capacity_bytes());
    if (bytes_with(most_table_bytes) > most) {  // also where it needs no table, so that it does not hang on the moment
      throw Error(Code::event_too_large, "event " + std::to_string(event.sequence) + " of ring '" + source.told.name +
                                             "' does not fit into ring '" + output.name() +
                                             "' with what a merge adds: make the output larger than its sources");
    }
    const bool with_table = table_due || since_table + bytes_with(0) > output.capacity_bytes() / kTableShare;
    if (with_table) {
      positions.set(source.told.name, source.told.ring_id, event.sequence);
      table = positions.table();
      attributes.push_back({core::name_of(KnownAttribute::merge_positions), table});
    }
    const EventOptions with{.type = event.type, .timestamp_ns = event.timestamp_ns, .attributes = attributes};
    const PublishResult result =
        timeout ? output.publish_for(event.payload, *timeout, with) : output.try_publish(event.payload, with);
    if (!result) {
      if (with_table) positions.set(source.told.name, source.told.ring_id, source.told.sequence);
      return result.status;
    }
    if (with_table) since_table = 0;
    table_due = false;
    since_table += bytes_with(0);
    source.told.sequence = event.sequence;
    positions.set(source.told.name, source.told.ring_id, event.sequence);
    ++source.told.events;
    source.has_head = false;
    source.uncommitted = true;
    turn = (static_cast<std::size_t>(&source - sources.data()) + 1) % sources.size();
    return Status::ok;
  }

  void commit() {
    for (Source& source : sources) {
      if (std::exchange(source.uncommitted, false)) source.consumer.commit(source.told.sequence);
    }
  }

  [[nodiscard]] bool all_closed() const {
    return std::ranges::all_of(sources, [](const Source& source) { return source.told.closed; });
  }

  MergeOptions options;
  Publisher output;
  MergePositions positions;
  std::vector<Source> sources;
  std::size_t turn = 0;
  std::vector<Attribute> attributes;
  std::string table;
  std::uint64_t most_table_bytes = 0;  // of its attribute
  bool table_due = true;               // the first event of this merge has one
  std::uint64_t since_table = 0;       // bytes of the stream since the last one began
};

Merge::Merge(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Merge::Merge(Merge&&) noexcept = default;
Merge& Merge::operator=(Merge&&) noexcept = default;
Merge::~Merge() = default;

Merge Merge::open(std::string_view output, const std::vector<std::string>& sources, const MergeOptions& options) {
  if (sources.empty()) refuse(output, "there is no ring to merge: name one or more");
  if (options.policy == Policy::latest) refuse(output, "policy latest skips events: use gate, journal or lossy");
  std::set<std::string> rings;
  for (const std::string& source : sources) {
    if (source.starts_with(kSharePrefix)) refuse(output, source + " is a share: merge the ring that it is of");
    if (std::ranges::any_of(source, [](unsigned char c) { return c < 0x20; }))
      refuse(output, "a source's name has control characters: use the ring's name or path");
    if (!rings.insert(stat_ring(source).ring_id).second) refuse(output, source + " is named twice: name each ring once");
  }
  auto impl = std::make_unique<Impl>(output, options);
  if (rings.count(stat_ring(output).ring_id) != 0) refuse(output, "it is one of the sources: choose another output");
  for (const std::string& source : sources) impl->attach(source);
  impl->most_table_bytes =
      core::entry_bytes(0, impl->positions.table().size() + impl->sources.size() * kDigits) + core::kRecordAlignment;
  if (impl->most_table_bytes > core::kMostAttributeValueBytes)
    refuse(output, "it has too many sources, with those of earlier merges: their positions do not fit into an attribute");
  return Merge(std::move(impl));
}

MergeResult Merge::poll(std::size_t limit) {
  Impl& impl = *impl_;
  MergeResult result;
  for (Impl::Source& source : impl.sources) source.asked = false;
  while (result.count < limit) {
    Impl::Source* const source = impl.choose();
    result.status = source == nullptr ? Status::empty : impl.publish(*source, std::nullopt);
    if (result.status != Status::ok) break;
    ++result.count;
  }
  impl.commit();
  if (result.status == Status::empty && impl.all_closed()) result.status = Status::closed;
  return result;
}

Status Merge::wait_for(std::chrono::nanoseconds timeout) {
  Impl& impl = *impl_;
  const Deadline deadline{timeout};
  for (Impl::Source& source : impl.sources) source.asked = false;
  if (Impl::Source* const source = impl.choose(); source != nullptr) {
    const Status status = impl.publish(*source, timeout);
    impl.commit();
    return status;
  }
  std::vector<pollfd> watched;
  for (Impl::Source& source : impl.sources) watched.push_back({source.consumer.fd(), POLLIN, 0});
  for (;;) {
    for (Impl::Source& source : impl.sources) {  // which also makes its descriptor wait for the next
      if (impl.fill(source)) return Status::ok;
    }
    if (impl.all_closed()) return Status::closed;
    if (deadline.passed()) return Status::timed_out;
    constexpr std::uint64_t kNsPerMs = 1'000'000;
    const std::uint64_t left_ms =
        (deadline.remaining_ns(std::uint64_t{INT_MAX} * kNsPerMs - kNsPerMs) + kNsPerMs - 1) / kNsPerMs;
    static_cast<void>(sys::poll(watched.data(), watched.size(), static_cast<int>(left_ms)));
  }
}

void Merge::run(const std::function<bool()>& stop) {
  while (!stop()) {
    const MergeResult result = poll();
    if (result.status == Status::closed) return;
    if (result.status != Status::ok) static_cast<void>(wait_for(kSlice));
  }
}

std::vector<MergeSource> Merge::sources() const {
  std::vector<MergeSource> result;
  for (const Impl::Source& source : impl_->sources) result.push_back(source.told);
  return result;
}

Publisher& Merge::output() noexcept { return impl_->output; }

}  // namespace ringbolt
