"""One attempt at a cell while it lasts: takes down in the store that it began, how far it came, and why it ended."""

import datetime
import socket
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import psutil

from resources.endings import find_ending
from stylize.errors import StoreError
from stylize.records.attempts import (
    Attempt,
    AttemptLog,
    Reason,
    check_budgets,
    count_reasons,
    memory_steps_down,
    num_errors,
)
from stylize.store.media_store import MediaStore


@dataclass(slots=True, kw_only=True)
class CellAttempt:
    """What this process does for a cell. Nothing is written before :meth:`begin`, so a cell that is done costs nothing.

    Attributes:
        store: where the record lies.
        launch, run_id, retry_number: see :class:`Attempt`.
        styled_frames: frames painted so far, published or not, with those of the batch in work.
    """

    store: MediaStore
    launch: str
    run_id: str
    retry_number: int
    styled_frames: int = 0
    _key: str = ""
    _own: Attempt | None = None
    _before: list[Attempt] = field(default_factory=list)

    @property
    def has_begun(self) -> bool:
        """Whether there was something to do, and a record of it is kept."""
        return self._own is not None

    @property
    def num_errors(self) -> int:
        """Attempts of this launch that ended in an error so far."""
        return num_errors(self._attempts)

    @property
    def memory_steps_down(self) -> int:
        """How far below the top of the memory ladder this attempt begins."""
        return self._own.memory_steps_down if self._own else 0

    @property
    def _attempts(self) -> list[Attempt]:
        return [*self._before, self._own] if self._own else self._before

    def begin(self, key: str, *, resumed_frames: int) -> None:
        """Find out what became of earlier attempts, and begin the next one if their budgets allow it.

        Args:
            key: where the record of this cell lies.
            resumed_frames: frames of the segment that are published already.

        Raises:
            AttemptsSpentError: there may be no other attempt.
        """
        self._key = key
        self._before = AttemptLog.update(self.store, key, _with_ends_found).of_launch(self.launch)
        check_budgets(self._before, resumed_frames=resumed_frames)
        process = psutil.Process()
        self._own = Attempt(
            launch=self.launch,
            run_id=self.run_id,
            retry_number=self.retry_number,
            host=socket.gethostname(),
            process_id=process.pid,
            process_start_seconds=process.create_time(),
            started_at=_now(),
            resumed_frames=resumed_frames,
            memory_steps_down=memory_steps_down(self._before),
        )
        self._write()

    def end(self, reason: Reason, message: str = "") -> None:
        """Take down the end of what has begun. If the store refuses, the next attempt finds out by itself."""
        if self._own is None:
            return
        self._own = self._own.ended(_now(), reason, message, styled_frames=self.styled_frames)
        with suppress(StoreError):
            self._write()

    def describe(self) -> dict[str, Any]:
        """Metadata for an operator: how many attempts this launch took, and why the earlier ones ended."""
        retried = [attempt for attempt in self._before if attempt.reason not in ("finished", "unfinished")]
        return {
            "attempts": len(self._attempts),
            "retry_reasons": count_reasons(retried) or "none",
            "errors": self.num_errors,
            "last_retry": retried[-1].message if retried else "none",
        }

    def _write(self) -> None:
        own = self._own
        if own is not None:
            AttemptLog.update(self.store, self._key, lambda log: log.with_attempt(own))


def _with_ends_found(log: AttemptLog) -> AttemptLog:
    return replace(log, attempts=tuple(map(_with_end_found, log.attempts)))


def _with_end_found(attempt: Attempt) -> Attempt:
    ending = find_ending(attempt) if attempt.reason == "unfinished" else None
    return attempt.ended(_now(), ending.reason, ending.message) if ending else attempt


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
