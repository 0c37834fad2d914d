#!/usr/bin/env python3
"""What an event costs in Python: single calls, and from one process to another beside multiprocessing.Queue and pyzmq.

Usage: python_bench.py [--slices N] [--events N] [--json FILE]

The package is where PYTHONPATH says. Contenders take turns, every other round backwards; each payload that arrives is compared
with what was sent. A peer that is not installed is named and left out. Times are the median over the slices.
"""
import argparse
import json
import multiprocessing
import os
import pathlib
import platform
import shutil
import statistics
import sys
import tempfile
import time

import ringbolt

try:
    import numpy
except ImportError:
    numpy = None
try:
    import zmq
except ImportError:
    zmq = None

PAYLOAD = bytes(range(64))
CAPACITY = "16MiB"
AT_A_TIME = 4096  # values of an array
FORK = multiprocessing.get_context("fork")


class Contender:
    """`send` runs in a process of its own, once `ready` is set; `receive` yields so many payloads, or counts them."""

    def __init__(self, name, events):
        self.name, self.events, self.ready = name, events, FORK.Event()

    def measure(self):
        sender = FORK.Process(target=self.run_sender)
        sender.start()
        try:
            return self.receive() / self.events
        finally:
            sender.join()

    def run_sender(self):
        if not self.ready.wait(30):
            sys.exit("the receiver did not come")
        self.send()

    def time_events(self, payloads):
        """Nanoseconds from the first event to the last."""
        begin, count = None, 0
        for payload in payloads:
            if begin is None:
                begin = time.perf_counter_ns()
            if payload != PAYLOAD:
                raise AssertionError("another payload arrived")
            count += 1
            if count == self.events:
                break
        return time.perf_counter_ns() - begin


class RingEvents(Contender):
    def __init__(self, events):
        super().__init__("ringbolt, publish to for", events)

    def send(self):
        with ringbolt.Publisher("bench") as publisher:
            for _ in range(self.events):
                publisher.publish(PAYLOAD)

    def receive(self):
        ringbolt.Publisher("bench", capacity=CAPACITY).close()
        with ringbolt.Consumer("bench", policy="gate", start="latest") as consumer:
            self.ready.set()
            return self.time_events(bytes(event) for event in consumer)


