#include <ringbolt/ipc/log.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

namespace ringbolt {
namespace {

using Log = std::function<void(const LogRecord&)>;

std::atomic<bool> is_set{false};
std::mutex change;                // held for a copy and no longer
std::shared_ptr<const Log> told;  // shared, so that it lives as long as a call of it

}  // namespace

const char* log_level_name(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: break;
  }
  return "error";
}

void set_log(std::function<void(const LogRecord&)> log) {
  auto next = log ? std::make_shared<const Log>(std::move(log)) : nullptr;
  const std::lock_guard lock(change);
  is_set.store(next != nullptr);
  told.swap(next);
}

bool ipc::logs() noexcept { return is_set.load(); }

void ipc::log(LogLevel level, std::string_view ring, std::string_view sentence) noexcept {
  if (!logs()) return;
  try {
    std::shared_ptr<const Log> to;
    {
      const std::lock_guard lock(change);
      to = told;
    }
    if (to) (*to)({level, ring, sentence});
  } catch (...) {  // a log that fails is no reason to stop
  }
}

}  // namespace ringbolt
