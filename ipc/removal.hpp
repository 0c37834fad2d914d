// Taking ring directories away: whole ones, and what a death during creation or removal left hidden.
#pragma once

#include <string>

namespace ringbolt::ipc {

// Removes the files in `parent`/`name` and the directory. Knows no subdirectories: a ring has none.
void remove_directory(int parent, const char* name) noexcept;

// Removes hidden directories of this ring (`.BASE.new-…`, `.BASE.gone-…`) whose lease nobody holds.
void sweep_hidden(int parent, const std::string& base) noexcept;

}  // namespace ringbolt::ipc
