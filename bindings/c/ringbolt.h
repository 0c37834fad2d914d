/*
 * Ringbolt for C, and for every language that can call C: publish events into a ring in shared memory, consume them from any
 * number of processes. This header is C99 and C++; the library behind it is libringbolt.so.
 *
 *   ringbolt_publisher* publisher;
 *   ringbolt_publisher_options options = {.size = sizeof options};  // everything else zero: the defaults
 *   if (ringbolt_publisher_open("orders", &options, &publisher) < 0) fail(ringbolt_last_error());
 *   ringbolt_publish(publisher, bytes, size, NULL, NULL);
 *
 * Results. Every function that can fail returns an int32_t: RINGBOLT_OK or another status from 0 on, or an error below 0. After an
 * error `ringbolt_last_error` has a sentence that says what failed, why, and what to do. No exception leaves the library.
 *
 * Threads. A handle is used by one thread at a time; different handles by different threads at once. After fork(2) the child
 * must not use an inherited handle (RINGBOLT_ERROR_FORKED) and may only free it. A thread inside a call must not be cancelled
 * (pthread_cancel).
 *
 * Ownership. Strings and bytes that are passed in are read during the call and not kept. What a function hands out belongs to the
 * handle that it came from, and is valid for as long as its description says.
 *
 * Structs with a `size` grow at their end in later versions: set it to sizeof. What is zero is the default, and `reserved` is zero.
 *
 * Times are nanoseconds: time-outs are relative and RINGBOLT_FOREVER waits for ever; stamps are since 1970, UTC.
 */
#ifndef RINGBOLT_H
#define RINGBOLT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define RINGBOLT_API __attribute__((visibility("default")))
#else
#define RINGBOLT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- results ------------------------------------------------------------------------------------------------------------ */

enum {
  RINGBOLT_OK = 0,
  RINGBOLT_EMPTY = 1,           /* nothing to read yet */
  RINGBOLT_FULL = 2,            /* a gating consumer is in the publisher's way */
  RINGBOLT_JOURNAL_STALLED = 3, /* the journal is, and cannot write; only with RINGBOLT_FAIL_ON_STALL */
  RINGBOLT_TOO_LARGE = 4,       /* an event or batch of more than a quarter of the ring; from the try_ forms */
  RINGBOLT_GAP = 5,             /* events were lost: ringbolt_last_gap says which; the next call goes on behind them */
  RINGBOLT_EVICTED = 6,         /* the gate's budget was spent: as RINGBOLT_GAP, which may be empty; gates again */
  RINGBOLT_CLOSED = 7,          /* the publisher ended the stream and everything was read */
  RINGBOLT_TIMED_OUT = 8,

