// `ringbolt metrics`: what `stat` shows, as Prometheus reads it. Every scrape looks anew; nothing is kept in between, so that
// counters go on where this process is started again.
#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/stat.hpp>

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>

#include "commands.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "terminal.hpp"

namespace ringbolt::command {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr const char* kAnonymous = "(anonymous)";  // no consumer can have that name

// One family: what it is called, and where it is in what `stat` knows.
template <class Stat>
struct Metric {
  const char* name;
  MetricType type;
  double (*value)(const Stat& stat);
  const char* help;
};

double number(std::uint64_t value) { return static_cast<double>(value); }  // exact up to 2^53
double seconds(std::uint64_t nanoseconds) { return number(nanoseconds) / 1e9; }
bool is_attached(const ConsumerStat& consumer) { return consumer.alive && consumer.state != "joining"; }

constexpr std::array kOfRings{
    Metric<RingStat>{"ringbolt_events_published_total", MetricType::Counter,
                     [](const RingStat& ring) { return number(ring.published_events); },
                     "Events published since the ring was made."},
    Metric<RingStat>{"ringbolt_bytes_published_total", MetricType::Counter,
                     [](const RingStat& ring) { return number(ring.published_bytes); },
                     "Bytes of these events, headers included."},
    Metric<RingStat>{"ringbolt_oldest_sequence", MetricType::Gauge,
                     [](const RingStat& ring) { return number(ring.oldest_sequence); },
                     "Oldest event that is still in the ring; 0 before the first."},
    Metric<RingStat>{"ringbolt_newest_sequence", MetricType::Gauge,
                     [](const RingStat& ring) { return number(ring.newest_sequence); }, "Newest event; 0 before the first."},
    Metric<RingStat>{"ringbolt_newest_event_timestamp_seconds", MetricType::Gauge,
                     [](const RingStat& ring) { return seconds(ring.newest_timestamp_ns); },
                     "When the newest event was stamped, since 1970; 0 in a ring without timestamps."},
    Metric<RingStat>{"ringbolt_capacity_bytes", MetricType::Gauge,
                     [](const RingStat& ring) { return number(ring.capacity_bytes); }, "Room for events, headers included."},
    Metric<RingStat>{"ringbolt_publisher_up", MetricType::Gauge,
                     [](const RingStat& ring) { return number(ring.publisher_alive); },
                     "1 while a process holds the ring to publish to it, otherwise 0."},
    Metric<RingStat>{"ringbolt_publishers_total", MetricType::Counter,
                     [](const RingStat& ring) { return number(ring.epoch); },
                     "Publishers that the ring has had, one after the other."},
    Metric<RingStat>{"ringbolt_closed", MetricType::Gauge, [](const RingStat& ring) { return number(ring.closed); },
                     "1 where the publisher ended the stream."},
    Metric<RingStat>{"ringbolt_consumers", MetricType::Gauge,
                     [](const RingStat& ring) {
                       return number(static_cast<std::uint64_t>(std::ranges::count_if(ring.consumers, is_attached)));
                     },
                     "Consumers that are registered and attached now."},
    Metric<RingStat>{"ringbolt_consumer_slots", MetricType::Gauge,
                     [](const RingStat& ring) { return number(ring.consumer_slots); }, "Consumers that can be registered."},
};

constexpr std::array kOfConsumers{
    Metric<ConsumerStat>{"ringbolt_consumer_up", MetricType::Gauge,
                         [](const ConsumerStat& consumer) { return number(is_attached(consumer)); },
                         "1 while the consumer is attached."},
    Metric<ConsumerStat>{"ringbolt_consumer_gating", MetricType::Gauge,
                         [](const ConsumerStat& consumer) { return number(consumer.state == "gating"); },
                         "1 while the publisher would wait for it."},
    Metric<ConsumerStat>{"ringbolt_consumer_committed_sequence", MetricType::Gauge,
                         [](const ConsumerStat& consumer) { return number(consumer.cursor_sequence); },
                         "Last event that it has committed; 0: none."},
    Metric<ConsumerStat>{"ringbolt_consumer_lag_events", MetricType::Gauge,
                         [](const ConsumerStat& consumer) { return number(consumer.lag_events); },
                         "Events that are published and that it has not committed."},
    Metric<ConsumerStat>{"ringbolt_consumer_lost_events_total", MetricType::Counter,
                         [](const ConsumerStat& consumer) { return number(consumer.gap_events); },
                         "Events that it was told were lost."},
    Metric<ConsumerStat>{"ringbolt_consumer_gaps_total", MetricType::Counter,
                         [](const ConsumerStat& consumer) { return number(consumer.gaps); }, "In so many pieces."},
    Metric<ConsumerStat>{"ringbolt_consumer_skipped_events_total", MetricType::Counter,
                         [](const ConsumerStat& consumer) { return number(consumer.skipped_events); },
                         "Events that it passed over by design."},
    Metric<ConsumerStat>{"ringbolt_consumer_evictions_total", MetricType::Counter,
                         [](const ConsumerStat& consumer) { return number(consumer.evictions); },
                         "Times its gate was taken away."},
    Metric<ConsumerStat>{"ringbolt_consumer_blocks_total", MetricType::Counter,
                         [](const ConsumerStat& consumer) { return number(consumer.blocked_count); },
                         "Times the publisher waited for it."},
    Metric<ConsumerStat>{"ringbolt_consumer_blocked_seconds_total", MetricType::Counter,
                         [](const ConsumerStat& consumer) { return seconds(consumer.blocked_ns); },
                         "How long the publisher waited for it, in all."},
};

constexpr std::array kOfJournals{
    Metric<JournalStat>{"ringbolt_journal_written_sequence", MetricType::Gauge,
                        [](const JournalStat& journal) { return number(journal.written_sequence); },
                        "Last event that is in the journal's files."},
    Metric<JournalStat>{"ringbolt_journal_durable_sequence", MetricType::Gauge,
                        [](const JournalStat& journal) { return number(journal.durable_sequence); },
                        "Last event that a power cut cannot take back."},
    Metric<JournalStat>{"ringbolt_journal_oldest_sequence", MetricType::Gauge,
                        [](const JournalStat& journal) { return number(journal.oldest_sequence); },
                        "Oldest event that the journal keeps; 0: none yet."},
    Metric<JournalStat>{"ringbolt_journal_lag_events", MetricType::Gauge,
                        [](const JournalStat& journal) { return number(journal.lag_events); },
                        "Events that are published and not durable; without syncs, not written."},
    Metric<JournalStat>{"ringbolt_journal_failures_total", MetricType::Counter,
                        [](const JournalStat& journal) { return number(journal.failures); },
                        "Writes and syncs that failed since the journal was opened."},
    Metric<JournalStat>{"ringbolt_journal_syncs_total", MetricType::Counter,
                        [](const JournalStat& journal) { return number(journal.syncs); },
                        "Syncs since the journal was opened."},
    Metric<JournalStat>{"ringbolt_journal_unrecorded_events_total", MetricType::Counter,
                        [](const JournalStat& journal) { return number(journal.unrecorded_events); },
                        "Events that went by while the journal was detached."},
};
constexpr std::array kJournalStates{"running", "stalled", "away", "detached"};

// Families in the order in which they are first added to.
class Families {
 public:
  void add(const char* name, MetricType type, const char* help, Labels labels, double value) {
    auto family = std::ranges::find(families_, name, &MetricFamily::name);
    if (family == families_.end()) family = families_.insert(families_.end(), {name, help, type, {}});
    ClientMetric& metric = family->metric.emplace_back();
    metric.label = std::move(labels);
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  }
  template <class Stat>
  void add(std::span<const Metric<Stat>> metrics, const Labels& labels, const Stat& stat) {
    for (const Metric<Stat>& metric : metrics) add(metric.name, metric.type, metric.help, labels, metric.value(stat));
  }
  [[nodiscard]] std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

// Those without a name cannot be told apart from one scrape to the next: they become one, with the worst lag and the sums.
std::vector<ConsumerStat> told_apart(const std::vector<ConsumerStat>& consumers) {
  std::vector<ConsumerStat> result;
  std::optional<ConsumerStat> anonymous;
  for (const ConsumerStat& consumer : consumers) {
    if (!consumer.name.empty()) {
      result.push_back(consumer);
    } else if (!anonymous) {
      anonymous = consumer;
    } else {
      const bool worse = consumer.lag_events > anonymous->lag_events;
      anonymous->lag_events = std::max(anonymous->lag_events, consumer.lag_events);
      if (worse) anonymous->cursor_sequence = consumer.cursor_sequence;
      anonymous->alive |= consumer.alive;
      if (consumer.state == "gating") anonymous->state = consumer.state;
      anonymous->gap_events += consumer.gap_events;
      anonymous->gaps += consumer.gaps;
      anonymous->skipped_events += consumer.skipped_events;
      anonymous->evictions += consumer.evictions;
      anonymous->blocked_count += consumer.blocked_count;
      anonymous->blocked_ns += consumer.blocked_ns;
    }
  }
  if (anonymous) {
    anonymous->name = kAnonymous;
    result.push_back(*anonymous);
  }
  return result;
}

void add_ring(Families& families, const std::string& name, const RingStat& ring) {
  const Labels labels{{"ring", name}};
  families.add<RingStat>(kOfRings, labels, ring);
  for (const ConsumerStat& consumer : told_apart(ring.consumers))
    families.add<ConsumerStat>(kOfConsumers, {{"ring", name}, {"consumer", consumer.name}}, consumer);
  if (!ring.journal) return;
  for (const char* state : kJournalStates) {
    families.add("ringbolt_journal_state", MetricType::Gauge, "1 for the state that the journal is in.",
                 {{"ring", name}, {"state", state}}, number(ring.journal->state == state));
  }
  families.add<JournalStat>(kOfJournals, labels, *ring.journal);
}

void add_up(Families& families, const std::string& name, bool up) {
  families.add("ringbolt_ring_up", MetricType::Gauge,
               "1 where the ring could be looked at; 0: it is not there, not allowed, or damaged.", {{"ring", name}},
               number(up));
}

// What is collected at each scrape: the rings that were named, or all that there are then.
class Rings : public prometheus::Collectable {
 public:
  explicit Rings(std::vector<std::string> names) : names_(std::move(names)) {
    std::ranges::sort(names_);  // one that was said twice is one
    names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
  }

