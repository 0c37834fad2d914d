#include "kill/operation.hpp"

#include <filesystem>

namespace ringbolt::kill {

const char* name_of(Who who) noexcept {
  switch (who) {
    case Who::publisher: return "publisher";
    case Who::consumer: return "consumer";
    case Who::journal: return "journal";
    case Who::remover: return "remover";
  }
  return "?";
}

void Operation::prepare() {
  living_.witnesses.clear();
  living_.publisher.reset();
  std::filesystem::remove_all(place_);
  std::filesystem::create_directory(place_);
  board_->reset();
  set_up();
}

Publisher Operation::make_ring() {
  Publisher publisher = Publisher::open(ring(), {.capacity_bytes = kCapacityBytes, .consumer_slots = kSlots});
  Source source(publisher, kShape, 0);
  for (std::uint64_t i = 0; i < kEventsOfALap; ++i) source.publish();
  return publisher;
}

Expected Operation::expected(std::uint64_t most_more, std::uint64_t turn) {
  const std::uint64_t before = board_->before;
  return {.at_least = before, .at_most = before + most_more, .whole_lap = turn % 8 == 0};
}

Operations all_operations(const std::string& directory, const std::string& disk) {
  Operations operations;
  add_publisher_operations(operations, directory);
  add_consumer_operations(operations, directory);
  add_journal_operations(operations, directory, disk);
  add_removal_operations(operations, directory);
  return operations;
}

}  // namespace ringbolt::kill
