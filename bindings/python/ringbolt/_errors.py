"""What the package raises."""


class Error(Exception):
    """Something failed. `str(error)` says what, why, and what to do; `code` is one word, such as "not_found"."""

    def __init__(self, message: str, code: str, errno: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.errno = errno  # of the system call behind it, or 0

    def __reduce__(self):
        return type(self), (str(self), self.code, self.errno)


class GapError(Error):
    """Events were lost: `first` to `last`, both included. The next call on the consumer goes on behind them.

    With `evicted` the consumer's budget was spent; nothing need be lost then, and `last` is `first` - 1.
    """

    def __init__(self, first: int, last: int, evicted: bool = False) -> None:
        lost = f"events {first} to {last} were lost" if last >= first else "nothing was lost"
        why = "the consumer was evicted, because its budget was spent" if evicted else "the publisher overtook the consumer"
        super().__init__(f"{why}: {lost}", "evicted" if evicted else "overrun")
        self.first = first
        self.last = last
        self.evicted = evicted

    def __reduce__(self):
        return type(self), (self.first, self.last, self.evicted)
