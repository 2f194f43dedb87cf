"""Clips whose segments are complete while their final video is older than one of them, or missing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import dagster as dg
from dagster._core.storage.partition_status_cache import AssetPartitionStatus  # what get_status_by_partition returns

from dagster_project.doctor.finding import Finding, Patient
from dagster_project.partitions import cell_key, clips
from resources.daemon import daemon_lives
from stylize.records.content import find_current_plan
from stylize.records.records import ClipSettings, SegmentRecord, SourceRecord
from stylize.store.keys import ContentKeys, settings_key, source_record_key

AUTOMATION_SECONDS = 120.0
"""Where a daemon runs, it gets so long to follow by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Complete:
    """A clip all of whose segments are styled; ``newest`` is the cell that was materialized last, at ``timestamp``."""

    clip: str
    newest: str
    storage_id: int
    timestamp: float


def find_outdated_deliveries(patient: Patient) -> Iterator[Finding]:
    """Finals that should follow and do not."""
    busy, patience_seconds = patient.busy_clips(), AUTOMATION_SECONDS if daemon_lives(patient.instance) else 0.0
    for clip in patient.clips():
        complete = _find_complete(patient, clip) if clip not in busy else None
        if complete is None or time.time() - complete.timestamp < patience_seconds:
            continue
        final = _latest(patient.instance, "final_video", [clip]).get(clip)
        if final is not None and final > complete.storage_id:
            continue
        state = "was never made" if final is None else f"is older than its segment {complete.newest}"
        yield Finding(
            ailment="final older than a segment",
            subject=f"clip {clip}",
            what=f"all its segments are styled, but final_video {state}{_last_failed(patient.instance, clip)}",
            why="the customer does not have what was styled, and automation does not try a failed step again",
            remedy="run deliver_clip_job for it; what was delivered before stays",
            fix=partial(_deliver, patient, clip),
        )


def _deliver(patient: Patient, clip: str) -> None:
    with patient.alone_with(clip):
        patient.deliver(clip)


def _find_complete(patient: Patient, clip: str) -> _Complete | None:
    """The clip if every segment of its present content is styled in its present look, and the instance knows it."""
    source = SourceRecord.find(patient.store, source_record_key(clip))
    settings = ClipSettings.find(patient.store, settings_key(clip))
    plan = find_current_plan(patient.store, clip)
    if source is None or settings is None or plan is None:
        return None
    keys = ContentKeys(clip, source.sha256)
    records = (SegmentRecord.find(patient.store, keys.styled_segment(segment.index)) for segment in plan.segments)
    if not all(record is not None and record.settings == settings for record in records):
        return None
    known = _latest(patient.instance, "styled_frames", [cell_key(clip, segment.index) for segment in plan.segments])
    if len(known) < len(plan.segments):
        return None
    newest = max(known, key=known.__getitem__)
    wanted = dg.AssetRecordsFilter(dg.AssetKey("styled_frames"), asset_partitions=[newest])
    (record,) = patient.instance.fetch_materializations(wanted, limit=1).records
    return _Complete(clip=clip, newest=newest, storage_id=record.storage_id, timestamp=record.timestamp)


def _latest(instance: dg.DagsterInstance, asset: str, partitions: list[str]) -> dict[str, int]:
    """Ids of the latest materializations, by partition; a later one has a higher id."""
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    return dict(instance.get_latest_storage_id_by_partition(dg.AssetKey(asset), kind, set(partitions)))


def _last_failed(instance: dg.DagsterInstance, clip: str) -> str:
    statuses = instance.get_status_by_partition(dg.AssetKey("final_video"), [clip], clips) or {}
    failed = statuses.get(clip) == AssetPartitionStatus.FAILED
    return f"; its last run failed, see `stylize status {clip}`" if failed else ""
