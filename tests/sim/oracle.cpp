#include "oracle.hpp"

#include <algorithm>
#include <cstring>
#include <sstream>
#include <utility>

namespace ringbolt::sim {
namespace {

std::uint64_t mixed(std::uint64_t word) noexcept {
  word += 0x9e3779b97f4a7c15;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

template <class... Parts>
std::string sentence(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

const std::string& name_of(const Follower& who) {
  static const std::string nobody = "a consumer without name";
  return who.plan.name.empty() ? nobody : who.plan.name;
}

}  // namespace

// ---- the publisher ----------------------------------------------------------------------------------------------------------

void Oracle::attempt(std::uint64_t sequence, std::span<const std::uint32_t> sizes) {
  require(sequence == settled_ + 1, sentence("the next event is ", sequence, ", after ", settled_));
  for (const std::uint32_t size : sizes) content_[sequence++] = {mixed(seed_ ^ mixed(++attempts_)), size};
  high_ = sequence - 1;
}

std::vector<std::byte> Oracle::payload(std::uint64_t sequence) const {
  const Content& content = content_.at(sequence);
  std::vector<std::byte> bytes(content.size);
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::uint64_t word = mixed(content.token + at);
    std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, bytes.size() - at));
  }
  return bytes;
}

void Oracle::published(std::uint64_t first, std::uint64_t count) {
  require(first == settled_ + 1, sentence("event ", first, " was published after ", settled_));
  settled_ += count;
  high_ = settled_;
  totals_.events += count;
}

void Oracle::opened(std::uint64_t next_sequence) {
  const std::uint64_t last = next_sequence - 1;
  require(last <= high_, sentence("a publisher goes on with ", next_sequence, ", and nobody had begun ", last));
  if (ring_lost_) {
    require(last >= durable_, sentence("a power cut took back event ", last + 1, ", and ", durable_, " was durable"));
    ring_lost_ = false;
    for (Follower& who : *followers_) {
      if (who.on_disk == 0 && who.most <= last) continue;
      if (!who.ahead) who.cut_at = who.most > last ? next_sequence : ~std::uint64_t{0};
      who.cut_at = std::min(who.cut_at, who.most > last ? next_sequence : ~std::uint64_t{0});
      who.ahead = true;
    }
    seen_ = std::min(seen_, last);
  } else {
    require(last >= settled_, sentence("a successor goes on with ", next_sequence, " after ", settled_));
    require(last >= seen_, sentence("a successor goes on with ", next_sequence, ", and ", seen_, " was seen already"));
    ++totals_.takeovers;
  }
  settled_ = high_ = last;
}

void Oracle::told_durable(std::uint64_t sequence) {
  require(sequence <= high_, sentence("event ", sequence, " is durable, and was never published"));
  durable_ = std::max(durable_, sequence);
}

// ---- consumers --------------------------------------------------------------------------------------------------------------

void Oracle::attached(Follower& who, const Consumer& consumer) {
  who.next = 0;
  who.place = consumer.next_sequence();
  who.fresh = true;
  const bool anew = std::exchange(who.anew, false);
  if (who.plan.start.kind == Start::Kind::sequence) who.next = who.plan.start.value;
  if (!anew) return;
  who.known = false;
  who.cut_at = ~std::uint64_t{0};
}

void Oracle::first_of_a_life(Follower& who, std::uint64_t sequence) {
  who.fresh = false;
  if (who.plan.name.empty() || who.plan.policy == Policy::latest) return;
  if (who.known) {
    ++totals_.resumes;
    require(sequence > who.sure && sequence <= who.most + 1,
            sentence(name_of(who), " goes on with ", sequence, ", and committed between ", who.sure, " and ", who.most));
  } else if (who.plan.policy == Policy::journal) {
    require(sequence == 1, sentence(name_of(who), " begins with ", sequence, ", and the journal with the first event"));
  }
  require(!who.known || !who.ahead || sequence <= who.cut_at,
          sentence(name_of(who), " goes on with ", sequence, " behind what a power cut left"));
  if (who.ahead) who.on_disk = std::max(who.on_disk, who.most);
  who.ahead = false;
  who.lost_power = false;
  who.known = true;
  who.sure = who.most = sequence - 1;
  who.durable = std::min(who.durable, who.sure);
}

