/*
 * What a binding of Ringbolt must do, case by case, through the C ABI and as C99. Other languages repeat these cases under the
 * same names. Without arguments all run; with names, those. Each uses a ring of its own in $RINGBOLT_DIR.
 */
#include <ringbolt/ringbolt.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static const char* running = "";
static int failures = 0;

#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      ++failures;                                                                                            \
      printf("%s: line %d: %s\n    last error: %s\n", running, __LINE__, #condition, ringbolt_last_error()); \
    }                                                                                                        \
  } while (0)
#define CHECK_RESULT(call, wanted)                                                                                        \
  do {                                                                                                                    \
    const int32_t got_ = (call);                                                                                          \
    if (got_ != (wanted)) {                                                                                               \
      ++failures;                                                                                                         \
      printf("%s: line %d: %s is %s, not %s\n    last error: %s\n", running, __LINE__, #call, ringbolt_result_name(got_), \
             ringbolt_result_name(wanted), ringbolt_last_error());                                                        \
    }                                                                                                                     \
  } while (0)

/* A publisher with a small ring named after the case. It must not fail, or the case could not go on. */
static ringbolt_publisher* open_small(const char* name) {
  ringbolt_publisher_options options;
  ringbolt_publisher* publisher = NULL;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.capacity_bytes = 65536;
  if (ringbolt_publisher_open(name, &options, &publisher) != RINGBOLT_OK) {
    printf("%s: no publisher: %s\n", running, ringbolt_last_error());
    exit(1);
  }
  return publisher;
}

static ringbolt_consumer* attach(const char* ring, const char* name, uint32_t policy, uint32_t start) {
  ringbolt_consumer_options options;
  ringbolt_consumer* consumer = NULL;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.name = name;
  options.policy = policy;
  options.start = start;
  if (ringbolt_consumer_attach(ring, &options, &consumer) != RINGBOLT_OK) {
    printf("%s: no consumer: %s\n", running, ringbolt_last_error());
    exit(1);
  }
  return consumer;
}

static void publish_numbers(ringbolt_publisher* publisher, uint64_t from, uint64_t to) {
  uint64_t number;
  for (number = from; number <= to; ++number) {
    CHECK_RESULT(ringbolt_publish(publisher, &number, sizeof number, NULL, NULL), RINGBOLT_OK);
  }
}

static uint64_t number_in(const ringbolt_event* event) {
  uint64_t number = 0;
  CHECK(event->payload_bytes == sizeof number);
  memcpy(&number, event->payload, sizeof number);
  return number;
}

static void publishes_and_reads_back(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, NULL, RINGBOLT_POLICY_LOSSY, RINGBOLT_START_EARLIEST);
  ringbolt_event_options options = {.size = sizeof options, .type = 7};
  ringbolt_event event;
  uint64_t sequence = 0;
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_EMPTY);
  CHECK_RESULT(ringbolt_publish(publisher, "hello", 5, &options, &sequence), RINGBOLT_OK);
  CHECK(sequence == 1);
  CHECK_RESULT(ringbolt_next(consumer, &event, RINGBOLT_FOREVER), RINGBOLT_OK);
  CHECK(event.sequence == 1 && event.type == 7 && event.timestamp_ns != 0);
  CHECK(event.payload_bytes == 5 && memcmp(event.payload, "hello", 5) == 0);
  CHECK_RESULT(ringbolt_publish(publisher, NULL, 0, NULL, &sequence), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.sequence == 2 && event.payload_bytes == 0 && event.type == 0);
  CHECK(ringbolt_next_publish_sequence(publisher) == 3 && ringbolt_next_sequence(consumer) == 3);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void a_ring_that_is_not_there_is_an_error_that_says_so(const char* ring) {
  ringbolt_consumer* consumer = (ringbolt_consumer*)&running;
  CHECK_RESULT(ringbolt_consumer_attach(ring, NULL, &consumer), RINGBOLT_ERROR_NOT_FOUND);
  CHECK(consumer == NULL);
  CHECK(strstr(ringbolt_last_error(), ring) != NULL);
}

