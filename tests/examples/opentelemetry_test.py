"""examples/opentelemetry.py carries a trace from one process to another; without the package it says what is missing."""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent.parent / "examples/opentelemetry.py"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class OpenTelemetry(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="ringbolt-examples-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, self.directory)
        os.chmod(self.directory, 0o755)

    def run_example(self, *words, flags=()):
        return subprocess.run(
            [sys.executable, *flags, EXAMPLE, *words],
            env=os.environ | {"RINGBOLT_DIR": self.directory},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @unittest.skipIf(importlib.util.find_spec("opentelemetry") is None, "the package opentelemetry-api is not installed")
    def test_the_trace_goes_on_in_the_consumer(self):
        published = self.run_example("publish", "orders", TRACEPARENT)
        self.assertEqual((published.returncode, published.stdout), (0, "published 1\n"), published.stderr)
        consumed = self.run_example("consume", "orders")
        self.assertEqual((consumed.returncode, consumed.stdout), (0, f"order 1 is part of trace {TRACE}\n"), consumed.stderr)

    def test_without_the_package_it_says_so(self):
        # -S: without site-packages; the package under test comes by PYTHONPATH.
        result = self.run_example("publish", "orders", flags=("-S",))
        self.assertEqual(result.returncode, 1)
        self.assertIn("opentelemetry-api is not installed", result.stderr)
        self.assertEqual(os.listdir(self.directory), [])


if __name__ == "__main__":
    unittest.main()
