// `ringbolt top` of a build without ncurses.
#include "commands.hpp"

namespace ringbolt::command {

Exit top(const TopCommand& /*command*/) {
  throw Failure(
      kNotSo,
      "this ringbolt was built without ncurses, so it cannot show `top`: take `ringbolt stat NAME --watch`, or install "
      "libncurses-dev and build it again");
}

}  // namespace ringbolt::command