static void null_and_nonsense_are_errors_not_crashes(const char* ring) {
  ringbolt_publisher* publisher = NULL;
  ringbolt_publisher_options options;
  ringbolt_event event;
  size_t count = 1;
  memset(&options, 0, sizeof options);
  CHECK_RESULT(ringbolt_publisher_open(ring, &options, &publisher), RINGBOLT_ERROR_BAD_OPTION); /* no size */
  options.size = sizeof options;
  options.capacity_bytes = 1000;
  CHECK_RESULT(ringbolt_publisher_open(ring, &options, &publisher), RINGBOLT_ERROR_BAD_OPTION);
  options.capacity_bytes = 0;
  options.flags = 1u << 31;
  CHECK_RESULT(ringbolt_publisher_open(ring, &options, &publisher), RINGBOLT_ERROR_BAD_OPTION);
  options.flags = RINGBOLT_TIMESTAMPS_ON | RINGBOLT_TIMESTAMPS_OFF;
  CHECK_RESULT(ringbolt_publisher_open(ring, &options, &publisher), RINGBOLT_ERROR_BAD_OPTION);
  options.flags = 0;
  options.wait = 99;
  CHECK_RESULT(ringbolt_publisher_open(ring, &options, &publisher), RINGBOLT_ERROR_BAD_OPTION);
  CHECK_RESULT(ringbolt_publisher_open("no good/../", NULL, &publisher), RINGBOLT_ERROR_BAD_NAME);
  CHECK_RESULT(ringbolt_publisher_open(NULL, NULL, &publisher), RINGBOLT_ERROR_BAD_OPTION);
  CHECK_RESULT(ringbolt_publisher_open(ring, NULL, NULL), RINGBOLT_ERROR_BAD_OPTION);
  CHECK_RESULT(ringbolt_publish(NULL, "x", 1, NULL, NULL), RINGBOLT_ERROR_BAD_OPTION);
  CHECK_RESULT(ringbolt_next(NULL, &event, 0), RINGBOLT_ERROR_BAD_OPTION);
  CHECK_RESULT(ringbolt_poll(NULL, NULL, 0, NULL, 0, &count), RINGBOLT_ERROR_BAD_OPTION);
  publisher = open_small(ring);
  CHECK_RESULT(ringbolt_publish(publisher, NULL, 1, NULL, NULL), RINGBOLT_ERROR_BAD_OPTION);
  CHECK_RESULT(ringbolt_publish_for(publisher, "x", 1, -1, NULL, NULL), RINGBOLT_ERROR_BAD_OPTION);
  ringbolt_publisher_free(publisher);
  ringbolt_publisher_free(NULL);
  ringbolt_consumer_free(NULL);
}

