#!/usr/bin/env python3
"""A shop in five processes: one takes orders; payment, inventory and e-mail each learn of them in their own time.

E-mail is killed with kill -9 and stays down while half of the orders come; inventory is slower than the orders are. The order
process waits for neither. At the end the books are compared. Exit status 1 if they differ.

run.py [--build DIR] [--orders N]     after ./dev build, with python3-dev installed
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PER_SECOND = 4_000
PATIENCE_SECONDS = 120


class Shop:
    """The processes, and the ring between them."""

    def __init__(self, build, directory):
        self.build = build
        self.begin = time.monotonic()
        self.running = {}
        self.environment = os.environ | {"RINGBOLT_DIR": str(directory), "PYTHONPATH": str(build / "python")}
        self.mails = directory / "mails.txt"
        self.programs = {
            "order process": [build / "examples/orders/place", "orders"],
            "payment": [build / "examples/orders/payment", "orders"],
            "inventory": [build / "examples/orders/inventory", "orders"],
            "e-mail": [sys.executable, HERE / "mailer.py", "orders", self.mails],
        }
        # A small ring, so that it does not hold what e-mail misses. The journal survives every process that dies here; with
        # `--sync every`, on a disk, it survives a power cut too.
        self.command("create", "orders", "--capacity", "64KiB", "--journal", directory / "journal", "--sync", "none")

    def command(self, *words):
        return subprocess.run(
            [self.build / "ringbolt", *words], env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def stat(self):
        ring = json.loads(self.command("stat", "orders", "--json"))
        return ring | {"consumers": {consumer["name"]: consumer for consumer in ring["consumers"]}}

    def start(self, who, *words):
        self.running[who] = subprocess.Popen(
            [*self.programs[who], *words], env=self.environment, stdout=subprocess.PIPE, text=True
        )

    def kill(self, who):
        process = self.running.pop(who)
        process.kill()
        process.communicate()

    def book(self, who):
        """What it says at its end."""
        process = self.running[who]
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        if process.returncode != 0:
            sys.exit(f"{who} failed with {process.returncode}")
        return json.loads(output)

    def close(self):
        for who in list(self.running):
            self.kill(who)

    def wait(self, condition):
        """Until it is so of what `stat` says, which is returned."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not condition(ring := self.stat()):
            dead = [who for who, process in self.running.items() if process.poll() not in (None, 0)]
            if dead or time.monotonic() > until:
                sys.exit(f"{dead[0]} failed" if dead else "it takes too long")
            time.sleep(0.02)
        return ring

    def tell(self, text):
        print(f"  {time.monotonic() - self.begin:4.1f} s  {text}", flush=True)


def attached(*names):
    return lambda ring: all(ring["consumers"].get(name, {}).get("state") == "attached" for name in names)


def play(shop, orders):
    """The story; returns the books and what the ring knows of its consumers."""
    for who in ("payment", "inventory", "e-mail"):
        shop.start(who)
    shop.wait(attached("payment", "inventory", "e-mail"))
    shop.start("order process", str(orders), str(PER_SECOND))
    shop.tell("the shop opens; payment, inventory and e-mail follow the orders")

    shop.wait(lambda ring: ring["newest_sequence"] >= orders // 4)
    shop.kill("e-mail")
    down = shop.stat()
    shop.tell(f"e-mail is killed; it had sent the mails up to order {down['consumers']['e-mail']['cursor_sequence']:,}")

    ring = shop.wait(lambda ring: ring["newest_sequence"] >= orders * 3 // 4)
    lag = ring["consumers"]["inventory"]["lag_events"]
    held = ring["newest_sequence"] + 1 - ring["oldest_sequence"]
    shop.tell(f"inventory is slow, and {lag:,} orders behind; the ring holds {held:,}, the journal all")
    shop.start("e-mail")
    shop.tell(f"e-mail is started again; {ring['consumers']['e-mail']['lag_events']:,} orders wait for it")

    books = {"order process": shop.book("order process")}
    shop.tell("the last order is placed; the order process has ended")
    for who in ("payment", "e-mail", "inventory"):
        books[who] = shop.book(who)
        shop.tell(f"{who} has read all of them")
    books["mails"] = [int(line.split()[0]) for line in shop.mails.read_text().splitlines()]
    books["consumers"] = shop.stat()["consumers"]
    return books


def verdict(orders, books):
    """What is wrong with the books, in sentences."""
    placed = books["order process"]
    failures = []
    for who in ("order process", "payment", "inventory"):
        if books[who]["orders"] != orders:
            failures.append(f"{who} has {books[who]['orders']} orders, not {orders}")
    if books["payment"]["cents"] != placed["cents"]:
        failures.append(f"payment took {books['payment']['cents']} cents, and {placed['cents']} were ordered")
    if books["inventory"]["pieces"] != placed["pieces"]:
        failures.append(f"inventory gave out {books['inventory']['pieces']} pieces, and {placed['pieces']} were ordered")
    if books["mails"] != list(range(1, orders + 1)):
        failures.append(f"the {len(books['mails'])} mails are not one for each order, in order")
    for who in ("payment", "inventory", "e-mail"):
        if times := books["consumers"][who]["blocked_count"]:
            failures.append(f"the order process waited for {who} {times} times")
        if lost := books["consumers"][who]["gap_events"]:
            failures.append(f"{who} lost {lost} orders")
    return failures


def report(books, failures):
    placed, payment, inventory = books["order process"], books["payment"], books["inventory"]
    waited = sum(books["consumers"][who]["blocked_count"] for who in ("payment", "inventory", "e-mail"))
    print(f"""
  ordered    {placed['orders']:,} orders, {placed['pieces']:,} pieces, {placed['cents'] / 100:,.2f} to pay
  payment    {payment['orders']:,} orders, {payment['cents'] / 100:,.2f} taken
  inventory  {inventory['orders']:,} orders, {inventory['pieces']:,} pieces given out
  e-mail     {len(books['mails']):,} mails; {books['e-mail']['came_again']:,} orders came again and were known
  the order process waited {waited} times for one of them; its slowest publish took {placed['slowest_publish_us'] / 1000:.1f} ms""")
    for failure in failures:
        print(f"  FAILED: {failure}")
    print(f"VERDICT: {'failed' if failures else 'ok'}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--build", type=pathlib.Path, default=HERE.parent.parent / "build")
    arguments.add_argument("--orders", type=int, default=12_000)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="ringbolt-orders-", dir="/dev/shm") as directory:
        shop = Shop(options.build.resolve(), pathlib.Path(directory))
        try:
            books = play(shop, options.orders)
        finally:
            shop.close()
    failures = verdict(options.orders, books)
    report(books, failures)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
