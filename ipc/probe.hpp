// Static tracepoints (USDT) of the compiled part, for bpftrace, perf, gdb and SystemTap: `ringbolt:NAME`. Each is one no-op
// instruction and a note in the file; without <sys/sdt.h> at build time they are not there.
//
//   takeover    ring, epoch, next sequence             a publisher is there, the first or a successor
//   attach      ring, policy, next sequence            a consumer is there
//   slow_path   position, bytes of the record          the publisher announces what it may write, and looks at gates
//   full        position, bytes of the record          and found no room
//   reclaim     entry                                  a dead consumer's gate is released
//   evict       entry, nanoseconds it was in the way   a gate is taken away
//   wake        next sequence                          the publisher wakes whoever sleeps
//   overrun     ring, sequence                         a consumer finds its place written over
//   sync_begin  written sequence                       of the journal
//   sync_end    durable sequence, errno
#pragma once

#if defined(RINGBOLT_USDT)
#define SDT_USE_VARIADIC  // NOLINT: of the header
#include <sys/sdt.h>
#define RINGBOLT_PROBE(...) STAP_PROBEV(ringbolt, __VA_ARGS__)
#else
#define RINGBOLT_PROBE(...) static_cast<void>(0)
#endif