static void a_longer_struct_of_a_newer_header_is_read_as_far_as_known(const char* ring) {
  struct {
    ringbolt_consumer_options known;
    uint64_t newer;
  } options;
  ringbolt_consumer* consumer = NULL;
  ringbolt_publisher* publisher = open_small(ring);
  memset(&options, 0, sizeof options);
  options.known.size = sizeof options;
  CHECK_RESULT(ringbolt_consumer_attach(ring, &options.known, &consumer), RINGBOLT_OK);
  ringbolt_consumer_free(consumer);
  options.newer = 1;
  CHECK_RESULT(ringbolt_consumer_attach(ring, &options.known, &consumer), RINGBOLT_ERROR_BAD_OPTION);
  options.known.size = offsetof(ringbolt_consumer_options, policy); /* and a shorter one of an older header */
  CHECK_RESULT(ringbolt_consumer_attach(ring, &options.known, &consumer), RINGBOLT_OK);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void two_publishers_of_one_ring_are_refused(const char* ring) {
  ringbolt_publisher* first = open_small(ring);
  ringbolt_publisher* second = NULL;
  CHECK_RESULT(ringbolt_publisher_open(ring, NULL, &second), RINGBOLT_ERROR_IN_USE);
  CHECK(second == NULL);
  ringbolt_publisher_free(first);
  CHECK_RESULT(ringbolt_publisher_open(ring, NULL, &second), RINGBOLT_OK);
  CHECK(ringbolt_epoch(second) == 2);
  ringbolt_publisher_free(second);
}

static void a_gating_consumer_makes_the_publisher_wait(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, "slow", RINGBOLT_POLICY_GATE, RINGBOLT_START_EARLIEST);
  ringbolt_event event;
  uint64_t sequence = 0;
  uint64_t published = 0;
  uint64_t read = 0;
  int32_t result;
  while ((result = ringbolt_try_publish(publisher, &published, sizeof published, NULL, &sequence)) == RINGBOLT_OK)
    ++published;
  CHECK_RESULT(result, RINGBOLT_FULL);
  CHECK_RESULT(ringbolt_publish_for(publisher, "x", 1, 1000000, NULL, NULL), RINGBOLT_TIMED_OUT);
  while (ringbolt_try_next(consumer, &event) == RINGBOLT_OK) CHECK(number_in(&event) == read++);
  CHECK(read == published);
  CHECK_RESULT(ringbolt_try_publish(publisher, "x", 1, NULL, NULL), RINGBOLT_OK);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void a_lossy_consumer_is_told_the_exact_gap(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, "lossy", RINGBOLT_POLICY_LOSSY, RINGBOLT_START_EARLIEST);
  ringbolt_event event;
  ringbolt_gap gap;
  uint64_t received = 0;
  uint64_t lost = 0;
  int32_t result;
  publish_numbers(publisher, 1, 5000);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_GAP);
  ringbolt_last_gap(consumer, &gap);
  CHECK(gap.first == 1 && gap.last >= 1 && gap.last < 5000 && gap.evicted == 0);
  lost = gap.last;
  while ((result = ringbolt_try_next(consumer, &event)) == RINGBOLT_OK) {
    ++received;
    CHECK(event.sequence == lost + received && number_in(&event) == event.sequence);
  }
  CHECK_RESULT(result, RINGBOLT_EMPTY);
  CHECK(received + lost == 5000);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void the_latest_policy_skips_to_the_newest(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, NULL, RINGBOLT_POLICY_LATEST, RINGBOLT_START_EARLIEST);
  ringbolt_event event;
  publish_numbers(publisher, 1, 100);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.sequence == 100);
  CHECK(ringbolt_consumer_policy(consumer) == RINGBOLT_POLICY_LATEST);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void count_evictions(void* context, int32_t level, const char* ring, const char* sentence) {
  if (level == RINGBOLT_LOG_WARNING && ring[0] != '\0' && strstr(sentence, "'slow'") != NULL) ++*(int*)context;
}
static void a_gate_with_a_budget_is_evicted_and_told(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  int told = 0;
  ringbolt_consumer_options options;
  ringbolt_consumer* consumer = NULL;
  ringbolt_event event;
  ringbolt_gap gap;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.name = "slow";
  options.policy = RINGBOLT_POLICY_GATE;
  options.start = RINGBOLT_START_EARLIEST;
  options.budget_ns = 1000000;
  CHECK_RESULT(ringbolt_consumer_attach(ring, &options, &consumer), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_set_log(count_evictions, &told), RINGBOLT_OK);
  publish_numbers(publisher, 1, 5000);
  CHECK_RESULT(ringbolt_set_log(NULL, NULL), RINGBOLT_OK);
  CHECK(told == 1);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_EVICTED);
  ringbolt_last_gap(consumer, &gap);
  CHECK(gap.evicted == 1 && gap.first == 1 && gap.last >= gap.first);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.sequence == gap.last + 1);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void a_name_resumes_behind_its_last_commit(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, "billing", RINGBOLT_POLICY_GATE, RINGBOLT_START_RESUME);
  ringbolt_event event;
  int i;
  publish_numbers(publisher, 1, 10);
  for (i = 0; i < 5; ++i) CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_commit(consumer, 3), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_commit(consumer, 6), RINGBOLT_ERROR_BAD_OPTION); /* was not handed out */
  ringbolt_consumer_free(consumer);
  consumer = attach(ring, "billing", RINGBOLT_POLICY_GATE, RINGBOLT_START_RESUME);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.sequence == 4);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void a_name_is_attached_once(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* first = attach(ring, "billing", RINGBOLT_POLICY_LOSSY, RINGBOLT_START_RESUME);
  ringbolt_consumer_options options;
  ringbolt_consumer* second = NULL;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.name = "billing";
  CHECK_RESULT(ringbolt_consumer_attach(ring, &options, &second), RINGBOLT_ERROR_IN_USE);
  ringbolt_consumer_free(first);
  ringbolt_publisher_free(publisher);
}

static void starts_where_it_is_told(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer_options options;
  ringbolt_consumer* consumer = NULL;
  ringbolt_event event;
  publish_numbers(publisher, 1, 10);
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.start = RINGBOLT_START_SEQUENCE;
  options.start_value = 7;
  CHECK_RESULT(ringbolt_consumer_attach(ring, &options, &consumer), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.sequence == 7);
  options.start = RINGBOLT_START_TIME;
  options.start_value = event.timestamp_ns;
  ringbolt_consumer_free(consumer);
  CHECK_RESULT(ringbolt_consumer_attach(ring, &options, &consumer), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.sequence <= 7 && event.timestamp_ns == options.start_value);
  ringbolt_consumer_free(consumer);
  options.start = RINGBOLT_START_LATEST;
  CHECK_RESULT(ringbolt_consumer_attach(ring, &options, &consumer), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_EMPTY);
  ringbolt_consumer_free(consumer);
  options.start = 77;
  CHECK_RESULT(ringbolt_consumer_attach(ring, &options, &consumer), RINGBOLT_ERROR_BAD_OPTION);
  ringbolt_publisher_free(publisher);
}

static void one_comes_after_another(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* risk = attach(ring, "risk", RINGBOLT_POLICY_GATE, RINGBOLT_START_RESUME);
  ringbolt_consumer_options options;
  ringbolt_consumer* send = NULL;
  ringbolt_event event;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.name = "send";
  options.policy = RINGBOLT_POLICY_GATE;
  options.after = "risk";
  CHECK_RESULT(ringbolt_consumer_attach(ring, &options, &send), RINGBOLT_OK);
  publish_numbers(publisher, 1, 2);
  CHECK_RESULT(ringbolt_try_next(send, &event), RINGBOLT_EMPTY);
  CHECK_RESULT(ringbolt_try_next(risk, &event), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_commit(risk, 1), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_try_next(send, &event), RINGBOLT_OK);
  CHECK(event.sequence == 1);
  CHECK_RESULT(ringbolt_try_next(send, &event), RINGBOLT_EMPTY);
  ringbolt_consumer_free(send);
  ringbolt_consumer_free(risk);
  ringbolt_publisher_free(publisher);
}

