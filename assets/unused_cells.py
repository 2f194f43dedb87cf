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

from dagster_project.partitions import cell_key
from dagster_project.video.plan import MAX_SEGMENTS, SegmentPlan


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
    for cell in cells:
        instance.report_runless_asset_event(
            dg.AssetMaterialization("styled_frames", partition=cell, metadata={"frames": 0})
        )
