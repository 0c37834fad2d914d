// What the processes of a run do. Everything here may stop for ever at any access to shared memory and any call of the disk.
#include <ringbolt/ipc/journal.hpp>
#include <ringbolt/ipc/journal_reader.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include "world.hpp"

namespace ringbolt::sim {
namespace {

struct Again {};  // thrown by a handler

std::string ring_of(const std::string& directory) { return directory + "/ring"; }

}  // namespace

void World::note(const char* what, std::uint64_t a, std::uint64_t b) {
  trace_.note(machine_.now_ns(), machine_.running(), what, a, b);
}

void World::fail(const std::string& what) {
  const std::size_t who = machine_.running();
  oracle_.require(false, who < names_.size() ? names_[who] + ": " + what : what);
  machine_.leave_for_good();
}

void World::fail_if_broken() {
  if (oracle_.broken()) machine_.leave_for_good();
}

bool World::expected(const Error& error, std::size_t who) {
  const bool consumer = who >= first_consumer;
  Follower* const follower = consumer ? &consumers_[who - first_consumer] : nullptr;
  switch (error.code()) {
    case Code::not_found: return true;  // no ring yet, or nobody of the name to come after
    case Code::in_use: return who <= journal || machine_.anybody_stopped();  // who may hold the byte of a dead owner
    case Code::system:
    case Code::no_space: return who <= journal && fault_one_in_ != 0;
    case Code::journal_stalled: return who <= second_publisher && journal_options_.on_stall == OnStall::fail;
    case Code::followed_changed: return consumer && !follower->plan.after.empty();
    case Code::holds_ring: return consumer && follower->plan.gate_on_commit;
    case Code::cursor_ahead:
      if (!consumer || follower->plan.name.empty() || !oracle_.may_be_ahead(*follower)) return false;
      follower->anew = true;
      return true;
    default: return false;
  }
}

// ---- the publisher ----------------------------------------------------------------------------------------------------------

std::uint32_t World::draw_size() {
  const std::uint64_t kind = random_.below(20);
  if (kind < 8) return static_cast<std::uint32_t>(random_.below(65));
  if (kind < 15) return static_cast<std::uint32_t>(random_.below(1'025));
  if (kind < 19) return static_cast<std::uint32_t>(random_.below(4'097));
  return static_cast<std::uint32_t>(random_.between(8'000, 16'352));
}

void World::publish_for_a_life() {
  Publisher publisher = Publisher::open(ring_of(directory_), publisher_options_);
  oracle_.opened(publisher.next_sequence());
  note("publishes from", publisher.next_sequence());
  fail_if_broken();
  std::uint64_t left = storm_ && random_.one_in(2) ? random_.below(60) : kForever.count();
  const std::uint64_t pause_ns = random_.one_in(2) ? 0 : random_.below(400'000);
  for (; left > 0 && !ended_; --left) {
    if (!storm_ && published_ >= calm_events_) ended_ = true;
    if (ended_) break;
    if (random_.one_in(6)) {
      publish_batch(publisher);
    } else {
      publish_one(publisher);
    }
    fail_if_broken();
    if (has_journal_ && sync_ != Sync::none) {
      oracle_.told_durable(publisher.durable_sequence());
      if (random_.one_in(16) && oracle_.newest() != 0) {
        const std::uint64_t sequence = oracle_.newest();
        if (publisher.wait_durable(sequence, std::chrono::milliseconds(random_.below(30)))) oracle_.told_durable(sequence);
      }
    }
    if (pause_ns != 0) machine_.sleep(random_.below(pause_ns));
  }
  if (ended_ || random_.one_in(8)) publisher.close();
  if (!ended_) return;
  note("ends the stream after", oracle_.newest());
  done_[machine_.running()] = true;
  for (const std::size_t who : {first_publisher, second_publisher}) done_[who] = done_[who] || !machine_.lives(who);
}

void World::publish_one(Publisher& publisher) {
  const std::uint32_t size = draw_size();
  const std::uint64_t sequence = publisher.next_sequence();
  oracle_.attempt(sequence, std::array{size});
  fail_if_broken();
  if (random_.one_in(3)) return publish_in_place(publisher, size);
  const std::vector<std::byte> payload = oracle_.payload(sequence);
  const EventOptions options{.type = oracle_.type(sequence)};
  PublishResult result{Status::ok, 0};
  switch (random_.below(3)) {
    case 0: result.sequence = publisher.publish(payload, options); break;
    case 1: result = publisher.publish_for(payload, std::chrono::microseconds(random_.below(20'000)), options); break;
    default: result = publisher.try_publish(payload, options);
  }
  if (result) {
    oracle_.require(result.sequence == sequence, "an event got the number " + std::to_string(result.sequence));
    oracle_.published(sequence, 1);
    ++published_;
    return note("published", sequence, size);
  }
  oracle_.not_published();
  note(status_name(result.status));
  machine_.sleep(random_.below(300'000));
}

// The payload comes in pieces, as a user writes it, and sometimes not at all.
void World::publish_in_place(Publisher& publisher, std::uint32_t size) {
  const std::uint64_t sequence = publisher.next_sequence();
  const std::vector<std::byte> payload = oracle_.payload(sequence);
  Claim claim = publisher.try_claim(size + random_.below(64));
  if (claim) {
    for (std::size_t at = 0; at < size; at += 512) {
      std::memcpy(claim.payload().data() + at, payload.data() + at, std::min<std::size_t>(512, size - at));
      machine_.point();
    }
    if (!random_.one_in(8)) {
      claim.commit(size, {.type = oracle_.type(sequence)});
      oracle_.published(sequence, 1);
      ++published_;
      return note("committed", sequence, size);
    }
  }
  oracle_.not_published();
  note(claim ? "gave up a claim" : status_name(claim.status()));
  machine_.sleep(random_.below(300'000));
}

void World::publish_batch(Publisher& publisher) {
  const std::uint64_t first = publisher.next_sequence();
  std::vector<std::uint32_t> sizes(random_.between(1, 5));
  for (std::uint32_t& size : sizes) size = std::min<std::uint32_t>(draw_size(), 3'000);
  oracle_.attempt(first, sizes);
  fail_if_broken();
  std::vector<std::vector<std::byte>> payloads;
  std::vector<BatchEvent> batch;
  for (std::size_t i = 0; i < sizes.size(); ++i) payloads.push_back(oracle_.payload(first + i));
  for (std::size_t i = 0; i < sizes.size(); ++i) batch.push_back({payloads[i], oracle_.type(first + i)});
  PublishResult result{Status::ok, 0};
  if (random_.one_in(2)) {
    result.sequence = publisher.publish_batch(std::span<const BatchEvent>(batch));
  } else {
    result = publisher.try_publish_batch(batch);
  }
  if (result) {
    oracle_.require(result.sequence == first, "a batch got the number " + std::to_string(result.sequence));
    oracle_.published(first, batch.size());
    published_ += batch.size();
    return note("published a batch", first, batch.size());
  }
  oracle_.not_published();
  note(status_name(result.status));
  machine_.sleep(random_.below(300'000));
}

// ---- the journal, and who looks on ------------------------------------------------------------------------------------------

void World::record_for_a_life() {
  const std::uint64_t until =
      storm_ && random_.one_in(2) ? machine_.now_ns() + random_.below(50'000'000) : ~std::uint64_t{0};
  const auto others_are_done = [&] {
    for (std::size_t who = 0; who < names_.size(); ++who) {
      if (who != journal && who != observer && !done_[who]) return false;
    }
    return ended_;
  };
  bool over = false;  // when it was asked last
  note("records");
  run_journal(ring_of(directory_), journal_options_, [&] {
    over = others_are_done();
    return over || machine_.now_ns() >= until;
  });
  note("records no more");
  if (!over) return;
  // All that was published is in the journal, once, in order.
  JournalReader reader = JournalReader::open(journal_options_.directory);
  std::uint64_t expected = 1;
  Event event;
  while (reader.next(event) == Status::ok && !oracle_.broken()) {
    oracle_.require(event.sequence == expected++, "the journal goes on with event " + std::to_string(event.sequence));
    oracle_.check_record(event);
  }
  oracle_.require(expected == oracle_.newest() + 1, "the journal ends before event " + std::to_string(expected));
  done_[journal] = true;
}

void World::observe_for_a_life() {
  const std::uint64_t at_least = oracle_.ring_lost() ? 0 : oracle_.newest();
  const RingStat stat = stat_ring(ring_of(directory_));
  oracle_.check(stat, at_least);
  note("looks", stat.newest_sequence);
  if (ended_) {
    done_[observer] = true;
    return;
  }
  machine_.sleep(random_.below(20'000'000));
}

// ---- consumers --------------------------------------------------------------------------------------------------------------

void World::begin_commit(Follower& who, std::uint64_t sequence) const { who.most = std::max(who.most, sequence); }

void World::commit(Consumer& consumer, Follower& who, std::uint64_t sequence) {
  begin_commit(who, sequence);
  if (has_journal_ && !who.plan.name.empty() && random_.one_in(6)) {
    try {
      consumer.commit_durable(sequence);
      who.durable = std::max(who.durable, sequence);
      who.on_disk = 0;
      note("committed for good", sequence);
    } catch (const Error& error) {  // there is nothing yet that it could be kept beside: the journal has not named itself
      if (error.code() != Code::not_allowed || who.durable != 0) throw;
    }
  } else {
    consumer.commit(sequence);
  }
  who.sure = std::max(who.sure, sequence);
}

void World::handle(Follower& who, const Event& event) {
  std::vector<std::byte> payload(event.payload.size());
  for (std::size_t at = 0; at < payload.size(); at += 512) {
    std::memcpy(payload.data() + at, event.payload.data() + at, std::min<std::size_t>(512, payload.size() - at));
    machine_.point();
  }
  if (event.still_valid()) {
    oracle_.saw(who, event, payload);
  } else {  // handed out, though nobody knows its bytes
    oracle_.require(who.next == 0 || event.sequence == who.next || who.plan.policy == Policy::latest,
                    "a view is of another event");
    who.next = event.sequence + 1;
    who.fresh = false;
  }
  fail_if_broken();
  trace_.mix(event.sequence);
  if (who.plan.slow_ns != 0) machine_.sleep(random_.below(who.plan.slow_ns));
}

Status World::read_one(Consumer& consumer, Follower& who) {
  Event event;
  const Status status = random_.one_in(2) ? consumer.try_next(event)
                                          : consumer.next_for(event, std::chrono::nanoseconds(random_.below(3'000'000)));
  if (status == Status::gap || status == Status::evicted) {
    oracle_.told_gap(who, consumer.last_gap());
    note(status_name(status), consumer.last_gap().first, consumer.last_gap().last);
  }
  if (status != Status::ok) return status;
  handle(who, event);
  if (random_.one_in(who.plan.commit_one_in)) commit(consumer, who, event.sequence);
  return status;
}

// What the handler has returned from is committed when the batch ends.
Status World::read_many(Consumer& consumer, Follower& who) {
  struct Handler {
    World& world;
    Follower& who;
    std::uint64_t done = 0;
    void operator()(const Event& event) {
      world.handle(who, event);
      if (world.random_.one_in(50)) {
        who.next = event.sequence;
        throw Again{};
      }
      done = event.sequence;
      world.begin_commit(who, done);
    }
    void operator()(const Gap& gap) {
      world.oracle_.told_gap(who, gap);
      world.note("gap", gap.first, gap.last);
      world.fail_if_broken();
      if (gap.count() == 0) return;
      world.begin_commit(who, gap.last);  // for sure only with the next event
    }
  } handler{*this, who};
  Status status = Status::ok;
  try {
    status = consumer.try_poll(handler, random_.between(1, 20)).status;
  } catch (const Again&) {
    note("comes again", who.next);
  }
  if (handler.done != 0) who.sure = std::max(who.sure, handler.done);
  return status;
}

void World::consume_for_a_life(std::size_t index) {
  Follower& who = consumers_[index];
  const ConsumerPlan& plan = who.plan;
  const ConsumerOptions options{.name = plan.name,
                                .policy = plan.policy,
                                .budget = std::chrono::nanoseconds(plan.budget_ns),
                                .start = who.anew ? Start::earliest : plan.start,
                                .after = plan.after,
                                .gate_on_commit = plan.gate_on_commit,
                                .read = plan.read};
  Consumer consumer = Consumer::attach(ring_of(directory_), options);
  oracle_.attached(who, consumer);
  note("attached at", consumer.next_sequence());
  for (;;) {
    const Status status = random_.one_in(2) ? read_one(consumer, who) : read_many(consumer, who);
    fail_if_broken();
    oracle_.counted(who, consumer);
    fail_if_broken();
    if (status == Status::empty || status == Status::timed_out || status == Status::closed) {
      if (who.next > 1 && !who.fresh) commit(consumer, who, who.next - 1);  // others may wait for it
      if (status == Status::closed && ended_) break;
      if (status == Status::empty) {
        static_cast<void>(consumer.wait_for(std::chrono::nanoseconds(random_.below(5'000'000))));
      } else {
        machine_.sleep(random_.below(2'000'000));
      }
    }
    if (storm_ && plan.leave_one_in != 0 && random_.one_in(plan.leave_one_in)) return;
  }
  oracle_.require(consumer.next_sequence() == oracle_.newest() + 1 && (who.fresh || who.next == oracle_.newest() + 1),
                  "has read everything and stands at " + std::to_string(consumer.next_sequence()));
  totals_.turns += consumer.counters().turns_to_ring;
  note("has read everything");
  done_[first_consumer + index] = true;
}

}  // namespace ringbolt::sim
