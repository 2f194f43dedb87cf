"""What a clip costs its store: requests and bytes, counted where they are sent, added up for the receipt."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import dagster as dg

from dagster_project.partitions import cell_key, parse_cell
from stylize.store.media_store import MediaStore, StoreUsage

PREFIX = "storage_"


def storage_use(store: MediaStore, *, since: StoreUsage) -> dict[str, int]:
    """What ``store`` was asked for since then, as metadata of the step that asked."""
    use = store.usage - since
    return {
        f"{PREFIX}requests": use.requests,
        f"{PREFIX}sent_bytes": use.sent_bytes,
        f"{PREFIX}received_bytes": use.received_bytes,
    }


def storage_use_of_clip(instance: dg.DagsterInstance, clip: str, num_segments: int) -> StoreUsage:
    """What the steps that made the clip's present parts asked of the store, by their metadata in the event log.

    Runs that failed are not counted, and neither is ``final_video``, which is not recorded yet when it asks.
    """
    cells = [cell_key(clip, segment) for segment in range(num_segments)]
    parts = {"source_video": [clip], "audio_track": [clip], "frames": cells, "styled_frames": cells}
    return sum((use for asset, keys in parts.items() for _, use in _latest(instance, asset, keys)), start=StoreUsage())


def storage_use_of_cells(
    instance: dg.DagsterInstance, asset: str, clip: str, num_segments: int
) -> dict[int, dict[str, int]]:
    """What the last materialization of every segment asked of the store, by its index."""
    cells = [cell_key(clip, segment) for segment in range(num_segments)]
    return {parse_cell(cell)[1]: asdict(use) for cell, use in _latest(instance, asset, cells)}


def _latest(instance: dg.DagsterInstance, asset: str, partitions: list[str]) -> Iterator[tuple[str, StoreUsage]]:
    """The partitions, each with the use that its last materialization recorded."""
    seen: set[str | None] = set()
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=partitions)
    for record in instance.fetch_materializations(wanted, limit=4 * len(partitions)).records:
        if record.asset_materialization is not None and record.partition_key not in seen:
            seen.add(record.partition_key)
            yield str(record.partition_key), _recorded(record.asset_materialization.metadata)


def _recorded(metadata: Any) -> StoreUsage:
    counts = {
        name: int(metadata[f"{PREFIX}{name}"].value)
        for name in ("requests", "sent_bytes", "received_bytes")
        if f"{PREFIX}{name}" in metadata
    }
    return StoreUsage(**counts)
