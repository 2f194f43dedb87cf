"""Cells of the grid that a clip does not need: recorded as styled with no frames, so that no pod is started for them.

Automation starts a cell when an input of it is newer. So a step that updates an input of these cells records them
around its own materialization: afterwards, because they must be newer than their input; and beforehand, because a
sensor may look between the two. Automation takes an update of the cell itself as the answer to every update of an input
that it sees in the same look, and whenever it looks, one of the two records falls into the same look as the input's.
(Recorded afterwards only, 63 runs were started for nothing when a tick fell into that half second.)

``frames`` needs none of this: all its cells are materialized by one run, the unneeded ones with no frames.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import dagster as dg

# report_runless_asset_event, which does the same for one event, knows no batches.
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
    StepMaterializationData,
    generate_event_batch_id,
)
from dagster._core.instance.utils import RUNLESS_JOB_NAME, RUNLESS_RUN_ID

from dagster_project.partitions import cell_key
from stylize.video.source.plan import MAX_SEGMENTS, SegmentPlan


def unused_segments(plan: SegmentPlan) -> range:
    """Indices of the segments that a clip with this plan does not need."""
    return range(len(plan.segments), MAX_SEGMENTS)


@contextmanager
def unused_cells_recorded(instance: dg.DagsterInstance, segments: Mapping[str, Iterable[int]]) -> Iterator[None]:
    """Record cells as styled with no frames, around the materialization of one of their inputs.

    Args:
        instance: whose event log.
        segments: by clip, the indices of the segments that it does not need.
    """
    cells = [cell_key(clip, segment) for clip, indices in segments.items() for segment in indices]
    _record(instance, cells)
    yield
    _record(instance, cells)


def _record(instance: dg.DagsterInstance, cells: list[str]) -> None:
    """As one batch: in a cluster (DAGSTER_EVENT_BATCH_SIZE) no look finds a part of it, however slow its database."""
    batch = generate_event_batch_id()
    for number, cell in enumerate(cells, start=1):
        materialization = dg.AssetMaterialization("styled_frames", partition=cell, metadata={"frames": 0})
        event = DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            event_specific_data=StepMaterializationData(materialization),
            job_name=RUNLESS_JOB_NAME,
        )
        place = DagsterEventBatchMetadata(batch, is_end=number == len(cells))
        instance.report_dagster_event(event, run_id=RUNLESS_RUN_ID, batch_metadata=place)