static void a_batch_is_seen_whole_or_not_at_all(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, NULL, RINGBOLT_POLICY_LOSSY, RINGBOLT_START_EARLIEST);
  ringbolt_message batch[3] = {{"one", 3, NULL, 0, 1, 0}, {NULL, 0, NULL, 0, 2, 0}, {"three", 5, NULL, 0, 3, 0}};
  ringbolt_message large = {NULL, 60000, NULL, 0, 0, 0};
  char* bytes = calloc(1, 60000);
  ringbolt_event event;
  uint64_t first = 0;
  CHECK_RESULT(ringbolt_publish_batch(publisher, batch, 3, &first), RINGBOLT_OK);
  CHECK(first == 1 && ringbolt_next_publish_sequence(publisher) == 4);
  CHECK_RESULT(ringbolt_try_publish_batch(publisher, batch, 0, &first), RINGBOLT_OK);
  CHECK(first == 4);
  large.payload = bytes;
  CHECK_RESULT(ringbolt_publish_batch(publisher, &large, 1, NULL), RINGBOLT_ERROR_EVENT_TOO_LARGE);
  CHECK_RESULT(ringbolt_try_publish_batch(publisher, &large, 1, NULL), RINGBOLT_TOO_LARGE);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.type == 1 && event.payload_bytes == 3 && memcmp(event.payload, "one", 3) == 0);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.type == 2 && event.payload_bytes == 0);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.type == 3 && event.payload_bytes == 5);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_EMPTY);
  free(bytes);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void a_claim_is_written_in_place(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, NULL, RINGBOLT_POLICY_LOSSY, RINGBOLT_START_EARLIEST);
  ringbolt_event event;
  void* payload = NULL;
  uint64_t sequence = 0;
  CHECK_RESULT(ringbolt_commit_claim(publisher, 1, NULL, NULL), RINGBOLT_ERROR_BAD_OPTION);
  CHECK_RESULT(ringbolt_claim(publisher, 100, &payload), RINGBOLT_OK);
  CHECK((uintptr_t)payload % 8 == 0);
  memset(payload, 'a', 100);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_EMPTY);
  CHECK_RESULT(ringbolt_commit_claim(publisher, 101, NULL, NULL), RINGBOLT_ERROR_BAD_OPTION);
  CHECK_RESULT(ringbolt_commit_claim(publisher, 10, NULL, &sequence), RINGBOLT_OK);
  CHECK(sequence == 1);
  CHECK_RESULT(ringbolt_commit_claim(publisher, 10, NULL, NULL), RINGBOLT_ERROR_BAD_OPTION); /* once */
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.payload_bytes == 10 && memcmp(event.payload, "aaaaaaaaaa", 10) == 0);
  CHECK_RESULT(ringbolt_try_claim(publisher, 100000, &payload), RINGBOLT_TOO_LARGE);
  CHECK_RESULT(ringbolt_try_claim(publisher, 8, &payload), RINGBOLT_OK); /* and is left alone */
  CHECK_RESULT(ringbolt_publish(publisher, "b", 1, NULL, &sequence), RINGBOLT_OK);
  CHECK(sequence == 2);
  CHECK_RESULT(ringbolt_commit_claim(publisher, 8, NULL, NULL), RINGBOLT_ERROR_BAD_OPTION); /* the publish has ended it */
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void an_event_that_is_too_large_is_refused(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  const size_t largest = (size_t)ringbolt_largest_payload_bytes(publisher);
  char* bytes = calloc(1, largest + 1);
  CHECK(ringbolt_capacity_bytes(publisher) == 65536);
  CHECK_RESULT(ringbolt_publish(publisher, bytes, largest, NULL, NULL), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_publish(publisher, bytes, largest + 1, NULL, NULL), RINGBOLT_ERROR_EVENT_TOO_LARGE);
  CHECK_RESULT(ringbolt_try_publish(publisher, bytes, largest + 1, NULL, NULL), RINGBOLT_TOO_LARGE);
  free(bytes);
  ringbolt_publisher_free(publisher);
}

