"""How far the steps are that are executed now, as they report it in the store."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from stylize.errors import ObjectMissingError
from stylize.records.records import Record
from stylize.store.keys import progress_prefix
from stylize.store.media_store import MediaStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport(Record):
    """One step of one clip.

    Attributes:
        stage: ``read``, ``split``, ``style`` or ``deliver``.
        done: how many ``unit`` are done.
        total: how many there are; None if that is not known yet.
        unit: what is counted, mostly ``frames``.
        frames_per_second: of late.
        seconds_left: None if that is not known yet.
        updated_utc: ISO 8601, when it was written.
        run_id: of the run that executes the step.
    """

    stage: str
    done: int
    total: int | None
    unit: str
    frames_per_second: float
    seconds_left: float | None
    updated_utc: str
    run_id: str


def read_progress_reports(store: MediaStore, clip: str, runs: Collection[str]) -> Iterator[ProgressReport]:
    """What the given runs report of a clip; what others left behind is passed over."""
    for info in store.list(progress_prefix(clip)) if runs else ():
        try:
            report = ProgressReport.from_dict(json.loads(store.read_bytes(info.key)))
        except (ObjectMissingError, ValueError, TypeError):
            continue
        if report.run_id in runs:
            yield report
