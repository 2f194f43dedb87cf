"""How a long step tells how far it is: log lines in a run, bars on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import dagster as dg

LOG_INTERVAL_SECONDS = 15.0

Advance = Callable[[int], None]


class Progress(Protocol):
    """Something that shows how far a step is."""

    def track(self, stage: str, *, total: int | None = None) -> AbstractContextManager[Advance]:
        """Begin a stage of ``total`` frames (None: not known yet); the value is called with frames newly done."""
        ...


class LogProgress:
    """Progress as log lines of the run, one every 15 seconds at most."""

    @contextmanager
    def track(self, stage: str, *, total: int | None = None) -> Iterator[Advance]:
        """See :class:`Progress`."""
        started = last_line = time.monotonic()
        done = 0

        def advance(num_frames: int) -> None:
            nonlocal done, last_line
            done += num_frames
            now = time.monotonic()
            if now - last_line >= LOG_INTERVAL_SECONDS:
                last_line = now
                dg.get_dagster_logger().info(_line(stage, done, total, now - started))

        yield advance


def _line(stage: str, done: int, total: int | None, seconds: float) -> str:
    rate = done / seconds
    if total is None:
        return f"{stage}: {done} frames, {rate:.1f} frames/s"
    return f"{stage}: {done} of {total} frames, {rate:.1f} frames/s, {(total - done) / rate:.0f} s left"


def cumulative(advance: Advance) -> Callable[[int], None]:
    """A callback for code that reports how many frames are done in all, rather than how many more."""
    done = 0

    def report(num_frames: int) -> None:
        nonlocal done
        advance(num_frames - done)
        done = num_frames

    return report