class RingArrays(Contender):
    """As many 64-byte values, the number of each in its first word."""

    def __init__(self, events):
        super().__init__("ringbolt, publish_array to poll_array", events // AT_A_TIME * AT_A_TIME)

    def send(self):
        values = numpy.zeros((AT_A_TIME, 8), dtype="<u8").view([("words", "<u8", 8)]).reshape(-1)
        values["words"][:, 0] = numpy.arange(AT_A_TIME)
        with ringbolt.Publisher("bench") as publisher:
            for _ in range(self.events // AT_A_TIME):
                publisher.publish_array(values)
                values["words"][:, 0] += AT_A_TIME

    def receive(self):
        ringbolt.Publisher("bench", capacity=CAPACITY).close()
        dtype = numpy.dtype([("words", "<u8", 8)])
        with ringbolt.Consumer("bench", policy="gate", start="latest") as consumer:
            self.ready.set()
            begin, count = None, 0
            while count < self.events:
                if not consumer.wait(30):
                    raise AssertionError("no event in 30 s")
                if begin is None:
                    begin = time.perf_counter_ns()
                values = consumer.poll_array(dtype, limit=65536)
                if not numpy.array_equal(values["words"][:, 0], numpy.arange(count, count + len(values), dtype="<u8")):
                    raise AssertionError("another value arrived")
                count += len(values)
            return time.perf_counter_ns() - begin


class Queue(Contender):
    def __init__(self, events):
        super().__init__("multiprocessing.Queue", events // 20)
        self.queue = FORK.Queue(10_000)

    def send(self):
        for _ in range(self.events):
            self.queue.put(PAYLOAD)

    def receive(self):
        self.ready.set()
        return self.time_events(iter(self.queue.get, None))


class ZeroMQ(Contender):
    def __init__(self, events):
        super().__init__("pyzmq, push to pull over ipc://", events // 10)
        self.address = f"ipc://{os.environ['RINGBOLT_DIR']}/zmq"

    def send(self):
        with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
            socket.connect(self.address)
            for _ in range(self.events):
                socket.send(PAYLOAD)

    def receive(self):
        with zmq.Context() as context, context.socket(zmq.PULL) as socket:
            socket.bind(self.address)
            self.ready.set()
            return self.time_events(iter(socket.recv, None))


def per_call(events):
    """Nanoseconds a call with nobody on the other side at that moment, by name. The ring holds them all."""
    took = {}
    with ringbolt.Publisher("calls", capacity="64MiB") as publisher:
        with ringbolt.Consumer("calls", policy="gate", start="latest") as consumer:
            count = min(events, publisher.capacity_bytes // 2 // 96)
            publish = publisher.publish
            begin = time.perf_counter_ns()
            for _ in range(count):
                publish(PAYLOAD)
            took["publish"] = (time.perf_counter_ns() - begin) / count
            publisher.end()
            begin = time.perf_counter_ns()
            for event in consumer:
                pass
            took["event in for"] = (time.perf_counter_ns() - begin) / count
    if numpy is not None:
        values = numpy.zeros(count, dtype="<u8")
        with ringbolt.Publisher("calls") as publisher:
            with ringbolt.Consumer("calls", policy="gate", start="latest") as consumer:
                begin = time.perf_counter_ns()
                publisher.publish_array(values)
                took["value in publish_array"] = (time.perf_counter_ns() - begin) / count
                begin = time.perf_counter_ns()
                taken = 0
                while taken < count:
                    taken += len(consumer.poll_array(values.dtype, limit=65536))
                took["value in poll_array"] = (time.perf_counter_ns() - begin) / count
    ringbolt.remove("calls")
    return took


def contenders(events):
    yield RingEvents(events)
    if numpy is not None:
        yield RingArrays(events * 10)
    yield Queue(events)
    if zmq is not None:
        yield ZeroMQ(events)


def run(slices, events):
    """Nanoseconds of each slice, by name: single calls, and contenders."""
    calls, lanes = {}, {}
    for number in range(slices):
        for name, nanoseconds in per_call(events).items():
            calls.setdefault(name, []).append(nanoseconds)
        turns = list(contenders(events))
        for contender in reversed(turns) if number % 2 else turns:
            lanes.setdefault(contender.name, []).append(contender.measure())
            if isinstance(contender, (RingEvents, RingArrays)):
                ringbolt.remove("bench")
    return calls, lanes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=15)
    parser.add_argument("--events", type=int, default=200_000, help="of the faster contenders in a slice")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    for name, module in (("numpy", numpy), ("pyzmq", zmq)):
        if module is None:
            print(f"{name} is not installed: left out")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="ringbolt-bench-", dir="/dev/shm"))
    os.environ["RINGBOLT_DIR"] = str(directory)
    try:
        calls, lanes = run(options.slices, options.events)
    finally:
        shutil.rmtree(directory)

    print(f"Python {platform.python_version()}, ringbolt {ringbolt.__version__}, {options.slices} slices, median\n")
    print("a call, nobody on the other side at that moment")
    for name, values in calls.items():
        print(f"  {name:<40} {statistics.median(values):>10.1f} ns")
    print("\nfrom process to process, 64 bytes, each payload compared")
    ours = lanes["ringbolt, publish to for"]
    for name, values in lanes.items():
        ratio = statistics.median(value / own for value, own in zip(values, ours))
        print(f"  {name:<40} {statistics.median(values):>10.1f} ns an event {ratio:>10.2f} x the first")
    if options.json:
        results = {"python": platform.python_version(), "calls_ns": calls, "lanes_ns": lanes}
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
