// Taking a ring away, from nobody or from under a publisher that lives. Whoever has it goes on, or is told that it is gone; then its
// name is free, and what has it next stays, whatever a remover that was stopped does when it goes on.
#include <ringbolt/ipc/admin.hpp>

#include "kill/operation.hpp"

#include <filesystem>

namespace ringbolt::kill {
namespace {

using scenario::require;

// Throws Failure if it is not.
void expect_told(const char* who, const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    require(error.code() == Code::removed, std::string(who) + " is told: " + error.what());
    return;
  }
  scenario::fail(std::string(who) + " is not told that the ring was removed");
}

class Remove : public Operation {
 public:
  Remove(const std::string& directory, bool from_a_publisher)
      : Operation({.name = from_a_publisher ? "remove, under a publisher" : "remove",
                   .who = Who::remover,
                   .outcomes = {"the ring is there, and everybody goes on",
                                "it is gone: who has it is told, and its name is free"},
                   .kills = 60,
                   .stops = 15},
                  directory + (from_a_publisher ? "/remove-under" : "/remove")),
        from_a_publisher_(from_a_publisher) {}

  void run(const Window& window) override {
    window.begin();
    remove_ring(ring(), from_a_publisher_);
    window.end();
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    if (there(place)) {
      check_ring(ring_in(place), expected(0, turn), living);
      return 0;
    }
    make_next(place, living);
    check_ring(ring_in(place), {.at_least = kNext, .at_most = kNext, .whole_lap = turn % 8 == 0}, living);
    return 1;
  }

  void check_stopped() override {
    next_ = !there(place());
    if (next_) {
      make_next(place(), living());
      return;
    }
    for (Witness& witness : living().witnesses) witness.read_all();
    require(stat_ring(ring()).newest_sequence == board().before, "stat does not see the last event");
    if (!living().publisher) return;
    Source source(*living().publisher, kShape, 0);
    source.publish();
    for (Witness& witness : living().witnesses) witness.read_all();
  }

  void check_finished() override {
    if (!next_) {
      require(!there(place()), "the ring is still there");
      make_next(place(), living());
    }
    check_ring(ring(), {.at_least = kNext, .at_most = kNext, .whole_lap = false}, living());
  }

 protected:
  void set_up() override {
    next_ = false;
    Publisher publisher = make_ring();
    board().before = publisher.next_sequence() - 1;
    living().witnesses.emplace_back(ring(), Policy::lossy);
    living().witnesses.emplace_back(ring(), Policy::gate);
    for (Witness& witness : living().witnesses) witness.read_all();
    if (from_a_publisher_) living().publisher.emplace(std::move(publisher));
  }

 private:
  static constexpr std::uint64_t kNext = 3;  // events of the next ring of this name

  static bool there(const std::string& place) { return std::filesystem::exists(ring_in(place)); }

  // Everybody is told, and one of them makes the next ring.
  static void make_next(const std::string& place, Living& living) {
    for (Witness& witness : living.witnesses) expect_told("a consumer", [&] { witness.read_all(); });
    living.witnesses.clear();
    if (living.publisher) {
      expect_told("the publisher", [&] {  // at its next chunk
        Source source(*living.publisher, kShape, 0);
        for (std::uint64_t i = 0; i < kEventsOfALap; ++i) source.publish();
      });
    }
    const bool lives = living.publisher.has_value();
    living.publisher.reset();
    Publisher publisher = Publisher::open(ring_in(place), {.capacity_bytes = kCapacityBytes, .consumer_slots = kSlots});
    require(publisher.next_sequence() == 1, "the next ring does not begin with event 1");
    Source source(publisher, kShape, 0);
    for (std::uint64_t i = 0; i < kNext; ++i) source.publish();
    if (!lives) return;
    living.publisher.emplace(std::move(publisher));
    living.witnesses.emplace_back(ring_in(place), Policy::gate);
  }

  bool from_a_publisher_;
  bool next_ = false;  // a ring was made of its name while the remover was stopped
};

}  // namespace

void add_removal_operations(Operations& operations, const std::string& directory) {
  operations.push_back(std::make_unique<Remove>(directory, false));
  operations.push_back(std::make_unique<Remove>(directory, true));
}

}  // namespace ringbolt::kill
