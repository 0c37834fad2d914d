// `ringbolt metrics` where it was built without the library that it needs.
#include "commands.hpp"

namespace ringbolt::command {

Exit metrics(const MetricsCommand&) {
  throw Failure(kNotSo,
                "this ringbolt was built without metrics, because prometheus-cpp was missing: on Debian, install "
                "prometheus-cpp-dev, then configure and build again");
}

}  // namespace ringbolt::command
