"""How a long step tells how far it is: log lines in a run, bars on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import dagster as dg

LOG_INTERVAL_SECONDS = 15.0


class Advance(Protocol):
    """Reports that more of a stage is done."""

    def __call__(self, count: int, note: str = "") -> None:
        """``count`` more are done; ``note`` says how it goes, in a few words."""
        ...


class Progress(Protocol):
    """Something that shows how far a step is."""

    def track(
        self, stage: str, *, total: int | None = None, done: int = 0, unit: str = "frames"
    ) -> AbstractContextManager[Advance]:
        """Begin a stage.

        Args:
            stage: its name.
            total: how many ``unit`` there are in all; None if that is not known yet.
            done: how many of them an earlier run has done.
            unit: what is counted.

        Returns:
            A context whose value is called with how many are newly done.
        """
        ...

    def say(self, line: str) -> None:
        """Tell something that is not a number: what was left out, where a preview lies."""
        ...


class LogProgress:
    """Progress as log lines of the run, one every 15 seconds at most."""

    @contextmanager
    def track(self, stage: str, *, total: int | None = None, done: int = 0, unit: str = "frames") -> Iterator[Advance]:
        """See :class:`Progress`."""
        started = last_line = time.monotonic()
        fresh = 0

        def advance(count: int, note: str = "") -> None:
            nonlocal fresh, last_line
            fresh += count
            now = time.monotonic()
            if now - last_line >= LOG_INTERVAL_SECONDS:
                last_line = now
                line = _line(stage, done + fresh, total, rate=fresh / (now - started), unit=unit)
                dg.get_dagster_logger().info(f"{line}; {note}" if note else line)

        yield advance

    def say(self, line: str) -> None:
        """See :class:`Progress`."""
        dg.get_dagster_logger().info(line)


def _line(stage: str, done: int, total: int | None, *, rate: float, unit: str) -> str:
    if total is None:
        return f"{stage}: {done} {unit}, {rate:.1f} {unit}/s"
    left = f", {(total - done) / rate:.0f} s left" if rate else ""
    return f"{stage}: {done} of {total} {unit}, {rate:.1f} {unit}/s{left}"


def cumulative(advance: Advance) -> Callable[[int], None]:
    """A callback for code that reports how many frames are done in all, rather than how many more."""
    done = 0

    def report(num_frames: int) -> None:
        nonlocal done
        advance(num_frames - done)
        done = num_frames

    return report
