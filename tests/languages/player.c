/* What player.cpp does, in C. */
#include <ringbolt/ringbolt.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int fail(const char* what) {
  fprintf(stderr, "player: %s: %s\n", what, ringbolt_last_error());
  return 1;
}

static int publish(const char* ring, uint64_t capacity, uint64_t more, const char* journal) {
  const struct timespec millisecond = {0, 1000000};
  ringbolt_publisher_options options;
  ringbolt_publisher* publisher;
  uint64_t done;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.capacity_bytes = capacity;
  options.journal = *journal != '\0' ? journal : NULL;
  if (ringbolt_publisher_open(ring, &options, &publisher) < 0) return fail("open");
  for (done = 0; more == 0 || done < more; ++done) {
    const uint64_t next = ringbolt_next_publish_sequence(publisher);
    const uint64_t numbers[2] = {next, 7919 * next};
    ringbolt_event_options event;
    ringbolt_attribute key;
    char digits[24];
    memset(&event, 0, sizeof event);
    memset(&key, 0, sizeof key);
    event.size = sizeof event;
    event.type = (uint32_t)(next % 1000);
    if (next % 10 == 0) {
      key.name = "key";
      key.value = digits;
      key.value_bytes = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, next);
      event.attributes = &key;
      event.attribute_count = 1;
    }
    if (ringbolt_publish(publisher, numbers, sizeof numbers, &event, NULL) < 0) return fail("publish");
    if (done % 20 == 19) nanosleep(&millisecond, NULL);
  }
  if (ringbolt_publisher_close(publisher) < 0) return fail("close");
  printf("published %" PRIu64 "\n", ringbolt_next_publish_sequence(publisher) - 1);
  ringbolt_publisher_free(publisher);
  return 0;
}

static int is_right(const ringbolt_event* event) {
  uint64_t numbers[2];
  ringbolt_attribute attribute;
  char digits[24];
  const size_t attributes = ringbolt_attributes(event, &attribute, 1);
  if (event->payload_bytes != sizeof numbers || event->type != event->sequence % 1000) return 0;
  memcpy(numbers, event->payload, sizeof numbers);
  if (numbers[0] != event->sequence || numbers[1] != 7919 * event->sequence) return 0;
  if (event->sequence % 10 != 0) return attributes == 0;
  snprintf(digits, sizeof digits, "%" PRIu64, event->sequence);
  return attributes == 1 && attribute.name_bytes == 3 && memcmp(attribute.name, "key", 3) == 0 &&
         attribute.value_bytes == strlen(digits) && memcmp(attribute.value, digits, attribute.value_bytes) == 0;
}

static int consume(const char* ring, const char* policy) {
  ringbolt_consumer_options options;
  ringbolt_consumer* consumer;
  uint64_t first = 0, received = 0, lost = 0;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.name = "reader";
  options.policy = strcmp(policy, "gate") == 0      ? RINGBOLT_POLICY_GATE
                   : strcmp(policy, "lossy") == 0   ? RINGBOLT_POLICY_LOSSY
                   : strcmp(policy, "journal") == 0 ? RINGBOLT_POLICY_JOURNAL
                                                    : RINGBOLT_POLICY_LATEST;
  if (ringbolt_consumer_attach(ring, &options, &consumer) < 0) return fail("attach");
  for (;;) {
    ringbolt_event event;
    ringbolt_gap gap;
    const int32_t status = ringbolt_next(consumer, &event, INT64_C(10000000000));
    if (status == RINGBOLT_CLOSED) break;
    if (status == RINGBOLT_GAP) {
      ringbolt_last_gap(consumer, &gap);
      if (first == 0) first = gap.first;
      lost += gap.last + 1 - gap.first;
      continue;
    }
    if (status != RINGBOLT_OK) return fail(ringbolt_result_name(status));
    if (!is_right(&event)) {
      fprintf(stderr, "player: event %" PRIu64 " is another one\n", event.sequence);
      return 1;
    }
    if (first == 0) first = event.sequence;
    if (ringbolt_commit(consumer, event.sequence) < 0) return fail("commit");
    if (++received % 500 == 0) {
      printf("at %" PRIu64 "\n", event.sequence);
      fflush(stdout);
    }
  }
  printf("read %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", first, ringbolt_next_sequence(consumer) - 1, received,
         lost);
  ringbolt_consumer_free(consumer);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 6 && strcmp(argv[1], "publish") == 0)
    return publish(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10), argv[5]);
  if (argc == 4 && strcmp(argv[1], "consume") == 0) return consume(argv[2], argv[3]);
  return 2;
}