  [[nodiscard]] std::vector<MetricFamily> Collect() const override {
    std::optional<Error> ignored;
    return collect(ignored);
  }
  // The same, and why a ring that was named could not be looked at.
  [[nodiscard]] std::vector<MetricFamily> collect(std::optional<Error>& failure) const {
    Families families;
    families.add("ringbolt_build_info", MetricType::Gauge, "1, with the version of what looks.",
                 {{"version", RINGBOLT_VERSION}}, 1);
    for (const std::string& name : names_.empty() ? rings() : names_) {
      try {
        const RingStat ring = stat_ring(name);
        add_up(families, name, true);
        add_ring(families, name, ring);
      } catch (const Error& error) {
        if (names_.empty() && error.code() == Code::not_found) continue;  // removed at this moment
        if (!names_.empty()) failure = error;
        add_up(families, name, false);
      }
    }
    return families.take();
  }

 private:
  static std::vector<std::string> rings() try { return list_rings(); } catch (const Error&) {
    return {};
  }

  std::vector<std::string> names_;
};

}  // namespace

Exit metrics(const MetricsCommand& command) {
  const auto rings = std::make_shared<Rings>(command.rings);
  if (command.once) {
    std::optional<Error> failure;
    print(prometheus::TextSerializer().Serialize(rings->collect(failure)));
    if (failure) throw Error(*failure);
    return kDone;
  }
  catch_signals();
  std::optional<prometheus::Exposer> server;
  try {
    server.emplace(command.listen);
  } catch (const std::exception&) {  // it only says that it could not
    throw Failure(kNotSo, "cannot listen on " + command.listen +
                              ": the port is taken, or the address is not this machine's; give another with --listen");
  }
  server->RegisterCollectable(rings);
  say("serves http://{}:{}/metrics", command.listen.substr(0, command.listen.rfind(':')),
      server->GetListeningPorts().front());
  while (sleep_for(std::chrono::hours(1))) {
  }
  return kDone;
}

}  // namespace ringbolt::command
