"""Sends a mail for each order: a line in a file. It may be killed and started again at any moment, and sends none twice.

mailer.py RING FILE
"""

import json
import struct
import sys

import ringbolt

ORDER_PLACED = 1
ORDER = struct.Struct("<IIII")  # customer, item, pieces, cents


def last_sent(mails):
    """The number of the order that the last mail is about: what was sent is asked of what sends, not remembered beside it."""
    mails.seek(0)
    return max((int(line.split()[0]) for line in mails), default=0)


def main():
    _, ring, path = sys.argv
    again = 0
    with open(path, "a+b", buffering=0) as mails, ringbolt.Consumer(ring, name="e-mail") as consumer:
        sent = last_sent(mails)
        for event in consumer:  # from behind the last commit; what the ring no longer has comes from the journal
            if event.sequence <= sent:
                again += 1
            elif event.type == ORDER_PLACED:
                customer, _, pieces, cents = ORDER.unpack(event)
                mails.write(b"%d customer %d: %d pieces, %d cents\n" % (event.sequence, customer, pieces, cents))
            consumer.commit(event)
    print(json.dumps({"came_again": again}))


if __name__ == "__main__":
    try:
        main()
    except ringbolt.Error as error:
        sys.exit(f"mailer.py: {error}")
