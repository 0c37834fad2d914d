"""C++, C and Python: each publishes, each consumes, with every policy, and both are killed in the middle."""

import os
import pathlib
import signal
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))
from rings import RingTest  # noqa: E402

PLAYERS = {
    "C++": [os.environ["RINGBOLT_PLAYER_CPP"]],
    "C": [os.environ["RINGBOLT_PLAYER_C"]],
    "Python": [sys.executable, str(HERE / "player.py")],
}
POLICIES = ("gate", "lossy", "latest", "journal")
MORE = 3000  # events of the second publisher


class Matrix(RingTest):
    def setUp(self):
        super().setUp()
        disk = tempfile.TemporaryDirectory(prefix="ringbolt-languages-", dir="/var/tmp")
        self.addCleanup(disk.cleanup)
        self.disk = disk.name

    def play(self, language, *arguments):
        return self.process([*PLAYERS[language], *map(str, arguments)])

    def publish(self, language, policy, more):
        # So large that a dead consumer's gate is not in the way, or so small that a dead consumer is overrun.
        capacity = 64 << 10 if policy in ("lossy", "journal") else 16 << 20
        journal = pathlib.Path(self.disk) / "journal" if policy == "journal" else ""
        return self.play(language, "publish", self.ring, capacity, more, journal)

    def at(self, consumer):
        """The event that it has committed now."""
        word, sequence = self.line(consumer).split()
        self.assertEqual(word, "at")
        return int(sequence)

    def kill(self, process):
        self.assertIsNone(process.poll(), "it ended before it was killed")
        process.send_signal(signal.SIGKILL)
        process.wait()

    def meet(self, publisher, consumer, policy):
        first_publisher = self.publish(publisher, policy, 0)
        self.wait_for_ring_of(first_publisher)
        first_consumer = self.play(consumer, "consume", self.ring, policy)
        committed = [self.at(first_consumer) for _ in range(3)][-1]
        self.kill(first_consumer)
        second_consumer = self.play(consumer, "consume", self.ring, policy)
        self.at(second_consumer)
        self.kill(first_publisher)
        second_publisher = self.publish(publisher, policy, MORE)
        self.assertEqual(second_publisher.wait(60), 0)
        newest = int(second_publisher.stdout.read().split()[1])
        self.assertEqual(second_consumer.wait(60), 0)
        first, last, received, lost = map(int, second_consumer.stdout.read().splitlines()[-1].split()[1:])
        self.assertEqual(last, newest)
        if policy != "latest":  # which says of nothing that it is lost, and begins anew
            self.assertEqual(received + lost, last + 1 - first)
            self.assertGreater(first, committed)
        if policy in ("gate", "journal"):
            self.assertEqual(lost, 0)

    def wait_for_ring_of(self, publisher):
        while not (self.directory / self.ring).exists():
            self.assertIsNone(publisher.poll(), "the publisher has ended")
            time.sleep(0.001)


def case(publisher, consumer, policy):
    def test(self):
        self.meet(publisher, consumer, policy)

    return test


for publisher_language in PLAYERS:
    for consumer_language in PLAYERS:
        for each_policy in POLICIES:
            name = f"test_{publisher_language}_to_{consumer_language}_{each_policy}".replace("+", "p")
            setattr(Matrix, name, case(publisher_language, consumer_language, each_policy))

if __name__ == "__main__":
    unittest.main()
