// The journal beside the ring of an operation.
#pragma once

#include <string>

namespace ringbolt::kill {

[[nodiscard]] std::string journal_in(const std::string& place);
// A copy of a ring says where the original's journal is; from here on it says where its own is.
void lead_to_own_journal(const std::string& place);

}  // namespace ringbolt::kill
