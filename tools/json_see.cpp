// What the commands that watch and examine write as JSON.
#include "doctor.hpp"
#include "json.hpp"
#include "json_line.hpp"
#include "rates.hpp"

namespace ringbolt::command {
namespace {

Json number_or_null(std::optional<double> number) { return number ? Json(*number) : Json(nullptr); }
Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json consumer_json(const ConsumerRates& consumer) {
  const ConsumerStat& stat = consumer.stat;
  return {{"name", stat.name},
          {"pid", stat.pid},
          {"policy", stat.policy},
          {"state", stat.state},
          {"alive", stat.alive},
          {"events_per_s", number_or_null(consumer.events_per_s)},
          {"lag_events", stat.lag_events},
          {"behind_ns", consumer.behind_ns},
          {"behind_longer", consumer.behind_longer},
          {"ring_share", consumer.ring_share},
          {"gap_events", stat.gap_events},
          {"lost_per_s", number_or_null(consumer.lost_per_s)},
          {"blocked_share", number_or_null(consumer.blocked_share)}};
}

}  // namespace

std::string rates_json(const RingRates& ring, std::uint64_t time_ns) {
  const RingStat& stat = ring.stat;
  Json journal = nullptr;
  if (stat.journal) journal = {{"state", stat.journal->state}, {"lag_events", stat.journal->lag_events}};
  Json consumers = Json::array();
  for (const ConsumerRates& consumer : ring.consumers) consumers.push_back(consumer_json(consumer));
  return line({{"time_ns", time_ns},
               {"name", stat.name},
               {"newest_sequence", stat.newest_sequence},
               {"events_per_s", number_or_null(ring.events_per_s)},
               {"bytes_per_s", number_or_null(ring.bytes_per_s)},
               {"publisher", publisher_word(stat)},
               {"journal", journal},
               {"consumers", consumers}});
}

std::string doctor_json(const Finding& finding, const std::string& mended) {
  return line({{"finding", finding_word(finding.kind)},
               {"level", level_word(finding.level)},
               {"ring", text_or_null(finding.ring)},
               {"consumer", text_or_null(finding.consumer)},
               {"what", finding.what},
               {"advice", finding.advice},
               {"can_fix", finding.mend != Mend::none},
               {"fixed", text_or_null(mended)}});
}

}  // namespace ringbolt::command