  RINGBOLT_ERROR_BAD_NAME = -1,          /* a name is empty, too long, or has other characters than A-Z a-z 0-9 . _ - */
  RINGBOLT_ERROR_BAD_OPTION = -2,        /* an argument makes no sense, alone or with another one */
  RINGBOLT_ERROR_NOT_FOUND = -3,         /* no such ring, or no such consumer */
  RINGBOLT_ERROR_ALREADY_EXISTS = -4,    /* creation of what is there */
  RINGBOLT_ERROR_NOT_ALLOWED = -5,       /* file permissions or ownership forbid it */
  RINGBOLT_ERROR_WRONG_VERSION = -6,     /* made by a version with another layout */
  RINGBOLT_ERROR_FOREIGN_LAYOUT = -7,    /* made by a build or machine whose structs or byte order differ */
  RINGBOLT_ERROR_TOO_SHORT = -8,         /* a file ends before what its header promises */
  RINGBOLT_ERROR_DAMAGED = -9,           /* a header or a record does not hold together */
  RINGBOLT_ERROR_IN_USE = -10,           /* another live publisher, or a live consumer of that name */
  RINGBOLT_ERROR_OPTIONS_DIFFER = -11,   /* reopened with a fixed option that is not the ring's */
  RINGBOLT_ERROR_NO_SPACE = -12,         /* the shared-memory file system or memory is full */
  RINGBOLT_ERROR_EVENT_TOO_LARGE = -13,  /* more than a quarter of the ring, header included */
  RINGBOLT_ERROR_REGISTRY_FULL = -14,    /* every consumer slot has a live owner */
  RINGBOLT_ERROR_CYCLE = -15,            /* `after` would make consumers wait for each other */
  RINGBOLT_ERROR_FOLLOWED_CHANGED = -16, /* a consumer named in `after` was replaced, or skipped events */
  RINGBOLT_ERROR_OVERRUN = -17,          /* not returned: RINGBOLT_GAP is */
  RINGBOLT_ERROR_EVICTED = -18,          /* not returned: RINGBOLT_EVICTED is */
  RINGBOLT_ERROR_HOLDS_RING = -19,       /* asks for more while its uncommitted events fill the ring */
  RINGBOLT_ERROR_REMOVED = -20,          /* the ring is gone */
  RINGBOLT_ERROR_JOURNAL_STALLED = -21,  /* the ring is full because its journal cannot write, or is not there */
  RINGBOLT_ERROR_OTHER_RING = -22,       /* a journal of another ring */
  RINGBOLT_ERROR_CURSOR_AHEAD = -23,     /* a cursor names events that a power cut took back */
  RINGBOLT_ERROR_FORKED = -24,           /* the handle was inherited over a fork */
  RINGBOLT_ERROR_SYSTEM = -25,           /* any other refusal of the operating system: ringbolt_last_errno */
  RINGBOLT_ERROR_NO_MEMORY = -26,        /* of this process */
  RINGBOLT_ERROR_BUFFER_TOO_SMALL = -27  /* for one event: nothing was taken */
};

/* "ok", "gap", "not_found", ... of any result; "unknown" of others. Static. Any thread. */
RINGBOLT_API const char* ringbolt_result_name(int32_t result);
/* The sentence of this thread's last error; "" if there was none. Valid until this thread's next error. */
RINGBOLT_API const char* ringbolt_last_error(void);
/* errno of the system call behind this thread's last error, or 0. */
RINGBOLT_API int32_t ringbolt_last_errno(void);
/* "MAJOR.MINOR.PATCH" of the library. Static. */
RINGBOLT_API const char* ringbolt_version(void);

/* ---- shared by both doors ----------------------------------------------------------------------------------------------- */

#define RINGBOLT_FOREVER INT64_MAX

/* How to wait when there is nothing to do. */
enum {
  RINGBOLT_WAIT_DEFAULT = 0, /* park */
  RINGBOLT_WAIT_SPIN = 1,    /* never gives the processor away: lowest latency, one core each */
  RINGBOLT_WAIT_YIELD = 2,   /* spins briefly, then offers the processor to others */
  RINGBOLT_WAIT_BACKOFF = 3, /* spins briefly, then sleeps by the clock, up to 1 ms; wakers pay nothing */
  RINGBOLT_WAIT_PARK = 4     /* spins briefly, then sleeps until woken */
};

/* A name and a value that go with an event, in front of its payload: trace context, content type, key, and what you like. Known names,
 * which take no room in the event, are "traceparent", "content-type" and "key". */
typedef struct ringbolt_attribute {
  const char* name;  /* 1 to 64 characters of A-Z a-z 0-9 . _ - */
  size_t name_bytes; /* handed in: 0 for a name that ends with a NUL. Handed out: always set, and there is no NUL */
  const void* value;
  size_t value_bytes; /* at most 65535 */
} ringbolt_attribute;

/* One event, as a consumer sees it. */
typedef struct ringbolt_event {
  uint64_t sequence;
  uint64_t timestamp_ns; /* 0 in a ring without timestamps */
  const void* payload;
  size_t payload_bytes;
  const void* attributes; /* for ringbolt_attributes and ringbolt_find_attribute; as valid as the payload */
  size_t attributes_bytes;
  uint32_t type; /* the application's own */
  uint32_t reserved;
} ringbolt_event;

