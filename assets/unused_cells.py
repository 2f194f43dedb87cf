"""Cells of the grid that a clip does not need: recorded as materialized with no frames, so that nothing is started.

Automation starts a cell when it is missing or older than an input. So whatever step updates an input of these cells
records them again after its own materialization, in the order of the graph.
"""

from collections.abc import Iterable, Sequence

import dagster as dg

from dagster_project.partitions import cell_key
from dagster_project.video.plan import MAX_SEGMENTS, SegmentPlan


def unused_segments(plan: SegmentPlan) -> range:
    """Indices of the segments that a clip with this plan does not need."""
    return range(len(plan.segments), MAX_SEGMENTS)


def record_unused_cells(
    instance: dg.DagsterInstance, clip: str, segments: Iterable[int], *, assets: Sequence[str]
) -> None:
    """Record the given cells of ``clip`` as materialized with no frames, asset by asset."""
    cells = [cell_key(clip, segment) for segment in segments]
    for asset in assets:
        for cell in cells:
            instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=cell, metadata={"frames": 0}))
