#include "tail_format.hpp"

#include <iterator>

#include "json.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

void append(fmt::memory_buffer& to, std::string_view bytes) { to.append(bytes.data(), bytes.data() + bytes.size()); }

void append_length(fmt::memory_buffer& to, std::size_t size) {
  for (int shift = 0; shift < 32; shift += 8) to.push_back(static_cast<char>(size >> shift));
}

}  // namespace

void append_event(fmt::memory_buffer& to, TailFormat format, const Event& event) {
  switch (format) {
    case TailFormat::text: {
      const fmt::format_int sequence(event.sequence);
      append(to, {sequence.data(), sequence.size()});
      to.push_back('\t');
      append_printable(to, event.text());
      to.push_back('\n');
      return;
    }
    case TailFormat::raw:
      append(to, event.text());
      to.push_back('\n');
      return;
    case TailFormat::binary:
      append_length(to, event.payload.size());
      append(to, event.text());
      return;
    case TailFormat::json: append_event_json(to, event); return;
  }
}

std::string gap_line(const Gap& gap) {
  const char* evicted = gap.evicted ? " after an eviction" : "";
  if (gap.count() == 0) return fmt::format("-- lost nothing{} --", evicted);
  return fmt::format("-- lost {} ({}..{}){} --", counted(gap.count(), "event", "events"), thousands(gap.first),
                     thousands(gap.last), evicted);
}

}  // namespace ringbolt::command