/* Fills up to `limit` attributes of an event, in the order in which they were given; a name may come twice. Returns how many it
 * has. What they point to is as valid as the event's payload. Any thread that may read the event. */
RINGBOLT_API size_t ringbolt_attributes(const ringbolt_event* event, ringbolt_attribute* attributes, size_t limit);
/* The value of the first of that name: RINGBOLT_OK, or RINGBOLT_EMPTY if there is none. */
RINGBOLT_API int32_t ringbolt_find_attribute(const ringbolt_event* event, const char* name, const void** value,
                                             size_t* value_bytes);

/* Sequences that were lost, both ends included; nothing where last is first - 1. */
typedef struct ringbolt_gap {
  uint64_t first;
  uint64_t last;
  uint32_t evicted; /* 1: lost because the gate's budget was spent */
  uint32_t reserved;
} ringbolt_gap;

/* ---- publishing --------------------------------------------------------------------------------------------------------- */

typedef struct ringbolt_publisher ringbolt_publisher; /* one live publisher a ring, in one process */

enum {                                   /* ringbolt_publisher_options.flags */
       RINGBOLT_TIMESTAMPS_ON = 1u << 0, /* neither of the two: on for a new ring, as it is for an existing one */
       RINGBOLT_TIMESTAMPS_OFF = 1u << 1,
       RINGBOLT_HUGE_PAGES = 1u << 2,       /* 2 MiB pages where the system offers them */
       RINGBOLT_PREFAULT = 1u << 3,         /* map every page now */
       RINGBOLT_LOCK_MEMORY = 1u << 4,      /* never paged out */
       RINGBOLT_NUMA_NODE = 1u << 5,        /* bind to the node `numa_node` */
       RINGBOLT_MUST_EXIST = 1u << 6,       /* do not make the ring: RINGBOLT_ERROR_NOT_FOUND */
       RINGBOLT_DROP_UNREAD = 1u << 7,      /* the journal's retention may remove what a named consumer has not committed */
       RINGBOLT_FAIL_ON_STALL = 1u << 8,    /* a full ring whose journal cannot write: fail instead of waiting */
       RINGBOLT_JOURNAL_ELSEWHERE = 1u << 9 /* another process runs the journal; this ring only knows its directory */
};

enum {                            /* ringbolt_publisher_options.journal_sync */
       RINGBOLT_SYNC_DEFAULT = 0, /* interval */
       RINGBOLT_SYNC_NONE = 1,
       RINGBOLT_SYNC_INTERVAL = 2,
       RINGBOLT_SYNC_EVERY = 3
};

typedef struct ringbolt_publisher_options {
  size_t size;             /* sizeof(ringbolt_publisher_options) */
  uint64_t capacity_bytes; /* power of two, at least 64 KiB; 16 MiB by default */
  uint32_t consumer_slots; /* 256 by default */
  uint32_t flags;
  uint32_t wait;           /* how to wait for a gate: RINGBOLT_WAIT_* */
  uint32_t mode;           /* who may attach, as of chmod; 0600 by default */
  const char* group;       /* of the files; NULL: the process's own */
  uint64_t first_sequence; /* of a new ring; 1 by default */
  int64_t standby_ns;      /* wait so long for another live publisher to end, as a hot standby */
  int32_t numa_node;
  uint32_t journal_sync;          /* RINGBOLT_SYNC_* */
  const char* journal;            /* the journal's directory; NULL: no journal, or the one that the ring had */
  int64_t journal_interval_ns;    /* sync interval; 10 ms by default */
  uint64_t journal_segment_bytes; /* of a file; 64 MiB by default */
  uint64_t journal_keep_bytes;    /* oldest segments go beyond so much; 0: no limit */
  int64_t journal_keep_age_ns;    /* and when their newest event is older; 0: no limit */
} ringbolt_publisher_options;

