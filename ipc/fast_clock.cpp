#include <ringbolt/ipc/descriptor.hpp>
#include <ringbolt/ipc/fast_clock.hpp>

#include <fcntl.h>

#include <array>
#include <string_view>

namespace ringbolt::ipc {
namespace {

// The kernel watches the counter against other clocks, and takes another source when it does not hold.
bool kernel_uses_ticks() noexcept {
#if defined(__x86_64__)
  const Descriptor file(sys::open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC));
  std::array<char, 32> name{};
  if (!file) return false;
  const ssize_t bytes = sys::pread(file.get(), name.data(), name.size(), 0);
  return bytes > 0 && std::string_view(name.data(), static_cast<std::size_t>(bytes)) == "tsc\n";
#else
  return false;
#endif
}

}  // namespace

bool processor_ticks_hold() noexcept { return kernel_uses_ticks(); }

}  // namespace ringbolt::ipc
