"""Carries a trace from the process that publishes to the one that consumes: W3C trace context in an event's attributes.

OpenTelemetry's `inject` writes names and values into a dict, and an event's attributes are one; `extract` reads them again. Needs
the package opentelemetry-api, and, for spans that go anywhere, an SDK that the program has set up as its own documentation says.

opentelemetry.py publish RING [TRACEPARENT]     one order, as a part of that trace
opentelemetry.py consume RING                   each order, until the stream is closed
"""

import sys

# This file has the package's name: where it is run, its own directory is no place to look for that.
sys.path = [place for place in sys.path if place != __file__.rpartition("/")[0]]

import ringbolt  # noqa: E402

try:
    from opentelemetry import propagate, trace
except ImportError:
    sys.exit("opentelemetry.py: the package opentelemetry-api is not installed: pip install opentelemetry-api")

tracer = trace.get_tracer("shop.orders")


def publish(publisher, payload):
    """Publishes as a part of the span that is current here."""
    with tracer.start_as_current_span("send orders", kind=trace.SpanKind.PRODUCER):
        attributes = {}
        propagate.inject(attributes)  # traceparent, and tracestate and baggage where there are any
        return publisher.publish(payload, attributes=attributes)


def consume(consumer, handle):
    """Hands each event to `handle`, in a span whose parent is the one that published it."""
    for event in consumer:
        carrier = {name: value.decode("ascii", "replace") for name, value in event.attributes.items()}
        with tracer.start_as_current_span(
            "process orders",
            context=propagate.extract(carrier),
            kind=trace.SpanKind.CONSUMER,
            attributes={"messaging.system": "ringbolt", "messaging.message.id": str(event.sequence)},
        ):
            handle(event)
        consumer.commit(event)


def main(words):
    if words[:1] == ["publish"] and len(words) in (2, 3):
        came = propagate.extract({"traceparent": words[2]} if len(words) == 3 else {})  # as with an HTTP request
        with ringbolt.Publisher(words[1]) as publisher:
            with trace.use_span(trace.get_current_span(came)):
                print("published", publish(publisher, b"an order"))
            publisher.end()
    elif words[:1] == ["consume"] and len(words) == 2:

        def show(event):
            context = trace.get_current_span().get_span_context()
            print(f"order {event.sequence} is part of trace {context.trace_id:032x}")

        with ringbolt.Consumer(words[1], name="traced") as consumer:
            consume(consumer, show)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ringbolt.Error as error:
        sys.exit(f"opentelemetry.py: {error}")