typedef struct ringbolt_event_options {
  size_t size;   /* sizeof(ringbolt_event_options) */
  uint32_t type; /* the application's own */
  uint32_t reserved;
  uint64_t timestamp_ns;                /* of an event that was stamped elsewhere; 0: the clock */
  const ringbolt_attribute* attributes; /* copied with the payload; not for ringbolt_commit_claim */
  size_t attribute_count;
} ringbolt_event_options;

/* One event of a batch. */
typedef struct ringbolt_message {
  const void* payload;
  size_t payload_bytes;
  const ringbolt_attribute* attributes;
  size_t attribute_count;
  uint32_t type;
  uint32_t reserved;
} ringbolt_message;

/* Creates the ring `name`, or continues one whose publisher has ended or died: same sequence, no gap, no number twice. A name
 * without slash lives in $RINGBOLT_DIR or /dev/shm/ringbolt-UID; one with a slash is a path. `options` may be NULL.
 * Errors: IN_USE if another publisher lives, OPTIONS_DIFFER, NO_SPACE, NOT_ALLOWED, BAD_NAME, BAD_OPTION, DAMAGED, ... On
 * success *publisher is the caller's, to be freed. */
RINGBOLT_API int32_t ringbolt_publisher_open(const char* name, const ringbolt_publisher_options* options,
                                             ringbolt_publisher** publisher);
/* Gives the ring to the next publisher; does not end the stream. NULL is allowed. */
RINGBOLT_API void ringbolt_publisher_free(ringbolt_publisher* publisher);

/* Publishes a copy of `payload_bytes` bytes at `payload` (NULL if there are none). `options` and `sequence` may be NULL;
 * *sequence is the event's number. `publish` waits while a gating consumer is in the way, `publish_for` at most `timeout_ns`
 * (RINGBOLT_TIMED_OUT), `try_publish` not at all (RINGBOLT_FULL, RINGBOLT_TOO_LARGE). With RINGBOLT_FAIL_ON_STALL the last two may
 * answer RINGBOLT_JOURNAL_STALLED, and `publish` the error of that name. Whatever is not RINGBOLT_OK has published nothing. Each of them
 * ends a claim. Errors: EVENT_TOO_LARGE, BAD_OPTION (an attribute), REMOVED, FORKED, JOURNAL_STALLED. */
RINGBOLT_API int32_t ringbolt_publish(ringbolt_publisher* publisher, const void* payload, size_t payload_bytes,
                                      const ringbolt_event_options* options, uint64_t* sequence);
RINGBOLT_API int32_t ringbolt_try_publish(ringbolt_publisher* publisher, const void* payload, size_t payload_bytes,
                                          const ringbolt_event_options* options, uint64_t* sequence);
RINGBOLT_API int32_t ringbolt_publish_for(ringbolt_publisher* publisher, const void* payload, size_t payload_bytes,
                                          int64_t timeout_ns, const ringbolt_event_options* options, uint64_t* sequence);

/* All or nothing: a consumer sees either none of the events or can read them all. Together they are at most a quarter of the
 * ring. *first_sequence is the first one's number, the others follow. It may be NULL. */
RINGBOLT_API int32_t ringbolt_publish_batch(ringbolt_publisher* publisher, const ringbolt_message* messages, size_t count,
                                            uint64_t* first_sequence);
RINGBOLT_API int32_t ringbolt_try_publish_batch(ringbolt_publisher* publisher, const ringbolt_message* messages,
                                                size_t count, uint64_t* first_sequence);
/* `count` events of `value_bytes` each, one behind the other at `values`, in as many batches as that takes. Waits at most `timeout_ns`
 * in all: then RINGBOLT_TIMED_OUT, and *published says how many are, as it does after an error. They are numbered from
 * *first_sequence on, one after the other. Both may be NULL. */
RINGBOLT_API int32_t ringbolt_publish_array(ringbolt_publisher* publisher, const void* values, size_t value_bytes,
                                            size_t count, uint32_t type, int64_t timeout_ns, uint64_t* first_sequence,
                                            size_t* published);

