"""The runs of one clip: which are on their way, which failed and why, how often they were tried."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.storage.partition_status_cache import AssetPartitionStatus  # what get_status_by_partition returns
from dagster._core.storage.tags import RETRY_NUMBER_TAG  # set by Dagster; documented, but not exported

from dagster_project.partitions import PARTITION_TAG, RANGE_TAGS, cell_key, clips, clips_of_run, grid, parse_cell
from dagster_project.retirement import UNFINISHED
from sensors.failed_run import find_step_failure
from stylize.video.source.plan import MAX_SEGMENTS

MAX_RUNS = 200
"""Runs of a clip that are looked at for reasons and retries, the latest first."""

ENDED_BADLY = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFailure:
    """Partitions of one asset whose last run failed for the same reason.

    Attributes:
        asset: its name.
        partitions: their keys.
        reason: one line.
        run_id: the run that failed; empty if it is no longer on record.
    """

    asset: str
    partitions: tuple[str, ...]
    reason: str
    run_id: str

    @property
    def subject(self) -> str:
        """What failed, in a few words."""
        first, *others = self.partitions
        return f"{self.asset} {first}{f' and {len(others)} more' if others else ''}"


def unfinished_runs(instance: dg.DagsterInstance) -> dict[str, list[dg.DagsterRun]]:
    """The runs that wait or are executed, by clip."""
    found: dict[str, list[dg.DagsterRun]] = defaultdict(list)
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        for clip in clips_of_run(run.tags):
            found[clip].append(run)
    return found


def failed_parts(instance: dg.DagsterInstance, clip: str) -> list[PartFailure]:
    """The partitions of a clip whose last run failed, in the order of the graph."""
    cells = [cell_key(clip, segment) for segment in range(MAX_SEGMENTS)]
    parts: dict[str, tuple[dg.PartitionsDefinition[Any], list[str]]] = {
        "source_video": (clips, [clip]),
        "clip_settings": (clips, [clip]),
        "audio_track": (clips, [clip]),
        "frames": (grid, cells),
        "styled_frames": (grid, cells),
        "final_video": (clips, [clip]),
    }
    failed = [
        (asset, partition)
        for asset, (definition, keys) in parts.items()
        for partition, status in (instance.get_status_by_partition(dg.AssetKey(asset), keys, definition) or {}).items()
        if status == AssetPartitionStatus.FAILED
    ]
    return _grouped(failed, _reasons(instance, clip)) if failed else []


def count_retries(instance: dg.DagsterInstance, clip: str) -> int:
    """How often steps of the clip were tried again: within their runs, and as runs that Dagster started anew."""
    return sum(
        len(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY))
        + (RETRY_NUMBER_TAG in run.tags)
        for run in _runs(instance, clip, list(dg.DagsterRunStatus))
    )


def _grouped(failed: list[tuple[str, str]], reasons: Mapping[tuple[str, str], tuple[str, str]]) -> list[PartFailure]:
    """One failure per asset, reason and run."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for asset, partition in failed:
        reason, run_id = reasons.get((asset, partition), ("its run is no longer on record", ""))
        groups[asset, reason, run_id].append(partition)
    return [
        PartFailure(asset=asset, partitions=tuple(partitions), reason=reason, run_id=run_id)
        for (asset, reason, run_id), partitions in groups.items()
    ]


def _reasons(instance: dg.DagsterInstance, clip: str) -> Mapping[tuple[str, str], tuple[str, str]]:
    """By asset and partition, why it failed last, and in which run."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for run in _runs(instance, clip, ENDED_BADLY):
        failure = find_step_failure(instance, run.run_id)
        assets = [failure.step] if failure.step else [key.to_user_string() for key in run.asset_selection or ()]
        for asset in assets:
            for partition in _partitions(run):
                found.setdefault((asset, partition), (failure.reason, run.run_id))
    return found


def _partitions(run: dg.DagsterRun) -> list[str]:
    """The partitions that a run names; a range is one of cells of a single clip."""
    if PARTITION_TAG in run.tags:
        return [run.tags[PARTITION_TAG]]
    (clip, first), (_, last) = (parse_cell(run.tags[tag]) for tag in RANGE_TAGS)
    return [cell_key(clip, segment) for segment in range(first, last + 1)]


def _runs(instance: dg.DagsterInstance, clip: str, statuses: list[dg.DagsterRunStatus]) -> Iterator[dg.DagsterRun]:
    """Runs of the clip, of a cell of it, or of a range of its cells; each kind with the latest first."""
    whole_clip = {PARTITION_TAG: clip}
    one_cell = {f"{PARTITION_TAG}/clip": clip}
    all_cells = {RANGE_TAGS[0]: cell_key(clip, 0)}
    for tags in (whole_clip, one_cell, all_cells):
        yield from instance.get_runs(dg.RunsFilter(tags=tags, statuses=statuses), limit=MAX_RUNS)
