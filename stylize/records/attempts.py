"""Attempts at one cell: what became of each, and whether there may be another.

Dagster counts every crashed step alike, so a cell keeps its own record: one JSON document for each segment and look,
with an entry for every attempt. An entry is written when the work begins and completed when it ends; a process that is
killed leaves it incomplete, and the next attempt finds out why (:mod:`resources.endings`).

Errors and interruptions have budgets of their own, and both begin afresh when the cell is launched again by a person or
by automation, who had a reason to. Retries of a run by Dagster's daemon belong to the launch that they repeat.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self

from stylize.errors import AttemptsSpentError, PreconditionError
from stylize.records.records import Record
from stylize.store.media_store import MediaStore

Reason = Literal[
    "unfinished",
    "finished",
    "error",
    "crashed",
    "permanent error",
    "canceled",
    "store away",
    "pre-empted",
    "killed",
    "out of memory",
]
"""Why an attempt ended. Nobody is to blame for the last three: the machine, or its owner, wanted it so."""

ERRORS: Final = frozenset({"error", "crashed"})
INTERRUPTIONS: Final = frozenset({"pre-empted", "killed", "out of memory"})

MAX_ERRORS: Final = 3
"""Attempts that may end in an error that another attempt might not meet."""

MAX_INTERRUPTIONS: Final = 20
"""Each costs the frames of one chunk at most, so all of them together cost what painting a segment of usual length (ten
chunks) twice does. A machine that is taken away more often is the wrong one."""

MAX_STUCK: Final = 5
"""Interruptions without a finished chunk between them. A chunk takes seconds on a GPU: to be pre-empted five times in
one is no accident; more likely the pod brings its node down."""

MAX_KEPT: Final = 100
"""Entries of a record; older ones go. Two launches with all that their budgets allow."""

NUM_TRIES_TO_WRITE: Final = 5
"""Against other writers of the same record; there is one at most, a second pod that was given the same cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Record):
    """One attempt at a cell.

    Attributes:
        launch: id of the run that was launched, also where its daemon's retries follow it.
        run_id: of the run that made the attempt.
        retry_number: how often the step had begun in that run before.
        host: name of the machine; in Kubernetes that is the pod's.
        process_id: on that machine.
        process_start_seconds: when that process began (Unix time), because ids are used again.
        started_at: UTC, ISO 8601.
        resumed_frames: frames of the segment that were published when it began.
        memory_steps_down: how far below the top of the memory ladder it began.
        ended_at: UTC, ISO 8601; where the process was killed, when that was found out. Empty while unfinished.
        reason: why it ended.
        message: the same for people.
        styled_frames: frames it painted; None where it was killed before it could tell.
    """

    launch: str
    run_id: str
    retry_number: int
    host: str
    process_id: int
    process_start_seconds: float
    started_at: str
    resumed_frames: int
    memory_steps_down: int
    ended_at: str = ""
    reason: Reason = "unfinished"
    message: str = ""
    styled_frames: int | None = None

    def ended(self, at: str, reason: Reason, message: str, *, styled_frames: int | None = None) -> Self:
        """The same attempt with its end."""
        return replace(self, ended_at=at, reason=reason, message=message, styled_frames=styled_frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLog(Record):
    """The attempts at one cell in one look, oldest first."""

    attempts: tuple[Attempt, ...] = ()

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote."""
        return cls(attempts=tuple(Attempt.from_dict(attempt) for attempt in document["attempts"]))

    @classmethod
    def update(cls, store: MediaStore, key: str, change: Callable[[Self], Self]) -> Self:
        """Replace the log at ``key`` by what ``change`` makes of it, and return that.

        ``change`` is called again if another writer was first. A log that cannot be read is begun anew: it decides how
        often something is tried, and nothing that is delivered.

        Raises:
            PreconditionError: others keep writing it.
        """
        for _ in range(NUM_TRIES_TO_WRITE - 1):
            with suppress(PreconditionError):
                return cls._update_once(store, key, change)
        return cls._update_once(store, key, change)

    @classmethod
    def _update_once(cls, store: MediaStore, key: str, change: Callable[[Self], Self]) -> Self:
        present = store.stat(key)
        log = (cls.find(store, key) if present else None) or cls()
        changed = change(log)
        if changed != log:
            store.put(key, changed.to_json(), if_absent=present is None, if_match=present.etag if present else None)
        return changed

    def with_attempt(self, attempt: Attempt) -> Self:
        """This log with ``attempt`` added, or in the place of the same attempt before it ended."""
        others = [known for known in self.attempts if not _is_same(known, attempt)]
        kept = sorted([*others, attempt], key=lambda known: known.started_at)
        return replace(self, attempts=tuple(kept[-MAX_KEPT:]))

    def of_launch(self, launch: str) -> list[Attempt]:
        """The attempts that share a budget."""
        return [attempt for attempt in self.attempts if attempt.launch == launch]


def _is_same(one: Attempt, other: Attempt) -> bool:
    return (one.run_id, one.retry_number, one.started_at) == (other.run_id, other.retry_number, other.started_at)


def num_errors(attempts: Sequence[Attempt]) -> int:
    """How much of the budget of errors is spent."""
    return sum(attempt.reason in ERRORS for attempt in attempts)


def memory_steps_down(attempts: Sequence[Attempt]) -> int:
    """How far below the top of the memory ladder the next attempt begins: one step for each that memory ran out on."""
    return max((attempt.memory_steps_down + 1 for attempt in attempts if attempt.reason == "out of memory"), default=0)


def check_budgets(attempts: Sequence[Attempt], *, resumed_frames: int) -> None:
    """Whether there may be another attempt after these, which would begin with ``resumed_frames`` published.

    Raises:
        AttemptsSpentError: there were too many errors, too many interruptions, or too many without progress.
    """
    failed = [attempt for attempt in attempts if attempt.reason in ERRORS]
    if len(failed) >= MAX_ERRORS:
        raise AttemptsSpentError(f"{len(failed)} attempts ended in an error, the last one: {failed[-1].message}")
    interrupted = [attempt for attempt in attempts if attempt.reason in INTERRUPTIONS]
    if len(interrupted) >= MAX_INTERRUPTIONS:
        raise AttemptsSpentError(
            f"interrupted {len(interrupted)} times ({count_reasons(interrupted)}), the last time: "
            f"{interrupted[-1].message}; finished chunks are kept: launch it again, on machines that stay longer"
        )
    steps_down = memory_steps_down(attempts)
    stuck = [
        attempt
        for attempt in interrupted
        if attempt.resumed_frames == resumed_frames and attempt.memory_steps_down == steps_down
    ]
    if len(stuck) >= MAX_STUCK:
        raise AttemptsSpentError(
            f"interrupted {len(stuck)} times after {resumed_frames} frames of the segment without finishing another "
            f"chunk ({count_reasons(stuck)}), the last time: {stuck[-1].message}; look at the machine's memory and "
            "logs before you launch it again"
        )


def count_reasons(attempts: Sequence[Attempt]) -> str:
    """For people: ``2 pre-empted, 1 error``, in the order in which the reasons first came; empty for none."""
    reasons = [attempt.reason for attempt in attempts]
    return ", ".join(f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons))
