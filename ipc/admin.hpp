// Looking after rings from outside: create, list, remove, and what one does to a consumer at three in the morning.
#pragma once

#include <ringbolt/ipc/event.hpp>
#include <ringbolt/ipc/publisher.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt {

// Creates a ring without publishing to it. Throws Error: already_exists, no_space, bad_option, not_allowed, bad_name.
void create_ring(std::string_view name, const PublisherOptions& options = {});

// Removes a ring. Its consumers read what they can still reach and are told `removed`. Throws Error: in_use if a publisher
// lives and `force` is false, not_found, not_allowed.
void remove_ring(std::string_view name, bool force = false);

// Releases the gates of consumers whose process is dead, as the publisher does once one is in its way: a name keeps its cursor.
// Returns how many there were. Throws Error: not_found, not_allowed, damaged.
std::uint32_t release_dead_gates(std::string_view ring);

// The hidden directories that a death during the creation or the removal of a ring left in `directory`: nobody holds them, and
// they take up memory. Names, sorted; none where the directory cannot be read.
[[nodiscard]] std::vector<std::string> list_leftovers(const std::string& directory);
// Removes them, as the next creation of a ring of the same name would. What cannot be removed stays.
void sweep_leftovers(const std::string& directory);

// Names of the rings in the default directory, sorted.
[[nodiscard]] std::vector<std::string> list_rings();
// The directory that names without a slash live in: $RINGBOLT_DIR, or /dev/shm/ringbolt-UID.
[[nodiscard]] std::string ring_parent_directory();

// Takes a consumer's gate away; it is told at its next poll. Throws Error: not_found; bad_option if it does not gate; in_use
// if it is alive and reads in place without a budget (it would be handed overwritten bytes) and `force` is false.
void evict_consumer(std::string_view ring, std::string_view consumer, bool force = false);

// Drops a consumer's name and cursor. Throws Error: not_found; in_use if it is attached.
void forget_consumer(std::string_view ring, std::string_view consumer);

// Sets where a consumer that is not attached resumes. Returns the sequence of the first event it will get. Throws Error:
// not_found; in_use if it is attached; bad_option for Start::resume or a time in a ring without timestamps.
std::uint64_t seek_consumer(std::string_view ring, std::string_view consumer, Start to);

}  // namespace ringbolt