static void attributes_go_with_an_event(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, NULL, RINGBOLT_POLICY_LOSSY, RINGBOLT_START_EARLIEST);
  const ringbolt_attribute given[3] = {{"traceparent", 0, "00-1-2-01", 9}, {"shop-id", 4, "7", 1}, {"key", 0, NULL, 0}};
  const ringbolt_attribute bad = {"no good", 0, "x", 1};
  ringbolt_event_options options = {.size = sizeof options, .attributes = given, .attribute_count = 3};
  ringbolt_message batch[2] = {{"first", 5, given, 1, 1, 0}, {"second", 6, given + 1, 2, 2, 0}};
  ringbolt_attribute got[3];
  ringbolt_event events[4];
  uint64_t buffer[64];
  const void* value = NULL;
  size_t bytes = 0;
  size_t count = 0;
  CHECK_RESULT(ringbolt_publish(publisher, "hello", 5, &options, NULL), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_publish_batch(publisher, batch, 2, NULL), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_publish(publisher, "plain", 5, NULL, NULL), RINGBOLT_OK);
  options.attributes = &bad;
  options.attribute_count = 1;
  CHECK_RESULT(ringbolt_publish(publisher, "hello", 5, &options, NULL), RINGBOLT_ERROR_BAD_OPTION);
  CHECK_RESULT(ringbolt_poll(consumer, buffer, sizeof buffer, events, 4, &count), RINGBOLT_OK);
  CHECK(count == 4);
  CHECK(ringbolt_attributes(&events[0], got, 3) == 3);
  CHECK(got[0].name_bytes == 11 && memcmp(got[0].name, "traceparent", 11) == 0);
  CHECK(got[0].value_bytes == 9 && memcmp(got[0].value, "00-1-2-01", 9) == 0);
  CHECK(got[1].name_bytes == 4 && memcmp(got[1].name, "shop", 4) == 0 && got[2].value_bytes == 0);
  CHECK(events[0].payload_bytes == 5 && memcmp(events[0].payload, "hello", 5) == 0);
  CHECK_RESULT(ringbolt_find_attribute(&events[0], "shop", &value, &bytes), RINGBOLT_OK);
  CHECK(bytes == 1 && memcmp(value, "7", 1) == 0);
  CHECK_RESULT(ringbolt_find_attribute(&events[0], "shop-id", &value, &bytes), RINGBOLT_EMPTY);
  CHECK(ringbolt_attributes(&events[1], NULL, 0) == 1 && ringbolt_attributes(&events[2], got, 1) == 2);
  CHECK(events[2].payload_bytes == 6 && memcmp(events[2].payload, "second", 6) == 0);
  CHECK(ringbolt_attributes(&events[3], got, 3) == 0 && events[3].payload_bytes == 5);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void poll_fills_the_callers_buffer(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, "batch", RINGBOLT_POLICY_GATE, RINGBOLT_START_EARLIEST);
  uint64_t buffer[8];
  ringbolt_event events[16];
  ringbolt_event event;
  size_t count = 0;
  CHECK_RESULT(ringbolt_poll(consumer, buffer, sizeof buffer, events, 16, &count), RINGBOLT_EMPTY);
  CHECK(count == 0);
  publish_numbers(publisher, 1, 10);
  CHECK_RESULT(ringbolt_poll(consumer, buffer, sizeof buffer, events, 3, &count), RINGBOLT_OK); /* the limit */
  CHECK(count == 3 && events[2].sequence == 3 && number_in(&events[2]) == 3);
  CHECK_RESULT(ringbolt_poll(consumer, buffer, 20, events, 16, &count), RINGBOLT_OK); /* the buffer */
  CHECK(count == 2 && events[1].sequence == 5 && number_in(&events[1]) == 5);
  CHECK_RESULT(ringbolt_poll(consumer, buffer, sizeof buffer, events, 16, &count), RINGBOLT_EMPTY); /* and five before it */
  CHECK(count == 5 && events[4].sequence == 10 && number_in(&events[4]) == 10);
  CHECK_RESULT(ringbolt_publish(publisher, buffer, sizeof buffer, NULL, NULL), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_poll(consumer, buffer, 63, events, 16, &count), RINGBOLT_ERROR_BUFFER_TOO_SMALL);
  CHECK(count == 0 && events[0].payload_bytes == sizeof buffer);
  CHECK_RESULT(ringbolt_poll(consumer, buffer, sizeof buffer, events, 1, &count), RINGBOLT_OK); /* nothing was lost */
  CHECK(count == 1 && events[0].sequence == 11);
  CHECK_RESULT(ringbolt_commit(consumer, 4), RINGBOLT_OK); /* polling committed nothing */
  ringbolt_consumer_free(consumer);
  consumer = attach(ring, "batch", RINGBOLT_POLICY_GATE, RINGBOLT_START_RESUME);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  CHECK(event.sequence == 5);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void poll_lets_the_publisher_go_on(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, "batch", RINGBOLT_POLICY_GATE, RINGBOLT_START_EARLIEST);
  static uint64_t values[1000];
  uint64_t numbers[1000];
  uint64_t published = 0;
  uint64_t read = 0;
  size_t count = 0;
  size_t i;
  while (published < 20000 && failures == 0) {
    const uint64_t before = published;
    while (published < 20000 && ringbolt_try_publish(publisher, &published, sizeof published, NULL, NULL) == RINGBOLT_OK) {
      ++published;
    }
    CHECK(published != before); /* its gate has moved */
    for (;;) {
      const int32_t result = ringbolt_poll_array(consumer, values, sizeof values[0], numbers, NULL, 1000, &count);
      CHECK(result == RINGBOLT_OK || result == RINGBOLT_EMPTY);
      for (i = 0; i < count; ++i, ++read) CHECK(values[i] == read && numbers[i] == read + 1);
      if (result != RINGBOLT_OK) break;
    }
  }
  CHECK(read == 20000);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void arrays_of_one_size(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, NULL, RINGBOLT_POLICY_LOSSY, RINGBOLT_START_EARLIEST);
  uint32_t values[100];
  uint32_t got[200];
  uint64_t numbers[200];
  uint64_t stamps[200];
  uint64_t first = 0;
  size_t count = 0;
  uint32_t i;
  for (i = 0; i < 100; ++i) values[i] = i * 3;
  CHECK_RESULT(ringbolt_publish_array(publisher, values, sizeof values[0], 100, 5, RINGBOLT_FOREVER, &first, &count),
               RINGBOLT_OK);
  CHECK(first == 1 && count == 100 && ringbolt_next_publish_sequence(publisher) == 101);
  CHECK_RESULT(ringbolt_publish_array(publisher, values, 0, 100, 5, 0, &first, NULL), RINGBOLT_ERROR_BAD_OPTION);
  CHECK_RESULT(ringbolt_publish(publisher, "other", 5, NULL, NULL), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_poll_array(consumer, got, sizeof got[0], numbers, stamps, 200, &count), RINGBOLT_OK);
  CHECK(count == 100 && memcmp(values, got, sizeof values) == 0 && numbers[99] == 100 && stamps[99] != 0);
  CHECK_RESULT(ringbolt_poll_array(consumer, got, sizeof got[0], numbers, NULL, 200, &count), RINGBOLT_ERROR_BAD_OPTION);
  CHECK(count == 0 && ringbolt_next_sequence(consumer) == 101);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void the_stream_ends_and_goes_on(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, NULL, RINGBOLT_POLICY_LOSSY, RINGBOLT_START_EARLIEST);
  ringbolt_event event;
  int32_t alive = -1;
  publish_numbers(publisher, 1, 1);
  CHECK_RESULT(ringbolt_publisher_close(publisher), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_publisher_alive(consumer, &alive), RINGBOLT_OK);
  CHECK(alive == 1);
  ringbolt_publisher_free(publisher);
  CHECK_RESULT(ringbolt_publisher_alive(consumer, &alive), RINGBOLT_OK);
  CHECK(alive == 0);
  CHECK_RESULT(ringbolt_next(consumer, &event, RINGBOLT_FOREVER), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_next(consumer, &event, RINGBOLT_FOREVER), RINGBOLT_CLOSED);
  CHECK_RESULT(ringbolt_wait(consumer, RINGBOLT_FOREVER), RINGBOLT_CLOSED);
  publisher = open_small(ring);
  publish_numbers(publisher, 2, 2);
  CHECK_RESULT(ringbolt_next(consumer, &event, RINGBOLT_FOREVER), RINGBOLT_OK);
  CHECK(event.sequence == 2);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void waiting_ends_at_the_time_out(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, NULL, RINGBOLT_POLICY_LOSSY, RINGBOLT_START_EARLIEST);
  ringbolt_event event;
  CHECK_RESULT(ringbolt_wait(consumer, 1000000), RINGBOLT_TIMED_OUT);
  CHECK_RESULT(ringbolt_next(consumer, &event, 1000000), RINGBOLT_TIMED_OUT);
  CHECK_RESULT(ringbolt_next(consumer, &event, -1), RINGBOLT_ERROR_BAD_OPTION);
  publish_numbers(publisher, 1, 1);
  CHECK_RESULT(ringbolt_wait(consumer, 0), RINGBOLT_OK);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void a_descriptor_wakes(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, NULL, RINGBOLT_POLICY_LOSSY, RINGBOLT_START_EARLIEST);
  ringbolt_event event;
  struct pollfd wait;
  wait.events = POLLIN;
  CHECK_RESULT(ringbolt_consumer_fd(consumer, &wait.fd), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_EMPTY);
  publish_numbers(publisher, 1, 1);
  CHECK(poll(&wait, 1, 10000) == 1);
  CHECK_RESULT(ringbolt_try_next(consumer, &event), RINGBOLT_OK);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void a_forked_child_may_only_free(const char* ring) {
  ringbolt_publisher* publisher = open_small(ring);
  ringbolt_consumer* consumer = attach(ring, "parent", RINGBOLT_POLICY_GATE, RINGBOLT_START_EARLIEST);
  int status = -1;
  pid_t child;
  fflush(stdout);
  child = fork();
  if (child == 0) {
    ringbolt_event event;
    int bad = ringbolt_publish(publisher, "x", 1, NULL, NULL) != RINGBOLT_ERROR_FORKED;
    bad += ringbolt_try_next(consumer, &event) != RINGBOLT_ERROR_FORKED;
    ringbolt_consumer_free(consumer);
    ringbolt_publisher_free(publisher);
    _exit(bad);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  publish_numbers(publisher, 1, 1);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void a_publisher_that_is_killed_is_followed_without_a_gap(const char* ring) {
  ringbolt_consumer* consumer;
  ringbolt_publisher* publisher;
  ringbolt_event event;
  uint64_t wanted = 1;
  int turn;
  ringbolt_publisher_free(open_small(ring));
  consumer = attach(ring, NULL, RINGBOLT_POLICY_GATE, RINGBOLT_START_EARLIEST);
  for (turn = 0; turn < 3; ++turn) {
    int pipe_ends[2];
    char byte;
    pid_t child;
    CHECK(pipe(pipe_ends) == 0);
    fflush(stdout);
    child = fork();
    if (child == 0) {
      uint64_t number;
      ringbolt_publisher* mine = open_small(ring);
      for (number = 0; number < 100; ++number) ringbolt_publish(mine, &number, sizeof number, NULL, NULL);
      if (write(pipe_ends[1], "x", 1) != 1) _exit(1);
      for (;;) pause();
    }
    CHECK(read(pipe_ends[0], &byte, 1) == 1);
    kill(child, 9);
    waitpid(child, NULL, 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    while (ringbolt_try_next(consumer, &event) == RINGBOLT_OK) CHECK(event.sequence == wanted++);
  }
  CHECK(wanted == 301);
  publisher = open_small(ring);
  CHECK(ringbolt_epoch(publisher) == 5 && ringbolt_next_publish_sequence(publisher) == 301);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
}

static void a_journal_gives_back_what_the_ring_lost(const char* ring) {
  ringbolt_publisher_options options;
  ringbolt_publisher* publisher = NULL;
  ringbolt_consumer* consumer;
  ringbolt_event event;
  char directory[] = "/var/tmp/ringbolt-c-XXXXXX"; /* on a disk */
  char command[100];
  uint64_t number;
  uint64_t durable = 0;
  CHECK(mkdtemp(directory) != NULL);
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.capacity_bytes = 65536;
  options.journal = directory;
  options.journal_sync = RINGBOLT_SYNC_EVERY;
  options.journal_segment_bytes = 1 << 20;
  CHECK_RESULT(ringbolt_publisher_open(ring, &options, &publisher), RINGBOLT_OK);
  if (publisher == NULL) return;
  publish_numbers(publisher, 1, 5000);
  CHECK_RESULT(ringbolt_wait_durable(publisher, 5000, RINGBOLT_FOREVER), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_durable_sequence(publisher, &durable), RINGBOLT_OK);
  CHECK(durable == 5000);
  consumer = attach(ring, "billing", RINGBOLT_POLICY_DEFAULT, RINGBOLT_START_EARLIEST);
  CHECK(ringbolt_consumer_policy(consumer) == RINGBOLT_POLICY_JOURNAL);
  for (number = 1; number <= 5000; ++number) {
    const int32_t result = ringbolt_next(consumer, &event, RINGBOLT_FOREVER);
    CHECK(result == RINGBOLT_OK && event.sequence == number && number_in(&event) == number);
    if (result != RINGBOLT_OK) break;
  }
  CHECK_RESULT(ringbolt_commit_durable(consumer, 5000), RINGBOLT_OK);
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
  snprintf(command, sizeof command, "rm -r '%s'", directory);
  CHECK(system(command) == 0);
}

static void rings_are_created_seen_and_removed(const char* ring) {
  uint64_t longer[sizeof(ringbolt_ring_stat) / sizeof(uint64_t) + 2];
  const size_t size = sizeof longer;
  ringbolt_publisher_options options;
  ringbolt_ring_stat stat;
  ringbolt_publisher* publisher;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.capacity_bytes = 65536;
  options.first_sequence = 100;
  CHECK_RESULT(ringbolt_create(ring, &options), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_create(ring, &options), RINGBOLT_ERROR_ALREADY_EXISTS);
  stat.size = 0;
  CHECK_RESULT(ringbolt_stat(ring, &stat), RINGBOLT_ERROR_BAD_OPTION);
  stat.size = sizeof stat;
  CHECK_RESULT(ringbolt_stat(ring, &stat), RINGBOLT_OK);
  memset(longer, 0xaa, sizeof longer);
  memcpy(longer, &size, sizeof size);
  CHECK_RESULT(ringbolt_stat(ring, (ringbolt_ring_stat*)longer), RINGBOLT_OK);
  CHECK(longer[sizeof longer / sizeof longer[0] - 1] == 0); /* of a newer header */
  CHECK(strlen(stat.ring_id) == 32 && strspn(stat.ring_id, "0123456789abcdef") == 32);
  CHECK(stat.capacity_bytes == 65536 && stat.newest_sequence == 0 && stat.publisher_alive == 0 && stat.timestamps == 1);
  publisher = open_small(ring);
  publish_numbers(publisher, 100, 101);
  CHECK_RESULT(ringbolt_stat(ring, &stat), RINGBOLT_OK);
  CHECK(stat.newest_sequence == 101 && stat.publisher_alive == 1 && stat.publisher_pid == (uint64_t)getpid());
  CHECK_RESULT(ringbolt_remove(ring, 0), RINGBOLT_ERROR_IN_USE);
  CHECK_RESULT(ringbolt_remove(ring, 1), RINGBOLT_OK);
  CHECK_RESULT(ringbolt_stat(ring, &stat), RINGBOLT_ERROR_NOT_FOUND);
  ringbolt_publisher_free(publisher);
}

static void results_have_names(const char* ring) {
  int32_t result;
  (void)ring;
  for (result = RINGBOLT_ERROR_BUFFER_TOO_SMALL; result <= RINGBOLT_TIMED_OUT; ++result) {
    CHECK(strcmp(ringbolt_result_name(result), "unknown") != 0);
  }
  CHECK(strcmp(ringbolt_result_name(RINGBOLT_ERROR_BUFFER_TOO_SMALL - 1), "unknown") == 0);
  CHECK(strcmp(ringbolt_result_name(RINGBOLT_TIMED_OUT + 1), "unknown") == 0);
  CHECK(strcmp(ringbolt_result_name(RINGBOLT_GAP), "gap") == 0);
  CHECK(strcmp(ringbolt_result_name(RINGBOLT_ERROR_NOT_FOUND), "not_found") == 0);
  CHECK(strchr(ringbolt_version(), '.') != NULL);
}

typedef struct {
  const char* name;
  void (*run)(const char* ring);
} test_case;
#define CASE(name) \
  { #name, name }

static const test_case cases[] = {
    CASE(publishes_and_reads_back),
    CASE(a_ring_that_is_not_there_is_an_error_that_says_so),
    CASE(null_and_nonsense_are_errors_not_crashes),
    CASE(a_longer_struct_of_a_newer_header_is_read_as_far_as_known),
    CASE(two_publishers_of_one_ring_are_refused),
    CASE(a_gating_consumer_makes_the_publisher_wait),
    CASE(a_lossy_consumer_is_told_the_exact_gap),
    CASE(the_latest_policy_skips_to_the_newest),
    CASE(a_gate_with_a_budget_is_evicted_and_told),
    CASE(a_name_resumes_behind_its_last_commit),
    CASE(a_name_is_attached_once),
    CASE(starts_where_it_is_told),
    CASE(one_comes_after_another),
    CASE(a_batch_is_seen_whole_or_not_at_all),
    CASE(a_claim_is_written_in_place),
    CASE(an_event_that_is_too_large_is_refused),
    CASE(attributes_go_with_an_event),
    CASE(poll_fills_the_callers_buffer),
    CASE(poll_lets_the_publisher_go_on),
    CASE(arrays_of_one_size),
    CASE(the_stream_ends_and_goes_on),
    CASE(waiting_ends_at_the_time_out),
    CASE(a_descriptor_wakes),
    CASE(a_forked_child_may_only_free),
    CASE(a_publisher_that_is_killed_is_followed_without_a_gap),
    CASE(a_journal_gives_back_what_the_ring_lost),
    CASE(rings_are_created_seen_and_removed),
    CASE(results_have_names),
};

int main(int argc, char** argv) {
  size_t i;
  int ran = 0;
  char directory[] = "/dev/shm/ringbolt-c-XXXXXX";
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) puts(cases[i].name);
    return 0;
  }
  if (mkdtemp(directory) == NULL || setenv("RINGBOLT_DIR", directory, 1) != 0) {
    perror(directory);
    return 1;
  }
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    char ring[32];
    int wanted = argc == 1;
    int argument;
    for (argument = 1; argument < argc; ++argument) wanted |= strcmp(argv[argument], cases[i].name) == 0;
    if (!wanted) continue;
    running = cases[i].name;
    snprintf(ring, sizeof ring, "case-%u", (unsigned)i);
    cases[i].run(ring);
    (void)ringbolt_remove(ring, 1);
    ++ran;
  }
  if (rmdir(directory) != 0) {
    perror(directory); /* something was left behind */
    ++failures;
  }
  printf("%d cases, %d failures\n", ran, failures);
  return failures != 0 || ran == 0;
}
