#include "scenario/support_actor.hpp"

#include <signal.h>

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kSoonNs = 400'000;         // after its start
constexpr std::uint64_t kShortOpeningNs = 20'000;  // after opening was seen to begin: up to so long,
constexpr std::uint64_t kOpeningDoublings = 8;     // or up to the double of it so many times, for some open slowly

}  // namespace

void Actor::begin(Random& random, std::uint64_t now) {
  if (phase_ != nullptr) *phase_ = static_cast<std::uint64_t>(Phase::starting);
  process_ = std::make_unique<Process>(name_, [this, seed = random.next()] { body_(seed); });
  const std::uint64_t plan = phase_ != nullptr ? random.below(4) : 0;
  waits_for_opening_ = plan == 1;
  next_ns_ = now + random.below(plan == 2 ? kSoonNs : life_ns_);
}

bool Actor::time_to_die(Random& random, std::uint64_t now) {
  if (waits_for_opening_ && phase() >= Phase::opening) {
    waits_for_opening_ = false;
    next_ns_ = now + random.below(kShortOpeningNs << random.below(kOpeningDoublings));
  }
  return !spared_ && now >= next_ns_;
}

int Actor::reap() {
  process_->send(SIGKILL);
  const int status = process_->wait();
  process_.reset();
  require(status == 0 || status == -SIGKILL, name_ + " ended with " + std::to_string(status));
  return status;
}

bool Actor::look(Random& random) {
  const std::uint64_t now = now_ns();
  if (!process_) {
    if (now >= next_ns_) begin(random, now);
    return false;
  }
  if (!process_->ended() && !time_to_die(random, now)) return false;
  const int status = reap();
  next_ns_ = now + (random.one_in(4) ? random.below(absence_ns_) : 0);
  return status != 0;
}

void Actor::end() {
  if (process_) static_cast<void>(reap());
}

}  // namespace ringbolt::scenario
