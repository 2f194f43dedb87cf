"""What a clip costs its store: requests and bytes, counted where they are sent, added up for the receipt."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from dagster_project.partitions import cell_key
from resources.media_store import MediaStore, StoreUsage

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
    return sum((use for asset, keys in parts.items() for use in _latest(instance, asset, keys)), start=StoreUsage())


def _latest(instance: dg.DagsterInstance, asset: str, partitions: list[str]) -> Iterator[StoreUsage]:
    """The use that the last materialization of each partition recorded."""
    seen: set[str | None] = set()
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=partitions)
    for record in instance.fetch_materializations(wanted, limit=4 * len(partitions)).records:
        if record.asset_materialization is not None and record.partition_key not in seen:
            seen.add(record.partition_key)
            yield _recorded(record.asset_materialization.metadata)


def _recorded(metadata: Any) -> StoreUsage:
    counts = {
        name: int(metadata[f"{PREFIX}{name}"].value)
        for name in ("requests", "sent_bytes", "received_bytes")
        if f"{PREFIX}{name}" in metadata
    }
    return StoreUsage(**counts)
