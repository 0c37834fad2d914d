"""Publisher and Consumer: options as words and units, context managers, asyncio and numpy on top of the extension."""

from __future__ import annotations

import asyncio
import datetime
import operator
import os
import re
from typing import TYPE_CHECKING, Any, Iterable

from . import _ringbolt

if TYPE_CHECKING:
    import numpy

_WAIT = {"park": 4, "spin": 1, "yield": 2, "backoff": 3}
_SYNC = {"interval": 2, "none": 1, "every": 3}
_POLICY = {None: 0, "gate": 1, "lossy": 2, "journal": 3, "latest": 4}
_START = {"resume": 0, "earliest": 1, "latest": 2}
_START_SEQUENCE, _START_TIME = 3, 4
_UNITS = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_FLAGS = {"huge_pages": 2, "prefault": 3, "lock_memory": 4}
_TIMESTAMPS_ON, _TIMESTAMPS_OFF, _MUST_EXIST, _DROP_UNREAD, _FAIL_ON_STALL, _JOURNAL_ELSEWHERE = (
    1 << bit for bit in (0, 1, 6, 7, 8, 9)
)
_GATE_ON_COMMIT = 1
_EVENTS_BETWEEN_TURNS = 256  # that an async for takes before others have a turn


def _whole(value, bits: int, what: str) -> int:
    """An int, or what can be taken for one, of so many bits."""
    number = operator.index(value)
    if not 0 <= number < 1 << bits:
        raise OverflowError(f"{what} is {number}: from 0 to 2^{bits} - 1")
    return number


def _bytes_of(size: int | str, what: str) -> int:
    """A number of bytes: an int, or text such as "64MiB"."""
    if not isinstance(size, str):
        return _whole(size, 64, what)
    match = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]*)\s*", size)
    if match is None or match[2] not in _UNITS:
        units = ", ".join(unit for unit in _UNITS if unit)
        raise ValueError(f"{size!r} is no size: a number of bytes, or one with {units}")
    return _whole(int(match[1]) * _UNITS[match[2]], 64, what)


def _word(value: Any, words: dict, what: str) -> int:
    try:
        return words[value]
    except (KeyError, TypeError):
        raise ValueError(f"{what} {value!r} is none of {', '.join(repr(word) for word in words)}") from None


def _nanoseconds(seconds: float | None, what: str) -> int:
    if seconds is None:
        return 0
    nanoseconds = round(seconds * 1e9)
    if not 0 < nanoseconds < 1 << 63:
        raise ValueError(f"{what} is {seconds}: a number of seconds above 0, or None")
    return nanoseconds


