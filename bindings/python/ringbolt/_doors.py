"""Publisher and Consumer: options as words and units, context managers, asyncio and numpy on top of the extension."""

import asyncio
import datetime
import re

from . import _ringbolt

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


def _bytes_of(size):
    """A number of bytes: an int, or text such as "64MiB"."""
    if isinstance(size, int):
        return size
    match = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]*)\s*", size)
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"{size!r} is no size: a number of bytes, or one with {', '.join(unit for unit in _UNITS if unit)}")
    return int(match[1]) * _UNITS[match[2]]


def _word(value, words, what):
    try:
        return words[value]
    except (KeyError, TypeError):
        raise ValueError(f"{what} {value!r} is none of {', '.join(repr(word) for word in words)}") from None


def _nanoseconds(seconds):
    if seconds is None:
        return 0
    if seconds < 0:
        raise ValueError("a duration is a number of seconds from 0 on")
    return round(seconds * 1e9)


def _start_of(start):
    """(kind, value) of a word, a sequence, or a time."""
    if isinstance(start, datetime.datetime):
        if start.tzinfo is None:
            raise ValueError("a start time needs a time zone: datetime.now(timezone.utc), for example")
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return _START_TIME, ((start - epoch) // datetime.timedelta(microseconds=1)) * 1000
    if isinstance(start, int):
        return _START_SEQUENCE, start
    return _word(start, _START, "start"), 0


class Publisher(_ringbolt.Publisher):
    """Publishes to a ring: creates it, or continues one whose publisher has ended or died. One live publisher a ring.

    A name without a slash lives in $RINGBOLT_DIR or /dev/shm/ringbolt-UID; one with a slash is a path. Durations are seconds.
    """

    def __init__(
        self,
        name,
        *,
        capacity=0,
        timestamps=None,
        consumer_slots=0,
        huge_pages=False,
        prefault=False,
        lock_memory=False,
        mode=0,
        group=None,
        first_sequence=0,
        create=True,
        standby=None,
        wait="park",
        journal=None,
        sync="interval",
        interval=None,
        segment_bytes=0,
        keep_bytes=0,
        keep_age=None,
        keep_unread=True,
        fail_on_stall=False,
        journal_elsewhere=False,
    ):
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
        super().__init__(
            name,
            capacity_bytes=_bytes_of(capacity),
            flags=flags,
            wait=_word(wait, _WAIT, "wait"),
            mode=mode,
            group=group,
            first_sequence=first_sequence,
            consumer_slots=consumer_slots,
            standby=_nanoseconds(standby),
            journal=None if journal is None else str(journal),
            sync=_word(sync, _SYNC, "sync"),
            interval=_nanoseconds(interval),
            segment_bytes=_bytes_of(segment_bytes),
            keep_bytes=_bytes_of(keep_bytes),
            keep_age=_nanoseconds(keep_age),
        )
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<ringbolt.Publisher {self.name!r}>"


class Consumer(_ringbolt.Consumer):
    """Reads a ring that is there. Iterating waits for each next event and ends when the publisher ends the stream.

    policy: gate, lossy, journal or latest; None: journal on a ring that has one, otherwise lossy. start: "resume", "earliest",
    "latest", a sequence, or an aware datetime. after: names of consumers that must have committed an event before this one sees it.
    """

    def __init__(
        self,
        ring,
        *,
        name=None,
        policy=None,
        start="resume",
        budget=None,
        after=(),
        gate_on_commit=False,
        wait="park",
    ):
        kind, value = _start_of(start)
        names = [after] if isinstance(after, str) else list(after)
        super().__init__(
            ring,
            name=name,
            policy=_word(policy, _POLICY, "policy"),
            start=kind,
            start_value=value,
            budget=_nanoseconds(budget),
            after=",".join(names) or None,
            wait=_word(wait, _WAIT, "wait"),
            flags=_GATE_ON_COMMIT if gate_on_commit else 0,
        )
        self.ring = ring
        self.name = name
        self._taken = 0

    def poll_array(self, dtype, limit=65536):
        """Up to `limit` events of one size as a numpy array, without waiting. Needs numpy."""
        import numpy

        values = numpy.empty(limit, dtype)
        return values[: self._poll_into(values)]

    def __aiter__(self):
        return self

    async def __anext__(self):
        self._taken += 1
        if self._taken % _EVENTS_BETWEEN_TURNS == 0:
            await asyncio.sleep(0)
        while (event := self._async_next()) is None:
            await self._readable()
        return event

    async def _readable(self):
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        descriptor = self.fileno()  # readable at first, so that nothing is missed that came before it was made
        loop.add_reader(descriptor, lambda: woken.done() or woken.set_result(None))
        try:
            await woken
        finally:
            loop.remove_reader(descriptor)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<ringbolt.Consumer of {self.ring!r}>"
