"""Partitions definitions.

https://docs.dagster.io/guides/build/partitions-and-backfills/partitioning-assets

* ``clips``: one key per uploaded video.
* ``styles``: one key per style.
* ``grid``: clip x segment; a cell ``clip|007`` is one unit of GPU work. Every clip has the same 64 static segments;
  those that a clip does not need are recorded as materialized with no frames when it is planned.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import dagster as dg

from stylize.video.source.plan import MAX_SEGMENTS

# Under which Dagster notes the partition of a run, or the first and the last of a range.
PARTITION_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
PARTITION_TAGS = (PARTITION_TAG, *RANGE_TAGS)

clips = dg.DynamicPartitionsDefinition(name="clips")
styles = dg.DynamicPartitionsDefinition(name="styles")
segments = dg.StaticPartitionsDefinition([f"{index:03d}" for index in range(MAX_SEGMENTS)])
grid = dg.MultiPartitionsDefinition({"clip": clips, "segment": segments})

# Dagster's own mapping between the grid and one of its dimensions, both ways. Mappings of our own cannot be used: the
# host process serializes built-in ones only.
grid_by_clip = dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name="clip")


def cell_key(clip: str, segment: int) -> str:
    """The grid's partition key of one segment of a clip."""
    return str(dg.MultiPartitionKey({"clip": clip, "segment": f"{segment:03d}"}))


def parse_cell(key: str) -> tuple[str, int]:
    """Clip and segment index of a grid key. A run launched with the partition tag alone hands a plain string."""
    dimensions = grid.get_partition_key_from_str(str(key)).keys_by_dimension
    return dimensions["clip"], int(dimensions["segment"])


def clips_of_run(tags: Mapping[str, str]) -> set[str]:
    """The clips, or styles, whose partitions a run's tags name; of a range only the first and the last."""
    keys = {tags[name] for name in PARTITION_TAGS if name in tags}
    return {parse_cell(key)[0] if "|" in key else key for key in keys}


def segments_by_clip(keys: Iterable[str]) -> dict[str, list[int]]:
    """The segment indices that a set of grid keys names, per clip, in order."""
    indices: dict[str, list[int]] = defaultdict(list)
    for clip, segment in map(parse_cell, keys):
        indices[clip].append(segment)
    return {clip: sorted(values) for clip, values in indices.items()}
