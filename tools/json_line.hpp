// What `json.cpp` and its neighbours write with.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace ringbolt::command {

using Json = nlohmann::ordered_json;

// Names, paths and sentences come from the file system and need not be UTF-8; keys and the rest are ours.
inline std::string line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace ringbolt::command
