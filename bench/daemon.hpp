// The programs that some peers need: started by this process when first needed, and ended with it.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace ringbolt::bench {

// `ready` is asked until it says yes. Throws std::runtime_error after 10 s.
void start_daemon(const std::vector<std::string>& words, const std::function<bool()>& ready);

// By SIGTERM, so that they leave nothing behind; waits for it. They get it, too, when this process dies.
void end_daemons() noexcept;

}  // namespace ringbolt::bench