def _start_of(start: str | int | datetime.datetime) -> tuple[int, int]:
    """(kind, value) of a word, a sequence, or a time."""
    if isinstance(start, datetime.datetime):
        if start.tzinfo is None:
            raise ValueError("a start time needs a time zone: datetime.now(timezone.utc), for example")
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return _START_TIME, _whole((start - epoch) // datetime.timedelta(microseconds=1) * 1000, 64, "the start time")
    if isinstance(start, str):
        return _word(start, _START, "start"), 0
    return _START_SEQUENCE, _whole(start, 64, "start")


class Publisher(_ringbolt.Publisher):
    """Publishes to a ring: creates it, or continues one whose publisher has ended or died. One live publisher a ring.

    A name without a slash lives in $RINGBOLT_DIR or /dev/shm/ringbolt-UID; one with a slash is a path. Durations are seconds.
    """

    def __init__(
        self,
        name: str | os.PathLike[str],
        *,
        capacity: int | str = 0,
        timestamps: bool | None = None,
        consumer_slots: int = 0,
        huge_pages: bool = False,
        prefault: bool = False,
        lock_memory: bool = False,
        mode: int = 0,
        group: str | None = None,
        first_sequence: int = 0,
        create: bool = True,
        standby: float | None = None,
        wait: str = "park",
        journal: str | os.PathLike[str] | None = None,
        sync: str = "interval",
        interval: float | None = None,
        segment_bytes: int | str = 0,
        keep_bytes: int | str = 0,
        keep_age: float | None = None,
        keep_unread: bool = True,
        fail_on_stall: bool = False,
        journal_elsewhere: bool = False,
    ) -> None:
        flags = 0
        for option, value in (("huge_pages", huge_pages), ("prefault", prefault), ("lock_memory", lock_memory)):
            flags |= bool(value) << _FLAGS[option]
        if timestamps is not None:
            flags |= _TIMESTAMPS_ON if timestamps else _TIMESTAMPS_OFF
        for flag, wanted in (
            (_MUST_EXIST, not create),
            (_DROP_UNREAD, not keep_unread),
            (_FAIL_ON_STALL, fail_on_stall),
            (_JOURNAL_ELSEWHERE, journal_elsewhere),
        ):
            flags |= flag if wanted else 0
        self.name = os.fspath(name)
        super().__init__(
            self.name,
            capacity_bytes=_bytes_of(capacity, "capacity"),
            flags=flags,
            wait=_word(wait, _WAIT, "wait"),
            mode=_whole(mode, 32, "mode"),
            group=group,
            first_sequence=_whole(first_sequence, 64, "first_sequence"),
            consumer_slots=_whole(consumer_slots, 32, "consumer_slots"),
            standby=_nanoseconds(standby, "standby"),
            journal=None if journal is None else os.fspath(journal),
            sync=_word(sync, _SYNC, "sync"),
            interval=_nanoseconds(interval, "interval"),
            segment_bytes=_bytes_of(segment_bytes, "segment_bytes"),
            keep_bytes=_bytes_of(keep_bytes, "keep_bytes"),
            keep_age=_nanoseconds(keep_age, "keep_age"),
        )

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ringbolt.Publisher {self.name!r}>"


class Consumer(_ringbolt.Consumer):
    """Reads a ring that is there. Iterating waits for each next event and ends when the publisher ends the stream.

    policy: gate, lossy, journal or latest; None: journal on a ring that has one, otherwise lossy. start: "resume", "earliest",
    "latest", a sequence, or an aware datetime. after: names of consumers that must have committed an event before this one sees it.
    """

    def __init__(
        self,
        ring: str | os.PathLike[str],
        *,
        name: str | None = None,
        policy: str | None = None,
        start: str | int | datetime.datetime = "resume",
        budget: float | None = None,
        after: str | Iterable[str] = (),
        gate_on_commit: bool = False,
        wait: str = "park",
    ) -> None:
        kind, value = _start_of(start)
        names = [after] if isinstance(after, str) else list(after)
        self.ring = os.fspath(ring)
        self.name = name
        self._taken = 0
        self._woken: asyncio.Future[None] | None = None
        super().__init__(
            self.ring,
            name=name,
            policy=_word(policy, _POLICY, "policy"),
            start=kind,
            start_value=value,
            budget=_nanoseconds(budget, "budget"),
            after=",".join(names) or None,
            wait=_word(wait, _WAIT, "wait"),
            flags=_GATE_ON_COMMIT if gate_on_commit else 0,
        )

    def poll_array(self, dtype: Any, limit: int = 65536) -> numpy.ndarray:
        """Up to `limit` events of one size as a numpy array, without waiting. Needs numpy.

        Commits nothing; the last event's sequence is then `next_sequence - 1`.
        """
        import numpy

        dtype = numpy.dtype(dtype)
        if dtype.hasobject:
            raise TypeError(f"{dtype} has Python objects, and events have bytes")
        values = numpy.empty(limit, dtype)
        return values[: self._poll_into(values.reshape(-1).view(numpy.uint8), dtype.itemsize)]

    def close(self) -> None:
        """Leaves the ring; a name's cursor is kept. Whoever waits in asyncio gets a ValueError."""
        woken, self._woken = self._woken, None
        if woken is not None and not woken.done() and not woken.get_loop().is_closed():
            woken.get_loop().remove_reader(self.fileno())
            woken.set_result(None)
        super().close()

    def __aiter__(self) -> Consumer:
        return self

    async def __anext__(self) -> _ringbolt.Event:
        self._taken += 1
        if self._taken % _EVENTS_BETWEEN_TURNS == 0:
            await asyncio.sleep(0)
        while (event := self._async_next()) is None:
            await asyncio.shield(self._readable())  # others may wait for it, too
        return event

    def _readable(self) -> asyncio.Future[None]:
        """Done when the consumer should look again; one for all who wait."""
        loop = asyncio.get_running_loop()
        if self._woken is None or self._woken.done() or self._woken.get_loop() is not loop:
            woken = self._woken = loop.create_future()
            descriptor = self.fileno()  # readable at first, so that nothing is missed that came before it was made

            def wake() -> None:
                loop.remove_reader(descriptor)
                if not woken.done():
                    woken.set_result(None)

            loop.add_reader(descriptor, wake)
        return self._woken

    def __enter__(self) -> Consumer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ringbolt.Consumer of {self.ring!r}>"