/* Zero copy: room for one event in the ring itself, *payload, aligned to 8, not initialised. Write it, then commit. One claim at a
 * time: whatever publishes or claims next ends it, and *payload must not be written after that, because it may be another event's.
 * Nothing is visible before the commit, and a claim that is never committed publishes nothing. `claim` waits, `try_claim` answers
 * RINGBOLT_FULL, RINGBOLT_TOO_LARGE or RINGBOLT_JOURNAL_STALLED. */
RINGBOLT_API int32_t ringbolt_claim(ringbolt_publisher* publisher, size_t payload_bytes, void** payload);
RINGBOLT_API int32_t ringbolt_try_claim(ringbolt_publisher* publisher, size_t payload_bytes, void** payload);
/* Publishes the first `payload_bytes` of the claim. BAD_OPTION without a claim, or with more than was claimed. */
RINGBOLT_API int32_t ringbolt_commit_claim(ringbolt_publisher* publisher, size_t payload_bytes,
                                           const ringbolt_event_options* options, uint64_t* sequence);

/* Waits until the journal has everything up to `sequence` on the disk; RINGBOLT_TIMED_OUT if that takes longer. Errors:
 * BAD_OPTION (no journal, or one that never syncs), JOURNAL_STALLED, REMOVED, FORKED. */
RINGBOLT_API int32_t ringbolt_wait_durable(ringbolt_publisher* publisher, uint64_t sequence, int64_t timeout_ns);
/* Newest event that is durable; 0: none, or no journal that syncs. */
RINGBOLT_API int32_t ringbolt_durable_sequence(ringbolt_publisher* publisher, uint64_t* sequence);

/* Ends the stream: consumers get RINGBOLT_CLOSED behind the last event. A later open continues it. */
RINGBOLT_API int32_t ringbolt_publisher_close(ringbolt_publisher* publisher);

RINGBOLT_API uint64_t ringbolt_next_publish_sequence(const ringbolt_publisher* publisher);
RINGBOLT_API uint64_t ringbolt_capacity_bytes(const ringbolt_publisher* publisher);
RINGBOLT_API uint64_t ringbolt_largest_payload_bytes(const ringbolt_publisher* publisher);
RINGBOLT_API uint64_t ringbolt_epoch(const ringbolt_publisher* publisher); /* how many publishers the ring has had */

/* ---- consuming ---------------------------------------------------------------------------------------------------------- */

typedef struct ringbolt_consumer ringbolt_consumer;

/* What happens when it falls behind. */
enum {
  RINGBOLT_POLICY_DEFAULT = 0, /* journal on a ring that has one, otherwise lossy */
  RINGBOLT_POLICY_GATE = 1,    /* the publisher waits, or with a budget at most so long */
  RINGBOLT_POLICY_LOSSY = 2,   /* it is overrun, and told what it lost */
  RINGBOLT_POLICY_JOURNAL = 3, /* it reads what it missed from the journal */
  RINGBOLT_POLICY_LATEST = 4   /* it skips to the newest event by design */
};

/* Where it starts. */
enum {
  RINGBOLT_START_RESUME = 0,   /* after this name's last commit; earliest where there is none */
  RINGBOLT_START_EARLIEST = 1, /* the oldest event that is still there */
  RINGBOLT_START_LATEST = 2,   /* the first event published from now on */
  RINGBOLT_START_SEQUENCE = 3, /* start_value: that event; what is missing of it is a gap. May be still to come */
  RINGBOLT_START_TIME = 4      /* start_value: the first event stamped then or later. May be still to come */
};

enum {                                   /* ringbolt_consumer_options.flags */
       RINGBOLT_GATE_ON_COMMIT = 1u << 0 /* the gate waits for the commit instead of following what was handed out */
};

