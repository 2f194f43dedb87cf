"""What a request to end does to the process of a step that has a pod of its own.

Dagster 1.13 raises it in the step's code, and then tries the step again. While its own code runs, before that of the
step and between the step's results, it holds the request back, and raises it where it is about to enter the step's
code: a few lines before the place from which it would try again, so that the step fails for good
(``op_execution_error_boundary``; compare https://github.com/dagster-io/dagster/issues/5973). A node that is drained
while a pod starts must not cost an operator's morning. So instead of being held back it ends the process at once, like
one that was killed, which Dagster notices and tries again.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dagster._utils import interrupts  # where a request is held back; nothing public tells of it in time

STEP_KEY: Final = "DAGSTER_RUN_STEP_KEY"
"""A variable that dagster-k8s gives to the pods of steps, and to no others."""

EXIT_TERMINATED: Final = 128 + signal.SIGTERM


class _HeldBack(dict[str, bool]):
    """Dagster's note of a request that it holds back; the handler of the signal writes it, in the main thread."""

    in_step_code = False

    def __setitem__(self, key: str, value: bool) -> None:  # as every item of a dict is set
        if value and not self.in_step_code:
            os.write(2, b"told to end while no code of the step was running: ended at once, to be tried again\n")
            os._exit(EXIT_TERMINATED)  # an exception would be reported as a failure
        super().__setitem__(key, value)


_held_back = _HeldBack(received=False)


@contextmanager
def step_code() -> Iterator[None]:
    """Here a request to end is left to Dagster, which raises it."""
    _held_back.in_step_code = True
    try:
        yield
    finally:
        _held_back.in_step_code = False


def end_at_once_outside_of_step_code() -> None:
    """From now on end with the status of SIGTERM when Dagster would hold a request back outside of :func:`step_code`.

    A thread that waits for signals would be too late now and then: the main thread goes on meanwhile, and fails.
    """
    interrupts._received_interrupt = _held_back  # pyright: ignore[reportPrivateUsage]
