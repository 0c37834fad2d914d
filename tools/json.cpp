#include "json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

#include "text.hpp"

namespace ringbolt::command {
namespace {

using Json = nlohmann::ordered_json;

// Names, paths and sentences come from the file system and need not be UTF-8; keys and the rest are ours.
std::string line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

// 0 stands for "none": null says so.
Json sequence_or_null(std::uint64_t sequence) { return sequence == 0 ? Json(nullptr) : Json(sequence); }

bool needs_no_escape(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// `text` is UTF-8.
void append_json_text(fmt::memory_buffer& to, std::string_view text) {
  if (std::all_of(text.begin(), text.end(), needs_no_escape)) {  // nearly always, and a good deal faster
    to.push_back('"');
    to.append(text.data(), text.data() + text.size());
    to.push_back('"');
  } else {
    const std::string escaped = Json(text).dump();
    to.append(escaped.data(), escaped.data() + escaped.size());
  }
}

void append(fmt::memory_buffer& to, std::string_view text) { to.append(text.data(), text.data() + text.size()); }

Json publisher_json(const RingStat& stat) { return {{"alive", stat.publisher_alive}, {"pid", stat.publisher_pid}}; }

Json consumer_json(const ConsumerStat& consumer) {
  return {
      {"name", consumer.name},
      {"policy", consumer.policy},
      {"alive", consumer.alive},
      {"cursor_sequence", consumer.cursor_sequence},
      {"lag_events", consumer.lag_events},
      {"gap_events", consumer.gap_events},
      {"gaps", consumer.gaps},
      {"state", consumer.state},
      {"pid", consumer.pid},
      {"budget_ns", consumer.budget_ns},
      {"skipped_events", consumer.skipped_events},
      {"evictions", consumer.evictions},
      {"blocked_count", consumer.blocked_count},
      {"blocked_ns", consumer.blocked_ns},
      {"after", consumer.after},
      {"waits_for", consumer.waits_for.empty() ? Json(nullptr) : Json(consumer.waits_for)},
  };
}

}  // namespace

void append_event_json(fmt::memory_buffer& to, const Event& event) {
  fmt::format_to(std::back_inserter(to), R"({{"sequence":{},"timestamp_ns":{},"type":{},"size":{},)", event.sequence,
                 event.timestamp_ns, event.type, event.payload.size());
  const std::string_view payload = event.text();
  if (is_utf8(payload)) {
    append(to, R"("payload":)");
    append_json_text(to, payload);
    append(to, "}\n");
  } else {
    append(to, R"("payload_base64":")");
    append_base64(to, payload);
    append(to, "\"}\n");
  }
}

void append_gap_json(fmt::memory_buffer& to, const Gap& gap) {
  fmt::format_to(std::back_inserter(to),
                 R"({{"gap":{{"first":{},"last":{}{}}}}})"
                 "\n",
                 gap.first, gap.last, gap.evicted ? R"(,"evicted":true)" : "");
}

std::string published_json(std::uint64_t first, std::uint64_t last, std::uint64_t count) {
  return line({{"first", sequence_or_null(first)}, {"last", sequence_or_null(last)}, {"count", count}});
}

std::string stat_json(const RingStat& stat) {
  Json options = Json::object();
  for (const RingStat::Option& option : stat.options) options[option.name] = option.granted;
  Json consumers = Json::array();
  for (const ConsumerStat& consumer : stat.consumers) consumers.push_back(consumer_json(consumer));
  return line({
      {"name", stat.name},
      {"path", stat.path},
      {"ring_id", stat.ring_id},
      {"capacity_bytes", stat.capacity_bytes},
      {"epoch", stat.epoch},
      {"publisher", publisher_json(stat)},
      {"closed", stat.closed},
      {"timestamps", stat.timestamps},
      {"first_sequence", stat.first_sequence},
      {"oldest_sequence", stat.oldest_sequence},
      {"newest_sequence", stat.newest_sequence},
      {"newest_timestamp_ns", stat.newest_timestamp_ns},
      {"published_events", stat.published_events},
      {"published_bytes", stat.published_bytes},
      {"created_ns", stat.created_ns},
      {"options", options},
      {"consumer_slots", stat.consumer_slots},
      {"consumers_readable", stat.consumers_readable},
      {"consumers", consumers},
  });
}

std::string ring_json(const RingStat& stat) {
  return line({
      {"name", stat.name},
      {"path", stat.path},
      {"capacity_bytes", stat.capacity_bytes},
      {"epoch", stat.epoch},
      {"publisher", publisher_json(stat)},
      {"closed", stat.closed},
      {"oldest_sequence", stat.oldest_sequence},
      {"newest_sequence", stat.newest_sequence},
      {"consumer_count", stat.consumers.size()},
  });
}

std::string unreadable_ring_json(std::string_view name, const Error& error) {
  return line({{"name", name}, {"error", {{"code", code_name(error.code())}, {"message", error.what()}}}});
}

std::string seek_json(std::string_view consumer, std::uint64_t next_sequence) {
  return line({{"consumer", consumer}, {"next_sequence", next_sequence}});
}

}  // namespace ringbolt::command
