"""What is Python's own: exceptions, buffers, threads, signals, asyncio, numpy, and other languages at the other end."""

import asyncio
import datetime
import json
import os
import pickle
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import ringbolt
from rings import RingTest, number_in, numbers

COMMAND = os.environ.get("RINGBOLT_COMMAND")


class Events(RingTest):
    def test_are_buffers_with_a_copy_of_their_own(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")
        publisher.publish(struct.pack("<Qd", 7, 1.5))
        event = consumer.next()
        numbers(publisher, 1, 5000)  # over the place in the ring
        self.assertEqual(struct.unpack_from("<Qd", event), (7, 1.5))
        self.assertEqual(memoryview(event).nbytes, 16)
        self.assertTrue(memoryview(event).readonly)
        self.assertIn("16 bytes", repr(event))
        with self.assertRaises(TypeError):
            ringbolt.Event()
        with self.assertRaises(AttributeError):
            event.sequence = 1

    def test_take_any_buffer_and_no_text(self):
        publisher = self.publisher()
        for payload in (b"a", bytearray(b"a"), memoryview(b"a")):
            publisher.publish(payload)
        with self.assertRaises(TypeError):
            publisher.publish("text")
        with self.assertRaises(TypeError):
            publisher.publish()
        with self.assertRaises(TypeError):
            publisher.publish(b"a", 1, 2)
        with self.assertRaises(TypeError):
            publisher.publish(b"a", kind=1)
        with self.assertRaises(TypeError):
            publisher.publish(b"a", 1, type=1)
        with self.assertRaises(OverflowError):
            publisher.publish(b"a", type=2**32)
        for attributes in ([], {1: "x"}, {"x": 1}, {"x%d" % i: "" for i in range(65)}):
            with self.assertRaises(TypeError):
                publisher.publish(b"a", attributes=attributes)
        with self.assertRaises(ValueError):
            publisher.publish(b"a", attributes={"": "x"})
        self.assertEqual(publisher.next_sequence, 4)

    def test_do_not_leak(self):
        publisher = self.publisher(timestamps=False)
        consumer = self.consumer(policy="gate", start="earliest")

        def resident_kib():
            with open("/proc/self/status", encoding="ascii") as status:
                return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

        def turn():
            for _ in range(20_000):
                publisher.publish(bytes(1000), attributes={"key": "k"})
                event = consumer.next(0)
                bytes(event), event.attributes

        turn()
        before = resident_kib()
        turn()
        self.assertLess(resident_kib() - before, 4_000)  # a leak of them all were 20 MB


class Options(RingTest):
    def test_have_units(self):
        self.assertEqual(self.publisher(capacity="128KiB").capacity_bytes, 131_072)
        with self.assertRaises(ValueError):
            ringbolt.Publisher("other", capacity="3 parsec")
        with self.assertRaises(ValueError):
            ringbolt.Publisher("other", wait="patiently")
        with self.assertRaises(ValueError):
            self.consumer(policy="brave")
        with self.assertRaises(TypeError):
            self.consumer(color="red")

    def test_start_at_a_time(self):
        publisher = self.publisher()
        numbers(publisher, 1, 3)
        earlier = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        self.assertEqual(self.consumer(start=earlier).next(0).sequence, 1)
        with self.assertRaises(ValueError):
            self.consumer(start=datetime.datetime.now())

    def test_errors_can_be_pickled(self):
        error = self.assert_code("not_found", ringbolt.Consumer, "nothing")
        self.assertEqual(pickle.loads(pickle.dumps(error)).code, "not_found")
        gap = pickle.loads(pickle.dumps(ringbolt.GapError(3, 9)))
        self.assertEqual((gap.first, gap.last, str(gap)), (3, 9, str(ringbolt.GapError(3, 9))))

    def test_a_closed_handle_says_so(self):
        with self.publisher() as publisher, self.consumer() as consumer:
            pass
        with self.assertRaises(ValueError):
            publisher.publish(b"x")
        with self.assertRaises(ValueError):
            consumer.next()
        publisher.close()
        consumer.close()


    def test_out_of_range_are_refused_and_not_wrapped(self):
        publisher = self.publisher()
        for call in (
            lambda: ringbolt.Publisher("other", capacity=2**64),
            lambda: self.consumer(start=-1),
            lambda: self.consumer(start=2**64 + 1),
            lambda: publisher.publish_array(b"a", type=2**32 + 7),
        ):
            with self.assertRaises(OverflowError):
                call()
        with self.assertRaises(ValueError):
            self.consumer(budget=0)
        with self.assertRaises(OverflowError):
            self.consumer(start=datetime.datetime(1960, 1, 1, tzinfo=datetime.timezone.utc))

    def test_a_ring_may_be_a_path(self):
        path = self.directory / "a-path"
        with ringbolt.Publisher(path, capacity="64KiB") as publisher, ringbolt.Consumer(path) as consumer:
            publisher.publish(b"x")
            self.assertEqual(consumer.next(0).sequence, 1)


class Losses(RingTest):
    def test_within_a_batch_are_raised_by_the_next_call(self):
        self.publisher().close()
        consumer = self.consumer(policy="lossy", start="earliest")
        child = self.python(
            "import ringbolt, sys, threading\n"
            "values = memoryview(bytes(8 * 400)).cast('Q')\n"
            "enough = threading.Event()\n"
            "threading.Thread(target=lambda: (sys.stdin.read(1), enough.set())).start()\n"
            "with ringbolt.Publisher('orders') as publisher:\n"
            "    while not enough.is_set(): publisher.publish_array(values)\n"
            "    publisher.end()\n",
            stdin=subprocess.PIPE,
        )
        seen, lost, within, deadline = 0, 0, 0, time.monotonic() + 60
        while consumer.wait(30):
            before = consumer.next_sequence
            try:
                events = consumer.poll(100_000)  # takes longer for an event than a publish does
            except ringbolt.GapError as gap:
                self.assertEqual(gap.first, seen + lost + 1)
                lost += gap.last + 1 - gap.first
                continue
            seen += len(events)
            within += consumer.next_sequence - before != len(events)
            if (within > 0 or time.monotonic() > deadline) and not child.stdin.closed:
                child.stdin.close()
        self.assertEqual(child.wait(30), 0)
        self.assertEqual(seen + lost, ringbolt.stat(self.ring)["newest_sequence"])
        if within == 0:
            self.skipTest("no loss came within a batch in 60 s: the two processes hardly ran at the same time")


class Threads(RingTest):
    def test_others_run_while_one_waits(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")
        got = []
        waiting = threading.Thread(target=lambda: got.append(consumer.next(30)))
        waiting.start()
        publisher.publish(b"x")
        waiting.join()
        self.assertEqual(got[0].sequence, 1)

    def test_two_on_one_handle_are_refused(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")
        waiting = threading.Thread(target=consumer.wait, args=(30,))
        waiting.start()
        refused = False
        while not refused and waiting.is_alive():
            try:
                consumer.next_sequence
            except RuntimeError:
                refused = True
        publisher.publish(b"x")
        waiting.join()
        self.assertTrue(refused)
        self.assertEqual(consumer.next_sequence, 1)

    def test_ctrl_c_ends_a_wait(self):
        self.publisher()
        child = self.python(
            "import ringbolt\n"
            "consumer = ringbolt.Consumer('orders', start='earliest')\n"
            "try:\n"
            "    print('waiting', flush=True)\n"
            "    for event in consumer: pass\n"
            "except KeyboardInterrupt:\n"
            "    print('interrupted', flush=True)\n"
        )
        self.assertEqual(self.line(child), "waiting\n")
        child.send_signal(signal.SIGINT)
        self.assertEqual(self.line(child), "interrupted\n")
        self.assertEqual(child.wait(30), 0)


    def test_ctrl_c_ends_a_publish_of_more_than_fits_and_a_standby(self):
        with self.publisher():
            for program in ("ringbolt.Publisher('orders', standby=3600)", "publish_all()"):
                child = self.python(
                    "import ringbolt, sys\n"
                    "def publish_all():\n"
                    "    publisher = ringbolt.Publisher('full', capacity='64KiB')\n"
                    "    consumer = ringbolt.Consumer('full', policy='gate')\n"
                    "    publisher.publish_array(memoryview(bytes(8 * 10_000)).cast('Q'))\n"
                    "try:\n"
                    "    print('waiting', flush=True)\n"
                    f"    {program}\n"
                    "except KeyboardInterrupt:\n"
                    "    print('interrupted', flush=True)\n"
                )
                self.assertEqual(self.line(child), "waiting\n")
                child.send_signal(signal.SIGINT)
                self.assertEqual(self.line(child), "interrupted\n")

    def test_a_handler_that_closes_what_waits_is_told_apart(self):
        self.publisher()
        consumer = self.consumer(start="earliest")
        before = signal.signal(signal.SIGALRM, lambda *_: consumer.close())
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with self.assertRaisesRegex(ValueError, "closed"):
            consumer.next(30)

    def test_a_child_may_close_what_a_thread_held_at_the_fork(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")
        waiting = threading.Thread(target=consumer.wait, args=(30,))
        waiting.start()
        while True:
            try:
                consumer.next_sequence
            except RuntimeError:
                break
        child = os.fork()
        if child == 0:
            try:
                consumer.close()
                os._exit(0)
            except BaseException:
                os._exit(1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        publisher.publish(b"x")
        waiting.join()


class AsyncIO(RingTest):
    def test_reads_to_the_end_while_others_run(self):
        publisher = self.publisher()
        consumer = self.consumer(name="async", policy="gate", start="earliest")
        turns = 0

        async def feed():
            for number in range(3000):
                while publisher.try_publish(number.to_bytes(8, "little")) is None:
                    await asyncio.sleep(0)
                if number % 100 == 0:
                    await asyncio.sleep(0.001)
            publisher.end()

        async def tick():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async def read():
            feeding, ticking = asyncio.create_task(feed()), asyncio.create_task(tick())
            seen = [number_in(event) async for event in consumer]
            ticking.cancel()
            await feeding
            return seen

        self.assertEqual(asyncio.run(read()), list(range(3000)))
        self.assertGreater(turns, 10)

    def test_a_wait_can_be_cancelled(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")

        async def read():
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(consumer), 0.01)
            publisher.publish(b"x")
            return (await anext(consumer)).sequence

        self.assertEqual(asyncio.run(read()), 1)


    def test_two_tasks_share_a_consumer(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")

        async def read():
            tasks = [asyncio.create_task(anext(consumer)) for _ in range(3)]
            await asyncio.sleep(0.01)
            numbers(publisher, 1, 3)
            return sorted(event.sequence for event in await asyncio.wait_for(asyncio.gather(*tasks), 30))

        self.assertEqual(asyncio.run(read()), [1, 2, 3])

    def test_closing_ends_who_waits_and_leaves_other_descriptors_alone(self):
        self.publisher()
        consumer = self.consumer(start="earliest")

        async def read():
            loop = asyncio.get_running_loop()
            task = asyncio.create_task(anext(consumer))
            await asyncio.sleep(0.01)
            descriptor = consumer.fileno()
            consumer.close()
            here, there = socket.socketpair()
            with here, there:
                here.setblocking(False)
                os.dup2(here.fileno(), descriptor)  # somebody gets the number
                self.addCleanup(os.close, descriptor)
                received = loop.create_future()
                loop.add_reader(descriptor, lambda: received.done() or received.set_result(here.recv(1)))
                with self.assertRaises(ValueError):
                    await asyncio.wait_for(task, 30)
                there.send(b"x")
                try:
                    return await asyncio.wait_for(received, 30)
                finally:
                    loop.remove_reader(descriptor)

        self.assertEqual(asyncio.run(read()), b"x")


class Numpy(RingTest):
    def test_what_is_no_array_of_bytes_is_refused(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        publisher = self.publisher()
        consumer = self.consumer(policy="gate", start="earliest")
        for values in (numpy.zeros(3, numpy.dtype([])), numpy.array([None, 1], object)):
            with self.assertRaises(ValueError):
                publisher.publish_array(values)
        publisher.publish(b"12345678", type=numpy.uint32(3))
        for dtype in (object, [("a", "O")]):
            with self.assertRaises(TypeError):
                consumer.poll_array(dtype)
        with self.assertRaises(ValueError):
            consumer.poll_array([])
        self.assert_code("bad_option", consumer.poll_array, ("<u8", (3,)))
        self.assertEqual(consumer.poll_array("<u8").tobytes(), b"12345678")
        publisher.publish(bytes(24))
        self.assertEqual(consumer.poll_array(("<u8", (3,))).shape, (1, 3))
        consumer.commit(numpy.uint64(2))

    def test_values_behind_an_error_are_handed_out_first(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        publisher = self.publisher()
        consumer = self.consumer(name="holds", policy="gate", gate_on_commit=True, start="earliest")
        count = 0
        while publisher.try_publish(count.to_bytes(8, "little")) is not None:
            count += 1
        values = consumer.poll_array("<u8")
        numpy.testing.assert_array_equal(values, numpy.arange(len(values)))
        self.assertGreater(len(values), count // 2)
        self.assert_code("holds_ring", consumer.poll_array, "<u8")
        consumer.commit(consumer.next_sequence - 1)

    def test_arrays_go_through_as_they_are(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        publisher = self.publisher(capacity="1MiB")
        consumer = self.consumer(policy="gate", start="earliest")
        order = numpy.dtype([("id", "<u8"), ("price", "<f8"), ("quantity", "<u4"), ("side", "S4")])
        values = numpy.zeros(3000, order)
        values["id"] = numpy.arange(3000)
        values["price"] = numpy.linspace(1, 2, 3000)
        self.assertEqual(publisher.publish_array(values), 1)
        numpy.testing.assert_array_equal(consumer.poll_array(order), values)
        self.assertEqual(len(consumer.poll_array(order)), 0)
        with self.assertRaises(ValueError):
            publisher.publish_array(values[::2])  # not contiguous


@unittest.skipUnless(COMMAND, "the ringbolt command was not built")
class OtherLanguages(RingTest):
    """The command is C++: it publishes to Python, consumes from it, and is killed in the middle."""

    def test_c_plus_plus_publishes(self):
        self.publisher().close()
        consumer = self.consumer(name="python", policy="gate", start="earliest")
        sent = subprocess.run([COMMAND, "pub", self.ring], input="one\ntwo\nthree\n", text=True, check=True, capture_output=True)
        self.assertEqual([bytes(event) for event in consumer.poll()], [b"one", b"two", b"three"], sent.stderr)

    def test_c_plus_plus_consumes_with_each_policy(self):
        publisher = self.publisher()
        for policy in ("gate", "lossy", "latest"):
            publisher.publish(policy.encode(), type=9)
            last = publisher.next_sequence - 1
            tail = self.process([COMMAND, "tail", self.ring, "--policy", policy, "--from", str(last), "--count", "1", "--json"])
            event = json.loads(self.line(tail))
            self.assertEqual((event["sequence"], event["type"]), (last, 9))
            self.assertEqual(tail.wait(30), 0)

    def test_a_publisher_in_c_plus_plus_is_killed_and_python_goes_on(self):
        self.publisher().close()
        consumer = self.consumer(name="python", policy="gate", start="earliest")
        for turn in range(5):
            pub = self.process([COMMAND, "pub", self.ring], stdin=subprocess.PIPE)
            pub.stdin.write("event\n" * 50)
            pub.stdin.flush()
            first = consumer.next(30)
            pub.send_signal(signal.SIGKILL)
            pub.wait()
            events = [first, *consumer.poll(1000)]
            with ringbolt.Publisher(self.ring) as publisher:
                self.assertEqual(publisher.next_sequence, events[-1].sequence + 1)
                self.assertEqual(publisher.epoch, 3 + 2 * turn)
                publisher.publish(b"from python")
            self.assertEqual([bytes(event) for event in consumer.poll()], [b"from python"])


if __name__ == "__main__":
    unittest.main()