typedef struct ringbolt_consumer_options {
  size_t size;      /* sizeof(ringbolt_consumer_options) */
  const char* name; /* keeps the cursor over restarts; NULL: anonymous */
  uint32_t policy;  /* RINGBOLT_POLICY_* */
  uint32_t start;   /* RINGBOLT_START_* */
  uint64_t start_value;
  int64_t budget_ns; /* policy gate: how long the publisher waits before it evicts; 0: for ever */
  const char*
      after;     /* names, separated by commas: sees an event when these have committed it; ".journal": when it is durable */
  uint32_t wait; /* RINGBOLT_WAIT_* */
  uint32_t flags;
} ringbolt_consumer_options;

/* Attaches to an existing ring, or to a share ("unix:PATH"); never creates one. `options` may be NULL: anonymous, default policy.
 * Errors: NOT_FOUND, IN_USE (a live consumer of that name), NOT_ALLOWED, REGISTRY_FULL, CYCLE, BAD_OPTION, WRONG_VERSION,
 * FOREIGN_LAYOUT, TOO_SHORT, DAMAGED, CURSOR_AHEAD, ... On success *consumer is the caller's, to be freed. */
RINGBOLT_API int32_t ringbolt_consumer_attach(const char* ring, const ringbolt_consumer_options* options,
                                              ringbolt_consumer** consumer);
/* Leaves; a name's cursor is kept. NULL is allowed. */
RINGBOLT_API void ringbolt_consumer_free(ringbolt_consumer* consumer);

/* The next event. event->payload is a copy, or for a gating consumer a view of the ring, and is valid until the next call on this
 * consumer; it cannot be torn. `next` waits at most `timeout_ns` (RINGBOLT_TIMED_OUT; RINGBOLT_CLOSED at the end), `try_next` not
 * at all (RINGBOLT_EMPTY). RINGBOLT_GAP and RINGBOLT_EVICTED come instead of an event. Commits nothing. A consumer that gates
 * with a budget, or may be overrun, always gets copies. Errors: REMOVED, DAMAGED, FORKED, HOLDS_RING, FOLLOWED_CHANGED, SYSTEM. */
RINGBOLT_API int32_t ringbolt_next(ringbolt_consumer* consumer, ringbolt_event* event, int64_t timeout_ns);
RINGBOLT_API int32_t ringbolt_try_next(ringbolt_consumer* consumer, ringbolt_event* event);

/* Copies up to `limit` events at once, never waits: attributes and payloads go to `buffer`, which is aligned to 8, one behind the
 * other, each event at a multiple of 8 bytes from its beginning; events[i].payload points there. *count says how many.
 * RINGBOLT_OK: the limit or the buffer's end was reached; RINGBOLT_GAP and the like: why it stopped, with the events before it. An
 * error comes only with none.
 * BUFFER_TOO_SMALL: the next event alone does not fit, and its sizes are in events[0]. Moves the gate, commits nothing. */
RINGBOLT_API int32_t ringbolt_poll(ringbolt_consumer* consumer, void* buffer, size_t buffer_bytes, ringbolt_event* events,
                                   size_t limit, size_t* count);
/* The same for events of one size, packed: `values` has room for `limit` of `value_bytes` each. `numbers` and `stamps` have room
 * for `limit` each, or are NULL. BAD_OPTION if the next event has another size: nothing was taken of it. */
RINGBOLT_API int32_t ringbolt_poll_array(ringbolt_consumer* consumer, void* values, size_t value_bytes, uint64_t* numbers,
                                         uint64_t* stamps, size_t limit, size_t* count);

/* Waits until there is something to read: RINGBOLT_OK, RINGBOLT_CLOSED or RINGBOLT_TIMED_OUT. */
RINGBOLT_API int32_t ringbolt_wait(ringbolt_consumer* consumer, int64_t timeout_ns);
/* A descriptor that becomes readable when the consumer should look again; for poll, epoll, io_uring, event loops. Look first: it
 * wakes for what comes after a call that found nothing. It is the consumer's: do not read or close it. */
RINGBOLT_API int32_t ringbolt_consumer_fd(ringbolt_consumer* consumer, int* fd);

