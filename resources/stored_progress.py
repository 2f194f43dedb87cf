"""How far a step of a clip is, also in the store: for ``stylize status``, and for whoever cannot see the run's log."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from resources.progress import LOG_INTERVAL_SECONDS, Advance, Progress
from stylize.errors import StoreError
from stylize.records.progress_reports import ProgressReport
from stylize.store.keys import progress_key
from stylize.store.media_store import MediaStore

WRITE_INTERVAL_SECONDS = LOG_INTERVAL_SECONDS
"""Every write is paid for: a stage that takes less is not written at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProgress:
    """Shows progress as ``shown`` does, and keeps a small object up to date while a stage lasts; a :class:`Progress`.

    Attributes:
        shown: where else it is shown.
        store: of the clip.
        clip: partition key.
        segment: None where the step works on the whole clip.
        run_id: of the run that executes the step; what a killed run left behind is recognised by it.
    """

    shown: Progress
    store: MediaStore
    clip: str
    run_id: str
    segment: int | None = None

    @contextmanager
    def track(self, stage: str, *, total: int | None = None, done: int = 0, unit: str = "frames") -> Iterator[Advance]:
        """See :class:`resources.progress.Progress`."""
        key = progress_key(self.clip, stage, self.segment)
        now = time.monotonic()
        written = _Written(self, stage=stage, total=total, done=done, unit=unit, started=now, last=now)
        with self.shown.track(stage, total=total, done=done, unit=unit) as show:

            def advance(count: int, note: str = "") -> None:
                show(count, note)
                written.advance(count, key)

            try:
                yield advance
            finally:
                written.remove(key)

    def say(self, line: str) -> None:
        """See :class:`resources.progress.Progress`."""
        self.shown.say(line)


@dataclass(slots=True)
class _Written:
    """The object of one stage."""

    owner: StoredProgress
    stage: str
    total: int | None
    done: int
    unit: str
    started: float
    last: float
    fresh: int = 0
    is_there: bool = False

    def advance(self, count: int, key: str) -> None:
        """Count; write if the last time is long enough ago."""
        self.fresh += count
        now = time.monotonic()
        if now - self.last < WRITE_INTERVAL_SECONDS:
            return
        self.last = now
        with suppress(StoreError):  # news of the work are worth less than the work
            report = self._report(rate=self.fresh / (now - self.started))
            self.owner.store.put(key, json.dumps(report.to_dict()).encode())
            self.is_there = True

    def remove(self, key: str) -> None:
        """The stage is over, one way or the other."""
        if self.is_there:
            with suppress(StoreError):
                self.owner.store.delete(key)

    def _report(self, *, rate: float) -> ProgressReport:
        done = self.done + self.fresh
        return ProgressReport(
            stage=self.stage,
            done=done,
            total=self.total,
            unit=self.unit,
            frames_per_second=round(rate, 3),
            seconds_left=round((self.total - done) / rate, 1) if self.total is not None and rate else None,
            updated_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            run_id=self.owner.run_id,
        )