void Oracle::saw(Follower& who, const Event& event, std::span<const std::byte> payload) {
  const std::uint64_t sequence = event.sequence;
  ++totals_.seen;
  if (who.fresh) first_of_a_life(who, sequence);
  const bool right = who.next == 0 || sequence == who.next || (who.plan.policy == Policy::latest && sequence > who.next);
  require(right, sentence(name_of(who), " saw event ", sequence, " where ", who.next, " should be"));
  require(sequence <= high_, sentence(name_of(who), " saw event ", sequence, ", which nobody had begun to publish"));
  if (broken()) return;
  require(event.type == type(sequence), sentence(name_of(who), ": event ", sequence, " has another's type"));
  const std::vector<std::byte> expected = this->payload(sequence);
  require(std::ranges::equal(expected, payload), sentence(name_of(who), ": event ", sequence, " is torn or another one"));
  who.next = sequence + 1;
  seen_ = std::max(seen_, sequence);
  for (const std::string& leader : who.plan.after) {
    if (leader == kJournalConsumer) saw_durable(sequence);
    for (const Follower& other : *followers_) {
      require(other.plan.name != leader || !other.known || sequence <= other.most,
              sentence(name_of(who), " saw event ", sequence, " before ", leader, " was done with it: ", other.most));
    }
  }
}

void Oracle::told_gap(Follower& who, const Gap& gap) {
  const bool first = who.fresh;
  if (gap.count() != 0) ++totals_.gaps;
  if (gap.evicted) ++totals_.evictions;
  const std::string told = sentence(name_of(who), " was told a gap from ", gap.first, " to ", gap.last);
  require(gap.evicted || gap.count() != 0, told + ", which is empty");
  if (gap.evicted) require(who.plan.budget_ns != 0, told + ", as evicted, and has no budget");
  if (gap.count() == 0) return;
  if (who.fresh) first_of_a_life(who, gap.first);
  if (first) who.most = std::max(who.most, gap.last);  // the next poll commits it
  require(who.next == 0 || gap.first == who.next, sentence(told, " where ", who.next, " should be"));
  require(gap.last <= high_, told + ", and nobody had begun to publish that");
  require(who.plan.policy != Policy::journal, told + ", and the journal has everything");
  if (who.plan.policy == Policy::gate && who.plan.budget_ns == 0)
    require(first, told + ", though the publisher waits for it");
  who.next = gap.last + 1;
}

void Oracle::counted(const Follower& who, const Consumer& consumer) {
  const ConsumerCounters& counters = consumer.counters();
  if (who.next == 0 || who.fresh) return;
  require(consumer.next_sequence() == who.next || who.plan.policy == Policy::latest || consumer.in_journal(),
          sentence(name_of(who), " stands at ", consumer.next_sequence(), " and should at ", who.next));
  if (who.plan.policy != Policy::latest) return;
  const std::uint64_t told = counters.events + counters.gap_events + counters.skipped_events;
  require(told >= consumer.next_sequence() - who.place,
          sentence(name_of(who), " passed ", consumer.next_sequence() - who.place, " events and counted ", told));
}

// ---- everybody --------------------------------------------------------------------------------------------------------------

void Oracle::power_cut() {
  ring_lost_ = true;
  for (Follower& who : *followers_) {
    who.lost_power = true;
    who.sure = who.durable;
    if (who.durable == 0 && who.plan.policy != Policy::journal) who.known = false;
    if (journal_) continue;
    who.known = false;
    who.sure = who.most = who.durable = 0;
  }
  if (journal_) return;
  content_.clear();  // nothing is left of this stream
  settled_ = high_ = seen_ = durable_ = 0;
}

void Oracle::check(const RingStat& stat, std::uint64_t at_least) {
  require(stat.newest_sequence <= high_,
          sentence("stat says that the newest event is ", stat.newest_sequence, ", and nobody had begun it"));
  const std::uint64_t newest = std::max(stat.newest_sequence, stat.first_sequence - 1);
  require(newest >= at_least, sentence("stat says that the newest event is ", newest, ", after ", at_least));
  require(stat.oldest_sequence <= newest + 1, "stat's oldest event is newer than the newest");
  for (const ConsumerStat& consumer : stat.consumers) {
    if (consumer.name.empty()) continue;
    for (const Follower& who : *followers_) {
      if (who.plan.name != consumer.name || !who.known || who.fresh || who.ahead || who.lost_power) continue;
      require(consumer.cursor_sequence <= who.most,
              sentence("stat says that ", who.plan.name, " committed ", consumer.cursor_sequence, " after ", who.most));
    }
  }
  if (!stat.journal) return;
  require(stat.journal->durable_sequence <= high_, "stat says that the journal holds what was never published");
  require(stat.journal->unrecorded_events == 0, "stat says that events went by the journal");
  if (syncs_) told_durable(stat.journal->durable_sequence);
}

void Oracle::check_record(const Event& event) {
  require(event.sequence <= high_, sentence("the journal has event ", event.sequence, ", and nobody had begun it"));
  if (broken()) return;
  require(event.type == type(event.sequence) && std::ranges::equal(payload(event.sequence), event.payload),
          sentence("the journal has another event ", event.sequence));
}

}  // namespace ringbolt::sim
