"""What player.cpp does, in Python."""

import struct
import sys
import time

import ringbolt


def publish(ring, capacity, more, journal):
    with ringbolt.Publisher(ring, capacity=int(capacity), journal=journal or None) as publisher:
        done = 0
        while int(more) == 0 or done < int(more):
            number = publisher.next_sequence
            attributes = {"key": str(number)} if number % 10 == 0 else None
            payload = struct.pack("<QQ", number, 7919 * number % 2**64)
            publisher.publish(payload, type=number % 1000, attributes=attributes)
            done += 1
            if done % 20 == 0:
                time.sleep(0.001)
        publisher.end()
        print("published", publisher.next_sequence - 1)


def check(event):
    number = event.sequence
    right = (bytes(event), event.type, event.attributes) == (
        struct.pack("<QQ", number, 7919 * number % 2**64),
        number % 1000,
        {"key": str(number).encode()} if number % 10 == 0 else {},
    )
    if not right:
        sys.exit(f"player: event {number} is another one")


def consume(ring, policy):
    with ringbolt.Consumer(ring, name="reader", policy=policy) as consumer:
        first, received, lost = None, 0, 0
        while True:
            try:
                for event in consumer:
                    check(event)
                    first = first or event.sequence
                    consumer.commit(event)
                    received += 1
                    if received % 500 == 0:
                        print("at", event.sequence, flush=True)
                break
            except ringbolt.GapError as gap:
                first = first or gap.first
                lost += gap.last + 1 - gap.first
        print("read", first, consumer.next_sequence - 1, received, lost)


{"publish": publish, "consume": consume}[sys.argv[1]](*sys.argv[2:])
