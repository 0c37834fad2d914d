#include "scenario/support_lives.hpp"

#include <ringbolt/ipc/journal_reader.hpp>

#include <cstring>
#include <filesystem>

namespace ringbolt::scenario {
namespace {

constexpr std::size_t kTagEvery = 32;  // words: no write of the disk is without one
constexpr std::uint32_t kUsualBytes = 600;
constexpr std::uint32_t kLargeBytes = 6'000;

std::uint64_t word_at(std::uint64_t sequence, std::uint64_t life, std::size_t place) noexcept {
  return place % kTagEvery == 0 ? kDiskTag : Random::mix(sequence * 0x9e37'79b9 + (life << 48) + place);
}

void fill(std::span<std::byte> payload, std::uint64_t sequence, std::uint64_t life) noexcept {
  for (std::size_t at = 0; at < payload.size(); at += 8) {
    const std::uint64_t word = word_at(sequence, life, at / 8);
    std::memcpy(payload.data() + at, &word, std::min<std::size_t>(8, payload.size() - at));
  }
}

}  // namespace

Publisher Lives::open() {
  Publisher publisher = Publisher::open(ring_, {.capacity_bytes = core::kMinCapacityBytes, .journal = journal_});
  const std::uint64_t life = board_->lives;
  require(life < LifeBoard::kLives, "too many lives");
  board_->first.at(life) = publisher.next_sequence();
  board_->published = publisher.next_sequence() - 1;
  board_->lives = life + 1;
  claim(publisher.durable_sequence());
  return publisher;
}

std::uint64_t Lives::publish(Publisher& publisher, std::uint32_t payload_bytes) {
  const std::uint64_t life = board_->lives - 1;
  std::array<std::byte, kLargeBytes> payload;
  const auto used = std::span(payload).first(payload_bytes);
  board_->published = publisher.next_sequence();
  fill(used, publisher.next_sequence(), life);
  return publisher.publish(used, {.type = static_cast<std::uint32_t>(life)});
}

void Lives::claim(std::uint64_t durable) {
  if (durable <= board_->durable) return;
  board_->durable = durable;
  if (disk_ == nullptr) return;
  const std::uint64_t at = board_->claims;
  require(at < LifeBoard::kClaims, "too many claims");
  board_->claim.at(at).sequence = durable;
  board_->claim.at(at).log_entries = disk_->log_entries();
  board_->claims = at + 1;
}

void Lives::live(std::uint64_t seed, std::uint64_t events) {
  Random random(seed);
  Publisher publisher = open();
  for (std::uint64_t i = 0; i < events; ++i) {
    const std::uint64_t most = random.one_in(16) ? kLargeBytes : kUsualBytes;
    const std::uint64_t sequence = publish(publisher, static_cast<std::uint32_t>(8 + random.below(most - 7)));
    if (random.one_in(8)) {
      publisher.wait_durable(sequence);
      claim(sequence);
    } else if (random.one_in(2)) {
      claim(publisher.durable_sequence());
    }
  }
  for (;;) {
    claim(publisher.durable_sequence());
    breathe();
  }
}

bool Lives::right(const Event& event) const {
  const std::uint64_t life = event.type;
  if (life >= board_->lives || event.sequence < board_->first.at(life) || event.payload.size() > kLargeBytes) return false;
  std::array<std::byte, kLargeBytes> expected;
  fill(std::span(expected).first(event.payload.size()), event.sequence, life);
  return std::memcmp(expected.data(), event.payload.data(), event.payload.size()) == 0;
}

std::string Lives::read(const std::string& directory, std::uint64_t durable, std::uint64_t published,
                        std::uint64_t& newest) const {
  JournalReader reader = JournalReader::open(directory);
  Event event;
  std::uint64_t next = 1;
  std::uint32_t life = 0;
  for (; reader.next(event) == Status::ok; ++next) {
    const std::string name = "event " + std::to_string(event.sequence);
    if (event.sequence != next) return name + " stands where " + std::to_string(next) + " should";
    if (!right(event) || event.type < life) return name + " is not what was published under this number";
    life = event.type;
  }
  newest = next - 1;
  if (newest < durable) return "events from " + std::to_string(next) + " to " + std::to_string(durable) + " were durable";
  if (newest > published) return "event " + std::to_string(newest) + " was never published";
  return {};
}

void Lives::publish_as_the_last_that_could(Publisher& publisher) const {
  std::uint64_t life = board_->lives - 1;
  while (board_->first.at(life) > publisher.next_sequence()) --life;
  std::array<std::byte, 100> payload;
  fill(payload, publisher.next_sequence(), life);
  publisher.publish_durable(payload, {.type = static_cast<std::uint32_t>(life)});
}

std::string Lives::check(const std::string& ring, const std::string& directory, std::uint64_t durable,
                         std::uint64_t published) {
  JournalOptions journal = journal_;
  journal.directory = directory;
  try {
    std::uint64_t newest = 0;
    Publisher publisher = Publisher::open(ring, {.capacity_bytes = core::kMinCapacityBytes, .journal = journal});
    const std::uint64_t next = publisher.next_sequence();
    if (next <= durable) return "the publisher goes on with event " + std::to_string(next) + ", which was durable";
    if (std::string wrong = read(directory, durable, published, newest); !wrong.empty()) return wrong;
    if (newest + 1 != next)
      return "the publisher goes on with event " + std::to_string(next) + " after " + std::to_string(newest);
    publish_as_the_last_that_could(publisher);
    if (std::string wrong = read(directory, next, next, newest); !wrong.empty()) return "after going on: " + wrong;
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::uint64_t Lives::durable_at(std::uint64_t log_entries) const {
  std::uint64_t durable = 0;
  for (std::uint64_t at = 0; at < board_->claims && board_->claim.at(at).log_entries <= log_entries; ++at)
    durable = board_->claim.at(at).sequence;
  return durable;
}

void forget_ring(const std::string& directory, const std::string& ring) {
  std::filesystem::remove_all(directory + "/" + ring);
}

}  // namespace ringbolt::scenario
