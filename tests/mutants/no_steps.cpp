// The fault hook of `core/step.hpp` where no test stops at a step.
#include <ringbolt/core/step.hpp>

extern "C" void ringbolt_on_step(ringbolt::core::Step /*step*/) {}