/* The name resumes behind `sequence`; what lies before its last commit changes nothing. BAD_OPTION for what was not handed out yet. No
 * system call. `durable`:
 * the same, and it survives a power cut when it returns: a name and a journal are needed. */
RINGBOLT_API int32_t ringbolt_commit(ringbolt_consumer* consumer, uint64_t sequence);
RINGBOLT_API int32_t ringbolt_commit_durable(ringbolt_consumer* consumer, uint64_t sequence);

/* Of the last RINGBOLT_GAP or RINGBOLT_EVICTED. */
RINGBOLT_API void ringbolt_last_gap(const ringbolt_consumer* consumer, ringbolt_gap* gap);
RINGBOLT_API uint64_t ringbolt_next_sequence(const ringbolt_consumer* consumer);
RINGBOLT_API int32_t ringbolt_consumer_policy(const ringbolt_consumer* consumer); /* RINGBOLT_POLICY_*, never DEFAULT */
/* *alive: does a publisher hold the ring at this moment? */
RINGBOLT_API int32_t ringbolt_publisher_alive(const ringbolt_consumer* consumer, int32_t* alive);

/* ---- looking after rings ------------------------------------------------------------------------------------------------- */

/* Creates a ring without publishing. Errors: ALREADY_EXISTS, NO_SPACE, BAD_OPTION, NOT_ALLOWED, BAD_NAME. */
RINGBOLT_API int32_t ringbolt_create(const char* name, const ringbolt_publisher_options* options);
/* Errors: IN_USE if a publisher lives and `force` is 0, NOT_FOUND, NOT_ALLOWED. */
RINGBOLT_API int32_t ringbolt_remove(const char* name, int32_t force);

typedef struct ringbolt_ring_stat {
  size_t size; /* sizeof(ringbolt_ring_stat), set by the caller */
  uint64_t capacity_bytes;
  uint64_t epoch;
  uint64_t oldest_sequence; /* 0: no event yet */
  uint64_t newest_sequence; /* 0: no event yet */
  uint64_t durable_sequence;
  uint64_t published_events;
  uint64_t published_bytes;
  uint64_t newest_timestamp_ns;
  uint64_t publisher_pid; /* of the last one */
  uint32_t publisher_alive;
  uint32_t closed;
  uint32_t timestamps;
  uint32_t has_journal;
  uint32_t consumers; /* registered */
  uint32_t reserved;
  char ring_id[40]; /* 32 hexadecimal digits and zero bytes; a ring that was removed and made again has another one */
} ringbolt_ring_stat;
/* With read access alone. Fields of a newer header than the library's are set to zero. Errors: NOT_FOUND, NOT_ALLOWED, WRONG_VERSION, FOREIGN_LAYOUT, TOO_SHORT, DAMAGED. */
RINGBOLT_API int32_t ringbolt_stat(const char* name, ringbolt_ring_stat* stat);

/* ---- what no call answers ------------------------------------------------------------------------------------------------ */

enum {
  RINGBOLT_LOG_INFO = 0,    /* something changed hands: a take-over, a dead consumer that is waited for no longer */
  RINGBOLT_LOG_WARNING = 1, /* not as was asked for, or at somebody's cost: an eviction, memory that was not granted */
  RINGBOLT_LOG_ERROR = 2    /* does not get on until somebody does something: a journal that cannot write */
};
/* `ring` is its name; both strings are valid during the call. */
typedef void (*ringbolt_log)(void* context, int32_t level, const char* ring, const char* sentence);
/* Whom this process tells from now on; NULL, as at the start: nobody. The library prints nothing itself. `log` is called off the path of
 * events by the thread that notices, perhaps by several at once, and must not use the handle that the call came from. One that was
 * replaced may still be called once or twice, so its `context` must outlive it. Any thread. */
RINGBOLT_API int32_t ringbolt_set_log(ringbolt_log log, void* context);

#ifdef __cplusplus
}
#endif
#endif /* RINGBOLT_H */
