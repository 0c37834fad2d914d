"""The conformance suite of the C ABI (tests/c/conformance.c), case by case under the same names, as Python has them."""

import os
import pathlib
import re
import select
import signal
import tempfile
import unittest

import ringbolt
from rings import RingTest, number_in, numbers

# What only C has: pointers, structs, buffers of the caller's, claims and batches of mixed sizes.
ONLY_IN_C = {
    "null_and_nonsense_are_errors_not_crashes",
    "a_longer_struct_of_a_newer_header_is_read_as_far_as_known",
    "a_batch_is_seen_whole_or_not_at_all",
    "a_claim_is_written_in_place",
    "poll_fills_the_callers_buffer",
    "results_have_names",
}


class Conformance(RingTest):
    def test_publishes_and_reads_back(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")
        self.assertIsNone(consumer.next(0))
        self.assertEqual(publisher.publish(b"hello", type=7), 1)
        event = consumer.next()
        self.assertEqual((event.sequence, event.type, bytes(event)), (1, 7, b"hello"))
        self.assertNotEqual(event.timestamp_ns, 0)
        self.assertEqual(publisher.publish(b""), 2)
        event = consumer.next(0)
        self.assertEqual((event.sequence, event.type, event.payload, len(event)), (2, 0, b"", 0))
        self.assertEqual((publisher.next_sequence, consumer.next_sequence), (3, 3))

    def test_a_ring_that_is_not_there_is_an_error_that_says_so(self):
        error = self.assert_code("not_found", ringbolt.Consumer, self.ring)
        self.assertIn(self.ring, str(error))

    def test_two_publishers_of_one_ring_are_refused(self):
        first = self.publisher()
        self.assert_code("in_use", ringbolt.Publisher, self.ring)
        first.close()
        self.assertEqual(self.publisher().epoch, 2)

    def test_a_gating_consumer_makes_the_publisher_wait(self):
        publisher = self.publisher()
        consumer = self.consumer(name="slow", policy="gate", start="earliest")
        published = 0
        while publisher.try_publish(published.to_bytes(8, "little")) is not None:
            published += 1
        with self.assertRaises(TimeoutError):
            publisher.publish(b"x", timeout=0.001)
        self.assertEqual([number_in(event) for event in consumer.poll(100_000)], list(range(published)))
        self.assertIsNone(consumer.next(0))
        self.assertIsNotNone(publisher.try_publish(b"x"))

    def test_a_lossy_consumer_is_told_the_exact_gap(self):
        publisher = self.publisher()
        consumer = self.consumer(name="lossy", policy="lossy", start="earliest")
        numbers(publisher, 1, 5000)
        with self.assertRaises(ringbolt.GapError) as raised:
            consumer.next(0)
        gap = raised.exception
        self.assertEqual((gap.first, gap.code, gap.evicted), (1, "overrun", False))
        received = consumer.poll(100_000)
        self.assertEqual([number_in(event) for event in received], list(range(gap.last + 1, 5001)))
        self.assertEqual([event.sequence for event in received], list(range(gap.last + 1, 5001)))

    def test_the_latest_policy_skips_to_the_newest(self):
        publisher = self.publisher()
        consumer = self.consumer(policy="latest", start="earliest")
        numbers(publisher, 1, 100)
        self.assertEqual(consumer.next(0).sequence, 100)
        self.assertEqual(consumer.policy, "latest")

    def test_a_gate_with_a_budget_is_evicted_and_told(self):
        publisher = self.publisher()
        consumer = self.consumer(name="slow", policy="gate", start="earliest", budget=0.001)
        told = []
        ringbolt.set_log(lambda *said: told.append(said))
        numbers(publisher, 1, 5000)
        ringbolt.set_log(None)
        [(level, ring, sentence)] = told
        self.assertEqual((level, ring), ("warning", self.ring))
        self.assertRegex(sentence, "'slow'.* evicted")
        with self.assertRaises(ringbolt.GapError) as raised:
            consumer.next(0)
        self.assertEqual((raised.exception.evicted, raised.exception.first), (True, 1))
        self.assertEqual(consumer.next(0).sequence, raised.exception.last + 1)

    def test_a_name_resumes_behind_its_last_commit(self):
        publisher = self.publisher()
        consumer = self.consumer(name="billing", policy="gate")
        numbers(publisher, 1, 10)
        events = consumer.poll(5)
        consumer.commit(events[2])
        self.assert_code("bad_option", consumer.commit, 6)
        consumer.close()
        self.assertEqual(self.consumer(name="billing", policy="gate").next(0).sequence, 4)

    def test_a_name_is_attached_once(self):
        self.publisher()
        self.consumer(name="billing", policy="lossy")
        self.assert_code("in_use", ringbolt.Consumer, self.ring, name="billing")

    def test_starts_where_it_is_told(self):
        publisher = self.publisher()
        numbers(publisher, 1, 10)
        self.assertEqual(self.consumer(start=7).next(0).sequence, 7)
        self.assertIsNone(self.consumer(start="latest").next(0))
        with self.assertRaises(ValueError):
            self.consumer(start="noon")

    def test_one_comes_after_another(self):
        publisher = self.publisher()
        risk = self.consumer(name="risk", policy="gate")
        send = self.consumer(name="send", policy="gate", after="risk")
        numbers(publisher, 1, 2)
        self.assertIsNone(send.next(0))
        risk.commit(risk.next(0))
        self.assertEqual(send.next(0).sequence, 1)
        self.assertIsNone(send.next(0))

    def test_an_event_that_is_too_large_is_refused(self):
        publisher = self.publisher()
        largest = publisher.largest_payload_bytes
        self.assertEqual(publisher.capacity_bytes, 65536)
        publisher.publish(bytes(largest))
        self.assert_code("event_too_large", publisher.publish, bytes(largest + 1))
        self.assert_code("event_too_large", publisher.try_publish, bytes(largest + 1))

    def test_attributes_go_with_an_event(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")
        given = {"traceparent": "00-1-2-01", "shop": b"7", "key": b""}
        publisher.publish(b"hello", attributes=given)
        publisher.publish(b"plain")
        self.assert_code("bad_option", publisher.publish, b"hello", attributes={"no good": "x"})
        first, plain = consumer.poll()
        self.assertEqual(first.attributes, {"traceparent": b"00-1-2-01", "shop": b"7", "key": b""})
        self.assertEqual((bytes(first), len(first), first.payload), (b"hello", 5, b"hello"))
        self.assertEqual((plain.attributes, bytes(plain)), ({}, b"plain"))

    def test_poll_lets_the_publisher_go_on(self):
        publisher = self.publisher()
        consumer = self.consumer(name="batch", policy="gate", start="earliest")
        published, read = 0, 0
        while read < 20_000:
            before = published
            while published < 20_000 and publisher.try_publish(published.to_bytes(8, "little")) is not None:
                published += 1
            self.assertTrue(published != before or published == 20_000)
            for event in consumer.poll(100_000):
                self.assertEqual(number_in(event), read)
                read += 1

    def test_arrays_of_one_size(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")
        values = memoryview(bytes(range(100)) * 4).cast("I")
        self.assertEqual(publisher.publish_array(values, type=5), 1)
        publisher.publish(b"other")
        target = bytearray(4 * 200)
        self.assertEqual(consumer._poll_into(target, 4), 100)
        self.assertEqual(target[:400], bytes(values))
        self.assert_code("bad_option", consumer._poll_into, target, 4)
        self.assertEqual(consumer.next(0).payload, b"other")

    def test_the_stream_ends_and_goes_on(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")
        numbers(publisher, 1, 1)
        publisher.end()
        self.assertTrue(consumer.publisher_alive)
        publisher.close()
        self.assertFalse(consumer.publisher_alive)
        self.assertEqual([event.sequence for event in consumer], [1])
        self.assertFalse(consumer.wait())
        numbers(self.publisher(), 2, 2)
        self.assertEqual(consumer.next().sequence, 2)

    def test_waiting_ends_at_the_time_out(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")
        self.assertFalse(consumer.wait(0.001))
        self.assertIsNone(consumer.next(0.001))
        with self.assertRaises(ValueError):
            consumer.next(-1)
        numbers(publisher, 1, 1)
        self.assertTrue(consumer.wait(0))

    def test_a_descriptor_wakes(self):
        publisher = self.publisher()
        consumer = self.consumer(start="earliest")
        consumer.fileno()
        self.assertIsNone(consumer.next(0))
        numbers(publisher, 1, 1)
        self.assertEqual(select.select([consumer], [], [], 10)[0], [consumer])
        self.assertEqual(consumer.next(0).sequence, 1)

    def test_a_forked_child_may_only_free(self):
        publisher = self.publisher()
        consumer = self.consumer(name="parent", policy="gate", start="earliest")
        child = os.fork()
        if child == 0:
            codes = []
            for call in (lambda: publisher.publish(b"x"), lambda: consumer.next(0)):
                try:
                    call()
                except ringbolt.Error as error:
                    codes.append(error.code)
            consumer.close()
            publisher.close()
            os._exit(0 if codes == ["forked", "forked"] else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        numbers(publisher, 1, 1)
        self.assertEqual(consumer.next(0).sequence, 1)

    def test_a_publisher_that_is_killed_is_followed_without_a_gap(self):
        self.publisher().close()
        consumer = self.consumer(policy="gate", start="earliest")
        seen = []
        for _ in range(3):
            child = self.python(
                "import ringbolt, signal, sys\n"
                "publisher = ringbolt.Publisher('orders')\n"
                "for number in range(100): publisher.publish(number.to_bytes(8, 'little'))\n"
                "print('published', flush=True)\n"
                "signal.pause()\n"
            )
            self.assertEqual(self.line(child), "published\n")
            child.send_signal(signal.SIGKILL)
            child.wait()
            seen += [event.sequence for event in consumer.poll(1000)]
        self.assertEqual(seen, list(range(1, 301)))
        publisher = self.publisher()
        self.assertEqual((publisher.epoch, publisher.next_sequence), (5, 301))

    def test_a_journal_gives_back_what_the_ring_lost(self):
        with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="ringbolt-python-") as directory:
            publisher = self.publisher(journal=pathlib.Path(directory) / "journal", sync="every", segment_bytes="1MiB")
            numbers(publisher, 1, 5000)
            self.assertTrue(publisher.wait_durable(5000))
            self.assertEqual(publisher.durable_sequence, 5000)
            consumer = self.consumer(name="billing", start="earliest")
            self.assertEqual(consumer.policy, "journal")
            for number in range(1, 5001):
                event = consumer.next()
                self.assertEqual((event.sequence, number_in(event)), (number, number))
            consumer.commit_durable(event)
            consumer.close()
            publisher.close()

    def test_rings_are_created_seen_and_removed(self):
        publisher = self.publisher(first_sequence=100)
        self.assertEqual(ringbolt.stat(self.ring)["newest_sequence"], 0)
        numbers(publisher, 100, 101)
        stat = ringbolt.stat(self.ring)
        self.assertRegex(stat["ring_id"], "^[0-9a-f]{32}$")
        self.assertEqual((stat["newest_sequence"], stat["publisher_alive"], stat["publisher_pid"]), (101, True, os.getpid()))
        self.assert_code("in_use", ringbolt.remove, self.ring)
        ringbolt.remove(self.ring, force=True)
        self.assert_code("not_found", ringbolt.stat, self.ring)

    def test_no_case_of_the_suite_is_missing(self):
        suite = pathlib.Path(__file__).parents[1] / "c" / "conformance.c"
        cases = set(re.findall(r"CASE\((\w+)\),", suite.read_text()))
        here = {name.removeprefix("test_") for name in dir(self) if name.startswith("test_")}
        self.assertGreater(len(cases), 20)
        self.assertEqual(cases - here, ONLY_IN_C)


if __name__ == "__main__":
    unittest.main()
