"""One lease per clip: keeps the command line and automation off each other's clip on one machine.

A lease is a lock on a file, so it ends with its holder, however the holder ends. Runs that automation or the UI
launched share the lease of a clip (its segments may be styled side by side); the command line holds it alone for as
long as it works on the clip, and then the others find everything done and reuse it.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import dagster as dg
from dagster._config.pythonic_config import ConfigurableResourceFactory  # the documented base of such resources
from pydantic import Field

from resources.local_process import process_tags

POLL_SECONDS = 0.2


class ClipLease:
    """Leases in the folder ``folder``, one lock file per clip."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, which is created when needed."""
        self._folder = folder
        self._held_alone: set[str] = set()

    @contextmanager
    def shared(self, clip: str) -> Iterator[None]:
        """Hold the lease together with other runs; waits while another process holds it alone."""
        if clip in self._held_alone:
            yield
            return
        with self._locked(clip, fcntl.LOCK_SH, lambda: _say_waiting(clip)):
            yield

    @contextmanager
    def alone(self, clip: str, *, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the lease alone; calls ``on_wait`` once if somebody else has it, and waits until it is free."""
        with self._locked(clip, fcntl.LOCK_EX, on_wait):
            self._held_alone.add(clip)
            try:
                yield
            finally:
                self._held_alone.discard(clip)

    @contextmanager
    def _locked(self, clip: str, kind: int, on_wait: Callable[[], None]) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{clip}.lock").open("w") as file:
            if not _try_lock(file, kind):
                on_wait()
                while not _try_lock(file, kind):
                    time.sleep(POLL_SECONDS)
            yield


class ClipLeaseResource(ConfigurableResourceFactory[ClipLease]):
    """Gives assets the leases of this machine, and marks the run with the process that executes it."""

    folder: str = Field(description="Folder of the lock files; on one machine the same for all processes.")

    def create_resource(self, context: dg.InitResourceContext) -> ClipLease:
        """Called once per process and run, before its first step."""
        if context.instance is not None and context.run_id is not None:
            context.instance.add_run_tags(context.run_id, process_tags())
        return ClipLease(Path(self.folder))


def _try_lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _say_waiting(clip: str) -> None:
    dg.get_dagster_logger().info("waiting: another process works on clip %s", clip)
