"""What became of a version that is worked on, read from the store and from the event log.

Only the upload sensor writes the ledger: the steps know nothing of versions, so nothing that happens to a run can leave
it half updated. A version's next state is a function of what the steps leave behind anyway.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import dagster as dg
from dagster._core.storage.partition_status_cache import AssetPartitionStatus  # what get_status_by_partition returns

from assets.failures import explained_failures
from assets.final_video import find_current_delivery
from dagster_project.partitions import cell_key, clips, grid
from sensors.failed_run import is_undecided
from stylize.records.quote import find_hold
from stylize.records.records import SourceRecord
from stylize.records.uploads import VERSION_TAG, ClosedState, OpenState, Upload, UploadVersion
from stylize.store.keys import source_record_key
from stylize.store.media_store import MediaStore
from stylize.video.source.plan import MAX_SEGMENTS

INPUT_FAULTS = frozenset({"ProbeError", "DecodeError", "EncodeError", "MuxError"})
"""Errors that are the upload's own: it can never be delivered. Others pass, or are for an operator to mend."""

WISH_FAULTS = frozenset({"StyleError", "SettingsError"})
"""The same for what its sidecar asks for."""

FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 3600

_FINISHED = frozenset({dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED})


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """The present state of a version, and whether a run shall be requested for it now."""

    version: UploadVersion
    request: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionWatch:
    """Where to look.

    Attributes:
        store: of the clips.
        instance: with the runs.
        present: what lies in ``landing/`` now, by key.
        now: with time zone.
    """

    store: MediaStore
    instance: dg.DagsterInstance
    present: dict[str, Upload]
    now: datetime

    def next_step(self, version: UploadVersion) -> NextStep:
        """What became of ``version`` since the last look."""
        return self._after_request(version) if version.state == "requested" else self._after_reading(version)

    def _after_request(self, version: UploadVersion) -> NextStep:
        records = self.instance.get_run_records(dg.RunsFilter(tags={VERSION_TAG: version.version}), limit=1)
        if not records:
            return NextStep(version=version, request=True)
        (record,) = records
        run, ended_seconds_ago = record.dagster_run, self.now.timestamp() - (record.end_time or 0)
        if run.status not in _FINISHED:
            return NextStep(version=version)
        if run.is_success:
            return self._after_success(version, run)
        if is_undecided(run, self.instance, failed_seconds_ago=ended_seconds_ago):
            return NextStep(version=version)
        return self._after_failure(version, run, ended_seconds_ago)

    def _after_success(self, version: UploadVersion, run: dg.DagsterRun) -> NextStep:
        source = SourceRecord.find(self.store, source_record_key(version.clip))
        if source is None or (source.landing_key, source.etag) != (version.landing_key, version.etag):
            return self._changed(version, "superseded", "replaced or removed before it was read")
        changed = self.instance.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION, limit=1
        ).records
        if not changed and find_current_delivery(self.store, version.clip) is not None:
            reason = "the last delivery already is this content in this look"
            return self._changed(version, "duplicate", reason, sha256=source.sha256)
        return self._changed(version, "read", sha256=source.sha256)

    def _after_failure(self, version: UploadVersion, run: dg.DagsterRun, ended_seconds_ago: float) -> NextStep:
        for failure in explained_failures(self.instance, run.run_id):
            if failure.kind in INPUT_FAULTS | WISH_FAULTS:
                return self._changed(version, "rejected", failure.message)
        if self._is_replaced(version):
            return self._changed(version, "superseded", "replaced or removed before it was read")
        # The store or the machine may be in trouble, and haste would not help it: every pause is twice the last one.
        pause_seconds = min(FIRST_PAUSE_SECONDS * 2 ** (version.attempt - 1), LONGEST_PAUSE_SECONDS)
        if ended_seconds_ago < pause_seconds:
            return NextStep(version=version)
        return NextStep(
            version=replace(version, attempt=version.attempt + 1, changed_at=self._timestamp()), request=True
        )

    def _after_reading(self, version: UploadVersion) -> NextStep:
        if find_current_delivery(self.store, version.clip) is not None:
            return self._changed(version, "delivered")
        for record in self._runs(version, [dg.DagsterRunStatus.FAILURE]):
            for failure in explained_failures(self.instance, record.dagster_run.run_id):
                if failure.kind in INPUT_FAULTS:
                    return self._changed(version, "rejected", failure.message)
        if self._is_replaced(version) and self._is_stuck(version):
            return self._changed(version, "superseded", "its processing failed, and then it was replaced")
        if self._is_replaced(version) and self._is_held(version):
            return self._changed(version, "superseded", "its cost was not approved, and then it was replaced")
        return NextStep(version=version)

    def _is_stuck(self, version: UploadVersion) -> bool:
        """Whether a part of the clip failed, and nothing is under way or about to be tried again that could mend it."""
        if any(self._runs(version, _unfinished())):
            return False
        if any(self._may_be_retried(record) for record in self._runs(version, [dg.DagsterRunStatus.FAILURE])):
            return False
        cells = [cell_key(version.clip, segment) for segment in range(MAX_SEGMENTS)]
        parts = {"audio_track": (clips, [version.clip]), "frames": (grid, cells), "styled_frames": (grid, cells)}
        parts["final_video"] = (clips, [version.clip])
        return any(self._has_failed(asset, definition, keys) for asset, (definition, keys) in parts.items())

    def _is_held(self, version: UploadVersion) -> bool:
        """Whether the clip waits for approval of its cost, and nothing of it is under way."""
        return find_hold(self.store, version.clip) is not None and not any(self._runs(version, _unfinished()))

    def _may_be_retried(self, record: dg.RunRecord) -> bool:
        failed_seconds_ago = self.now.timestamp() - (record.end_time or self.now.timestamp())
        return is_undecided(record.dagster_run, self.instance, failed_seconds_ago=failed_seconds_ago)

    def _has_failed(self, asset: str, definition: dg.PartitionsDefinition, keys: list[str]) -> bool:
        statuses = self.instance.get_status_by_partition(dg.AssetKey(asset), keys, definition) or {}
        return AssetPartitionStatus.FAILED in statuses.values()

    def _runs(self, version: UploadVersion, statuses: list[dg.DagsterRunStatus]) -> Iterator[dg.RunRecord]:
        """Runs of the clip, or of a cell of it, or of all its cells, since the version was seen."""
        since = datetime.fromisoformat(version.seen_at)
        for tags in (
            {"dagster/partition": version.clip},
            {"dagster/partition/clip": version.clip},
            {"dagster/asset_partition_range_start": cell_key(version.clip, 0)},
        ):
            yield from self.instance.get_run_records(dg.RunsFilter(tags=tags, statuses=statuses, created_after=since))

    def _is_replaced(self, version: UploadVersion) -> bool:
        upload = self.present.get(version.landing_key)
        return upload is None or upload.version != version.version

    def _changed(
        self, version: UploadVersion, state: OpenState | ClosedState, reason: str = "", sha256: str = ""
    ) -> NextStep:
        return NextStep(
            version=replace(
                version, state=state, reason=reason, sha256=sha256 or version.sha256, changed_at=self._timestamp()
            )
        )

    def _timestamp(self) -> str:
        return self.now.isoformat(timespec="seconds")


def _unfinished() -> list[dg.DagsterRunStatus]:
    return [status for status in dg.DagsterRunStatus if status not in _FINISHED]
