"""Partitions definitions, and how names become partition keys.

https://docs.dagster.io/guides/build/partitions-and-backfills/partitioning-assets

* ``clips``: one key per uploaded video.
* ``styles``: one key per style.
* ``grid``: clip x segment; a cell ``clip|007`` is one unit of GPU work. Every clip has the same 64 static segments;
  those that a clip does not need are recorded as materialized with no frames when it is planned.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import dagster as dg

from stylize.video.source.plan import MAX_SEGMENTS

MAX_SLUG_LENGTH = 60

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


def clip_key(name: str) -> str:
    """The partition key of the clip that is uploaded as ``name``.

    ``holiday.mp4`` becomes ``holiday``. Any other name, which a slug cannot spell without loss, gets eight digits of
    its SHA-256 as well, so that different names never share a key. The characters ``| , [ ]`` break partition keys.
    """
    path = PurePosixPath(name)
    slug = slugify(str(path.with_suffix("")))
    if f"{slug}.mp4" == name:
        return slug
    return f"{slug}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def slugify(text: str) -> str:
    """Lower-case letters, digits and hyphens only, at most 60 of them; ``clip`` where nothing is left."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_SLUG_LENGTH].strip("-")
    return slug or "clip"


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
