"""How often the steps of a clip were tried, and how long they waited and ran: by Dagster's event log."""

from collections.abc import Iterator

import dagster as dg
from dagster._core.execution.stats import RunStepKeyStatsSnapshot, StepEventStatus  # what get_run_step_stats returns

from dagster_project.partitions import PARTITION_TAG, RANGE_TAGS, cell_key, parse_cell
from stylize.pictures.tries import Try

STEPS = frozenset({"source_video", "audio_track", "frames", "clip_settings", "styled_frames", "final_video"})
"""The assets that are made for one clip, and whose work is the work on the clip."""


def tries_of_clip(instance: dg.DagsterInstance, clip: str, num_segments: int) -> list[Try]:
    """Every try of every step since the delivery before the present one; ever, if there was none.

    A try that was killed without a trace counts until its run was found dead.
    """
    cells = [cell_key(clip, segment) for segment in range(num_segments)]
    since = _delivery_before(instance, clip)
    found: dict[str, dg.RunRecord] = {}
    for tags in ({PARTITION_TAG: [clip, *cells]}, {RANGE_TAGS[0]: cells}):
        for record in instance.get_run_records(dg.RunsFilter(tags=tags)):
            if record.create_timestamp.timestamp() > since:
                found[record.dagster_run.run_id] = record
    return [one for record in found.values() for one in _tries_of_run(instance, record)]


def _delivery_before(instance: dg.DagsterInstance, clip: str) -> float:
    """When the clip was last delivered with other bytes than now, as Unix time; 0 if never."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey("final_video"), asset_partitions=[clip])
    deliveries = [
        (record.timestamp, record.asset_materialization.metadata.get("sha256"))
        for record in instance.fetch_materializations(wanted, limit=100).records
        if record.asset_materialization
    ]
    return next((timestamp for timestamp, sha256 in deliveries if sha256 != deliveries[0][1]), 0.0)


def _tries_of_run(instance: dg.DagsterInstance, record: dg.RunRecord) -> Iterator[Try]:
    partition = record.dagster_run.tags.get(PARTITION_TAG, "")
    for step in instance.get_run_step_stats(record.dagster_run.run_id):
        if step.step_key not in STEPS:
            continue
        enqueued = record.create_timestamp.timestamp()
        attempts = _attempts(step, record)
        for number, (started, ended) in enumerate(attempts, 1):
            yield Try(
                asset=step.step_key,
                segment=parse_cell(partition)[1] if "|" in partition else None,
                run_id=record.dagster_run.run_id,
                number=number,
                enqueued=enqueued,
                started=started,
                ended=ended,
                succeeded=number == len(attempts) and step.status == StepEventStatus.SUCCESS,
            )
            enqueued = ended


def _attempts(step: RunStepKeyStatsSnapshot, record: dg.RunRecord) -> list[tuple[float, float]]:
    """Begin and end of every try; the last may have no end of its own."""
    ended = [(float(marker.start_time or 0), float(marker.end_time or 0)) for marker in step.attempts_list]
    if step.partial_attempt_start is None:
        return ended
    return [*ended, (step.partial_attempt_start, record.end_time or record.update_timestamp.timestamp())]
