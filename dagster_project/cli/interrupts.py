"""Ctrl-C and requests to terminate, none of which may get lost."""

import os
import signal
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})


class Interrupts:
    """Notices every SIGINT and SIGTERM while the context of :meth:`noticed` lasts.

    Dagster replaces the signal handlers during a run, and drops a signal that comes when no step is executing. The
    wake-up descriptor, which Python writes each signal to whatever its handler does, remembers it.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Treat SIGTERM like Ctrl-C, and remember both."""
        previous_handler = signal.signal(signal.SIGTERM, _interrupt)
        previous_descriptor = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous_descriptor)
            signal.signal(signal.SIGTERM, previous_handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal came since the last call."""
        try:
            received = os.read(self._reader, 4096)
        except BlockingIOError:
            return
        if SIGNALS.intersection(received):
            raise KeyboardInterrupt


def _interrupt(_signal: int, _frame: types.FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
