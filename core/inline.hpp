// What runs with every event is inlined where it is called, whatever the compiler thinks of its size: there the size of a
// payload is often a constant, which halves the instructions.
#pragma once

#define RINGBOLT_ALWAYS_INLINE [[gnu::always_inline]] inline
