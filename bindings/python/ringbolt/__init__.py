"""A lock-free event ring in shared memory: one process publishes, any number of processes consume.

    import ringbolt

    with ringbolt.Publisher("orders", capacity="64MiB") as publisher:
        sequence = publisher.publish(b"...", type=1)

    with ringbolt.Consumer("orders", name="billing", policy="gate") as consumer:
        for event in consumer:                  # waits for the next one; Ctrl-C ends it
            handle(event.sequence, bytes(event))
            consumer.commit(event)              # "billing" resumes behind this one, also after kill -9

    async for event in consumer: ...            # in asyncio

Publishers and consumers are used by one thread at a time. Every error is an `Error`, whose `code` is a word to decide by.
"""

from ._errors import Error, GapError
from ._ringbolt import Event, remove, set_log, stat
from ._ringbolt import version as __version__
from ._doors import Consumer, Publisher

__all__ = ["Consumer", "Error", "Event", "GapError", "Publisher", "remove", "set_log", "stat", "__version__"]
