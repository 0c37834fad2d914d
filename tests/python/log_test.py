"""What the library tells a function of Python's, from its own threads and while the interpreter ends."""

import os
import sys
import tempfile
import unittest

import ringbolt
from rings import RingTest, numbers


class Log(RingTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(ringbolt.set_log, None)

    def test_is_a_function_or_nobody(self):
        for nonsense in (1, "log", []):
            with self.assertRaises(TypeError):
                ringbolt.set_log(nonsense)
        told = []
        ringbolt.set_log(lambda *said: told.append(said))
        ringbolt.set_log(None)
        self.evict()
        self.assertEqual(told, [])

    def evict(self):
        ring = f"{self.ring}-{len(os.listdir(self.directory))}"
        with ringbolt.Publisher(ring, capacity="64KiB") as publisher:
            with ringbolt.Consumer(ring, name="slow", policy="gate", budget=0.001):
                numbers(publisher, 1, 3000)

    def test_what_it_raises_stops_nobody(self):
        raised = []
        before, sys.unraisablehook = sys.unraisablehook, lambda unraisable: raised.append(unraisable.exc_value)
        try:
            ringbolt.set_log(lambda level, ring: None)
            self.evict()
        finally:
            sys.unraisablehook = before
        self.assertEqual([type(each) for each in raised], [TypeError])

    def test_may_set_another_one_and_publish_elsewhere(self):
        told = []
        other = ringbolt.Publisher("elsewhere", capacity="64KiB")
        self.addCleanup(other.close)

        def log(level, ring, sentence):
            told.append(other.publish(sentence.encode()))
            ringbolt.set_log(lambda *said: told.append("second"))

        ringbolt.set_log(log)
        self.evict()
        self.evict()
        self.assertEqual(told, [1, "second"])

    def test_hears_the_journals_thread_and_lets_the_interpreter_end(self):
        with tempfile.TemporaryDirectory(prefix="ringbolt-python-", dir="/var/tmp") as journal:
            for turn in range(5):
                ring = f"stalled-{turn}"
                process = self.python(STALLED, env={**os.environ, "RING": ring, "JOURNAL": os.path.join(journal, ring)})
                self.assertRegex(self.line(process), f"^error {ring} False: .*journal")
                self.assertEqual(process.wait(60), 0)


# A journal that cannot write and tells so, and that it goes on, while the process ends.
STALLED = """
import os, resource, signal, threading, time, ringbolt
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
told = threading.Event()
def log(level, ring, sentence):
    if level != "error" or told.is_set(): return
    print(level, ring, threading.current_thread() is threading.main_thread(), end=": ")
    print(sentence, flush=True)
    told.set()
ringbolt.set_log(log)
publisher = ringbolt.Publisher(os.environ["RING"], capacity="64KiB", journal=os.environ["JOURNAL"], segment_bytes="1MiB")
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, resource.RLIM_INFINITY))
for number in range(100): publisher.publish(bytes(100))
assert told.wait(30)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


if __name__ == "__main__":
    unittest.main()
