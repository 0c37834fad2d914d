"""The shop of docs/orders.md: it runs to a good end, and its verdict can be a bad one."""

import copy
import os
import pathlib
import re
import subprocess
import sys
import unittest

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent.parent / "examples/orders"
sys.path.insert(0, str(EXAMPLE))
import run  # noqa: E402


def good_books(orders=3):
    consumers = {who: {"blocked_count": 0, "gap_events": 0} for who in ("payment", "inventory", "e-mail")}
    return {
        "order process": {"orders": orders, "cents": 500, "pieces": 7},
        "payment": {"orders": orders, "cents": 500},
        "inventory": {"orders": orders, "pieces": 7},
        "mails": list(range(1, orders + 1)),
        "consumers": consumers,
    }


class Orders(unittest.TestCase):
    def test_come_to_everybody_once(self):
        shop = subprocess.run(
            [sys.executable, EXAMPLE / "run.py", "--build", os.environ["RINGBOLT_BUILD"], "--orders", "8000"],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        self.assertEqual(shop.returncode, 0, shop.stdout + shop.stderr)
        # As the page shows it, but for the numbers and the columns that they take.
        page = (EXAMPLE.parent.parent / "docs/orders.md").read_text(encoding="utf-8")
        shown = re.search(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1]
        self.assertEqual(re.sub(r" *[0-9][0-9,.]*", " N", shop.stdout), re.sub(r" *[0-9][0-9,.]*", " N", shown))

    def test_are_judged(self):
        self.assertEqual(run.verdict(3, good_books()), [])
        wrong = {
            "payment has 2 orders, not 3": lambda books: books["payment"].update(orders=2),
            "payment took 400 cents, and 500 were ordered": lambda books: books["payment"].update(cents=400),
            "inventory gave out 8 pieces, and 7 were ordered": lambda books: books["inventory"].update(pieces=8),
            "the 4 mails are not one for each order, in order": lambda books: books["mails"].append(3),
            "the order process waited for e-mail 1 times": lambda books: books["consumers"]["e-mail"].update(blocked_count=1),
            "inventory lost 5 orders": lambda books: books["consumers"]["inventory"].update(gap_events=5),
        }
        for sentence, change in wrong.items():
            books = copy.deepcopy(good_books())
            change(books)
            self.assertEqual(run.verdict(3, books), [sentence])


if __name__ == "__main__":
    unittest.main()
