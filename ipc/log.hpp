// What the library has to say that no call of the user's answers. It prints nothing itself.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace ringbolt {

enum class LogLevel : std::uint8_t {
  info,     // something changed hands: a take-over, a dead consumer that is waited for no longer
  warning,  // works, but not as was asked for, or at somebody's cost: an eviction, memory that was not granted
  error,    // does not get on until somebody does something: a journal that cannot write
};
// "info", "warning", "error".
[[nodiscard]] const char* log_level_name(LogLevel level) noexcept;

struct LogRecord {
  LogLevel level = LogLevel::info;
  std::string_view ring;      // its name; valid during the call, as is `sentence`
  std::string_view sentence;  // what happened and, from a warning on, what can be done
};

// Whom this process tells from now on; an empty function, as at the start: nobody. It is called off the path of events, by the
// thread that notices: the publisher's own, or the journal's; perhaps by several at once, and still once or twice after another
// one was set. It must not use the handle that the call came from. What it throws is dropped. Thread safe.
void set_log(std::function<void(const LogRecord&)> log);

namespace ipc {
// Is anybody told? For whoever would have to make a sentence.
[[nodiscard]] bool logs() noexcept;
void log(LogLevel level, std::string_view ring, std::string_view sentence) noexcept;
}  // namespace ipc

}  // namespace ringbolt
