/* A stranger's program in C: publishes one event and reads it back. */
#include <ringbolt/ringbolt.h>

#include <stdio.h>

int main(int argc, char** argv) {
  ringbolt_publisher* publisher = NULL;
  ringbolt_consumer* consumer = NULL;
  ringbolt_event event;
  int done;
  if (argc != 2) return 2;
  done = ringbolt_publisher_open(argv[1], NULL, &publisher) == RINGBOLT_OK &&
         ringbolt_consumer_attach(argv[1], NULL, &consumer) == RINGBOLT_OK &&
         ringbolt_publish(publisher, "installed", 9, NULL, NULL) == RINGBOLT_OK &&
         ringbolt_next(consumer, &event, RINGBOLT_FOREVER) == RINGBOLT_OK && event.payload_bytes == 9;
  if (!done) fprintf(stderr, "stranger: %s\n", ringbolt_last_error());
  ringbolt_consumer_free(consumer);
  ringbolt_publisher_free(publisher);
  return ringbolt_remove(argv[1], 0) == RINGBOLT_OK && done ? 0 : 1;
}
