"""What the tests of the Python package share: rings of their own, and processes that end with the test."""

import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import ringbolt


class RingTest(unittest.TestCase):
    """Each test has a directory of rings, and the name of one."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="ringbolt-python-", dir="/dev/shm"))
        os.environ["RINGBOLT_DIR"] = str(self.directory)
        self.addCleanup(shutil.rmtree, self.directory)
        self.ring = "orders"

    def publisher(self, **options):
        publisher = ringbolt.Publisher(self.ring, capacity=options.pop("capacity", "64KiB"), **options)
        self.addCleanup(publisher.close)
        return publisher

    def consumer(self, **options):
        consumer = ringbolt.Consumer(self.ring, **options)
        self.addCleanup(consumer.close)
        return consumer

    def python(self, program, **options):
        """Another process that runs `program`; its output is a pipe."""
        return self.process([sys.executable, "-c", program], **options)

    def process(self, arguments, **options):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, **options)
        for pipe in filter(None, (process.stdin, process.stdout)):
            self.addCleanup(pipe.close)
        self.addCleanup(self._end, process)
        return process

    def line(self, process):
        """The next line that it writes, within 30 seconds."""
        self.assertTrue(select.select([process.stdout], [], [], 30)[0], "the other process says nothing")
        return process.stdout.readline()

    @staticmethod
    def _end(process):
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def assert_code(self, code, call, *arguments, **options):
        with self.assertRaises(ringbolt.Error) as raised:
            call(*arguments, **options)
        self.assertEqual(raised.exception.code, code)
        self.assertTrue(str(raised.exception))
        return raised.exception


def numbers(publisher, first, last):
    for number in range(first, last + 1):
        publisher.publish(number.to_bytes(8, "little"))


def number_in(event):
    return int.from_bytes(event, "little")
