#include "json.hpp"

#include <algorithm>
#include <iterator>

#include "json_line.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

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

// As text if it is UTF-8, otherwise as base64 under another key.
void append_payload(fmt::memory_buffer& to, std::string_view payload) {
  if (is_utf8(payload)) {
    append(to, R"("payload":)");
    append_json_text(to, payload);
  } else {
    append(to, R"("payload_base64":")");
    append_base64(to, payload);
    to.push_back('"');
  }
}

// An object of those whose values are UTF-8, and one of the others; names need no escape. Neither where there is none of its kind.
void append_attributes(fmt::memory_buffer& to, const Attributes& attributes) {
  for (const bool text : {true, false}) {
    std::string_view before = text ? R"("attributes":{)" : R"("attributes_base64":{)";
    for (const Attribute& attribute : attributes) {
      if (is_utf8(attribute.value) != text) continue;
      fmt::format_to(std::back_inserter(to), R"({}"{}":)", before, attribute.name);
      before = ",";
      if (text) {
        append_json_text(to, attribute.value);
      } else {
        to.push_back('"');
        append_base64(to, attribute.value);
        to.push_back('"');
      }
    }
    if (before == ",") append(to, "},");
  }
}

std::string hexadecimal(const std::array<std::uint64_t, 2>& id) { return fmt::format("{:016x}{:016x}", id[0], id[1]); }

Json finding_json(const JournalFinding& finding) {
  const bool lost = finding.events() != 0;
  return {{"kind", finding_name(finding.kind)},
          {"file", finding.file},
          {"offset", finding.offset},
          {"first", lost ? Json(finding.first_sequence) : Json(nullptr)},
          {"last", lost ? Json(finding.last_sequence) : Json(nullptr)},
          {"why", finding.why}};
}

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

Json journal_json(const std::optional<JournalStat>& journal) {
  if (!journal) return nullptr;
  return {{"directory", journal->directory},
          {"sync", journal->sync},
          {"state", journal->state},
          {"own_process", journal->own_process},
          {"pid", journal->pid},
          {"error", journal->error},
          {"failures", journal->failures},
          {"written_sequence", journal->written_sequence},
          {"durable_sequence", journal->durable_sequence},
          {"lag_events", journal->lag_events},
          {"oldest_sequence", journal->oldest_sequence},
          {"epoch", journal->epoch},
          {"syncs", journal->syncs},
          {"unrecorded_events", journal->unrecorded_events}};
}

}  // namespace

void append_event_json(fmt::memory_buffer& to, const Event& event) {
  fmt::format_to(std::back_inserter(to), R"({{"sequence":{},"timestamp_ns":{},"type":{},"size":{},)", event.sequence,
                 event.timestamp_ns, event.type, event.payload.size());
  if (event.attributes_bytes != 0) append_attributes(to, event.attributes());
  append_payload(to, event.text());
  append(to, "}\n");
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
      {"journal", journal_json(stat.journal)},
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

std::string verify_json(const JournalCheck& check) {
  Json epochs = Json::array();
  for (const JournalEpoch& epoch : check.epochs) {
    epochs.push_back({{"epoch", epoch.epoch},
                      {"ring_id", epoch.ring_id},
                      {"first_sequence", epoch.first_sequence},
                      {"opened_ns", epoch.opened_ns == 0 ? Json(nullptr) : Json(epoch.opened_ns)}});
  }
  Json findings = Json::array();
  for (const JournalFinding& finding : check.findings) findings.push_back(finding_json(finding));
  return line({{"directory", check.directory},
               {"journal_id", check.journal_id},
               {"sound", check.sound()},
               {"segments", check.segments},
               {"bytes", check.bytes},
               {"events", check.events},
               {"first_sequence", sequence_or_null(check.first_sequence)},
               {"last_sequence", sequence_or_null(check.last_sequence)},
               {"lost_events", check.lost_events()},
               {"epochs", epochs},
               {"findings", findings}});
}

void append_record_json(fmt::memory_buffer& to, const JournalRecord& record) {
  Json json{{"file", record.file}, {"offset", record.offset}, {"bytes", record.bytes}};
  json["counts"] = record.counts;
  json["epoch"] = record.epoch;
  json["sequence"] = sequence_or_null(record.sequence);
  switch (record.kind) {
    case JournalRecord::Kind::broken: json["kind"] = "broken"; break;
    case JournalRecord::Kind::control:
      json["kind"] = "epoch";
      json["ring_id"] = hexadecimal(record.ring_id);
      json["opened_ns"] = record.opened_ns;
      break;
    case JournalRecord::Kind::event:
      json["kind"] = "event";
      json["timestamp_ns"] = record.timestamp_ns;
      json["type"] = record.type;
      json["flags"] = record.flags;
      json["undurable"] = record.undurable;
      json["checksum"] = fmt::format("{:08x}", record.checksum);
      json["size"] = record.size;
      break;
  }
  std::string text = line(json);
  if (record.kind == JournalRecord::Kind::event) {
    text.resize(text.size() - 2);  // the brace and the newline
    append(to, text + ",");
    const bool has_attributes = (record.flags & core::kFlagAttributes) != 0;
    const std::uint64_t bytes = has_attributes ? core::checked_attributes(record.payload) : 0;  // 0: all is shown as payload
    if (bytes != 0) append_attributes(to, Attributes(record.payload.first(bytes)));
    const auto payload = record.payload.subspan(bytes);
    append_payload(to, {reinterpret_cast<const char*>(payload.data()), payload.size()});
    append(to, "}\n");
  } else {
    append(to, text);
  }
}

std::string trim_json(const TrimResult& result) {
  return line({{"segments", result.segments},
               {"events", result.events},
               {"bytes", result.bytes},
               {"oldest_sequence", sequence_or_null(result.oldest_sequence)},
               {"kept_for", result.kept_for.empty() ? Json(nullptr) : Json(result.kept_for)}});
}

}  // namespace ringbolt::command
