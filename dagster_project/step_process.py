"""What a request to end does to the process of a step that has a pod of its own.

Dagster 1.13 raises it in the step's code, and then tries the step again. While its own code runs, before that of the
step and between the step's results, it holds the request back, and raises it where it is about to enter the step's
code: a few lines before the place from which it would try again, so that the step fails for good
(``op_execution_error_boundary``; compare https://github.com/dagster-io/dagster/issues/5973). A node that is drained
while a pod starts must not cost an operator's morning. So there the process ends at once, like one that was killed,
which Dagster notices and tries again.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

STEP_KEY: Final = "DAGSTER_RUN_STEP_KEY"
"""A variable that dagster-k8s gives to the pods of steps, and to no others."""

EXIT_TERMINATED: Final = 128 + signal.SIGTERM

_SIGNALS: Final = frozenset({signal.SIGINT, signal.SIGTERM})
_in_step_code = threading.Event()


@contextmanager
def step_code() -> Iterator[None]:
    """Here a request to end is left to Dagster, which raises it."""
    _in_step_code.set()
    try:
        yield
    finally:
        _in_step_code.clear()


def end_at_once_outside_of_step_code() -> None:
    """From now on end with the status of SIGTERM when SIGTERM or SIGINT comes outside of :func:`step_code`.

    To be called in the main thread. Dagster replaces the handlers of signals again and again; the wake-up descriptor,
    to which Python writes each signal whatever its handler does, stays.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    threading.Thread(target=_watch, args=(reader,), name="told-to-end", daemon=True).start()


def _watch(reader: int) -> None:
    while True:
        received = os.read(reader, 1)
        if _SIGNALS.intersection(received) and not _in_step_code.is_set():
            os.write(2, b"told to end while no code of the step was running: ended at once, to be tried again\n")
            os._exit(EXIT_TERMINATED)  # an exception would be reported as a failure
