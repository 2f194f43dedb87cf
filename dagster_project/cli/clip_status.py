"""What a clip is doing and what comes next, read from the store and the event log; nothing is changed by looking."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import dagster as dg

from assets.final_video import find_current_delivery
from dagster_project.cli.clip_runs import PartFailure, count_retries, failed_parts, unfinished_runs
from dagster_project.cli.deployment import Deployment
from resources.local_process import find_dead_runs
from stylize.records.content import read_plan
from stylize.records.progress_reports import ProgressReport, read_progress_reports
from stylize.records.quote import Quote, find_hold
from stylize.records.records import ClipSettings, Delivery, Registration, SegmentRecord, SourceRecord
from stylize.records.uploads import Upload, UploadVersion, find_uploads
from stylize.store.keys import (
    ContentKeys,
    closed_upload_key,
    landing_key,
    latest_delivery_key,
    registration_key,
    settings_key,
    source_record_key,
)
from stylize.store.media_store import MediaStore

State = Literal[
    "uploaded", "to read", "reading", "rejected", "to split", "splitting", "held", "to style", "styling",
    "to deliver", "delivering", "delivered", "failed", "stuck",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much of the present content is made, in the present look.

    Attributes:
        num_frames: of the clip.
        num_segments: that it is planned in.
        num_split: segments whose lossless chunks are recorded.
        num_styled: segments that are complete in the look that is set now.
    """

    num_frames: int
    num_segments: int
    num_split: int
    num_styled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipStatus:
    """One clip.

    Attributes:
        clip: partition key, or the name of an upload that is not taken up yet.
        state: where it is on its way.
        work: None as long as the upload was not read.
        runs: ids of the runs that wait or are executed.
        progress: what the steps that are executed report.
        failures: what failed last, and was not made since.
        num_retries: how often steps were tried again, in all.
        hold: the quote that waits for approval.
        delivered: the video that the customer has now, whether it is the wanted one or an earlier one.
        reason: why an upload was rejected.
    """

    clip: str
    state: State
    work: Work | None = None
    runs: tuple[str, ...] = ()
    progress: tuple[ProgressReport, ...] = ()
    failures: tuple[PartFailure, ...] = ()
    num_retries: int = 0
    hold: Quote | None = None
    delivered: str = ""
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


class StatusReader:
    """Reads one clip after the other; what all have in common is read once."""

    def __init__(self, deployment: Deployment) -> None:
        """Look at ``deployment``."""
        self._store: MediaStore = deployment.store
        self._instance: dg.DagsterInstance = deployment.instance
        self._clips = deployment.clips()

    def read_all(self) -> Iterator[ClipStatus]:
        """Every clip that is not retired, and every upload that is not taken up yet."""
        known = set(self._clips)
        for clip in self._clips:
            yield self.read(clip)
        for upload in find_uploads(self._store.list(landing_key(""))):
            status = None if upload.clip in known else self._untaken(upload)
            if status is not None:
                yield status

    def read(self, clip: str) -> ClipStatus:
        """The status of a clip whose partition key is registered."""
        source = SourceRecord.find(self._store, source_record_key(clip))
        settings = ClipSettings.find(self._store, settings_key(clip))
        runs = tuple(run.run_id for run in self._runs.get(clip, ()))
        latest = Delivery.find(self._store, latest_delivery_key(clip))
        delivered = self._store.location(latest.video_key) if latest else ""
        if not runs and find_current_delivery(self._store, clip) is not None:
            work = self._work(clip, source, settings) if source else None
            return ClipStatus(clip=clip, state="delivered", work=work, delivered=delivered)
        work = self._work(clip, source, settings) if source else None
        upload = self._present_upload(clip)
        rejection = self._rejection(upload) if upload and not runs else None
        if rejection is not None:
            return _rejected(clip, rejection)
        failures = tuple(failed_parts(self._instance, clip))
        hold = find_hold(self._store, clip)
        state = _state(work, running=bool(runs), failed=bool(failures), held=hold is not None)
        return ClipStatus(
            clip=clip,
            state="stuck" if runs and self._dead.issuperset(runs) else state,
            work=work,
            runs=runs,
            progress=tuple(read_progress_reports(self._store, clip, runs)),
            failures=failures,
            num_retries=count_retries(self._instance, clip),
            hold=hold,
            delivered=delivered,
        )

    @cached_property
    def _runs(self) -> Mapping[str, Sequence[dg.DagsterRun]]:
        return unfinished_runs(self._instance)

    @cached_property
    def _dead(self) -> set[str]:
        """Ids of the runs whose process is gone."""
        return {run.run_id for run in find_dead_runs(self._instance)}

    def _untaken(self, upload: Upload) -> ClipStatus | None:
        """The status of an upload that is no clip now; None if it was one, and is retired."""
        rejection = self._rejection(upload)
        if rejection is not None:
            return _rejected(upload.clip, rejection)
        is_closed = self._store.stat(closed_upload_key(upload.clip, upload.version)) is not None
        if is_closed or find_current_delivery(self._store, upload.clip) is not None:
            return None
        return ClipStatus(clip=upload.clip, state="uploaded")

    def _rejection(self, upload: Upload) -> UploadVersion | None:
        """Why this version of an upload will not be delivered; None if that is not so."""
        closed = UploadVersion.find(self._store, closed_upload_key(upload.clip, upload.version))
        return closed if closed is not None and closed.state == "rejected" else None

    def _present_upload(self, clip: str) -> Upload | None:
        registered = Registration.find(self._store, registration_key(clip))
        present = find_uploads(self._store.list(registered.landing_key)) if registered else []
        return next((upload for upload in present if upload.clip == clip), None)

    def _work(self, clip: str, source: SourceRecord, settings: ClipSettings | None) -> Work | None:
        """None if the plan is missing: the clip has to be read again."""
        keys = ContentKeys(clip, source.sha256)
        if self._store.stat(keys.plan) is None:
            return None
        plan = read_plan(self._store, keys)
        split = {info.key for info in self._store.list(keys.frames_segments)}
        records = (SegmentRecord.find(self._store, info.key) for info in self._store.list(keys.styled_segments))
        styled = {record.segment for record in records if record is not None and record.settings == settings}
        return Work(
            num_frames=plan.num_frames,
            num_segments=len(plan.segments),
            num_split=sum(keys.frames_segment(segment.index) in split for segment in plan.segments),
            num_styled=sum(segment.index in styled for segment in plan.segments),
        )


def _rejected(clip: str, version: UploadVersion) -> ClipStatus:
    return ClipStatus(clip=clip, state="rejected", reason=version.reason)


def _state(work: Work | None, *, running: bool, failed: bool, held: bool) -> State:
    """Where a clip is that is not delivered as it shall look now."""
    if failed and not running:
        return "failed"
    if work is None:
        return "reading" if running else "to read"
    if work.num_styled == work.num_segments:
        return "delivering" if running else "to deliver"
    if held and not running:
        return "held"
    if work.num_split < work.num_segments and not work.num_styled:
        return "splitting" if running else "to split"
    return "styling" if running else "to style"
