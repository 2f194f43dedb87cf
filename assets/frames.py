"""The decoded frames of a clip, in exact lossless chunks.

Lies in ``work/<clip>/<content>/frames/``; partitioned by clip x segment. The upload is decoded once, in order, for all
segments that a run asks for: cutting it by seeking or stream copy is not exact on every format.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from assets.automation import when_inputs_are_fresh
from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.source_video import source_video
from assets.storage_use import storage_use
from assets.unused_cells import unused_cells_recorded
from dagster_project.partitions import cell_key, grid, grid_by_clip, segments_by_clip
from resources.clip_lease import ClipLease
from resources.deployment import DecoderResource, ScratchResource
from resources.progress import Progress
from resources.stored_progress import StoredProgress
from stylize import code_versions
from stylize.records.chunk_objects import publish_chunk, published_chunks
from stylize.records.content import current_content, original_file, read_manifest, read_plan
from stylize.records.records import ChunkObject, SegmentRecord
from stylize.store.keys import ContentKeys
from stylize.store.media_store import MediaStore
from stylize.video.source.plan import Chunk, Segment


def find_split_segment(store: MediaStore, keys: ContentKeys, segment: Segment) -> SegmentRecord | None:
    """The record of ``segment`` if all its lossless chunks are there."""
    record = SegmentRecord.find(store, keys.frames_segment(segment.index))
    return record if record and all(store.stat(chunk.key) for chunk in record.chunks) else None


def split_segments(
    store: MediaStore,
    keys: ContentKeys,
    segments: Iterable[Segment],
    folder: Path,
    *,
    decoder: DecoderResource,
    progress: Progress,
) -> list[SegmentRecord]:
    """Make sure that the chunks of ``segments`` are stored, decoding only if some are missing or damaged.

    Raises:
        ObjectMissingError: chunks are missing, and so is the upload.
        DecodeError: the upload does not decode to what its manifest says.
    """
    segments = list(segments)
    objects: dict[int, ChunkObject] = {}
    for segment in segments:
        targets = {chunk.index: keys.frames_chunk(chunk.index) for chunk in segment.chunks}
        before = SegmentRecord.find(store, keys.frames_segment(segment.index))
        objects |= published_chunks(store, segment.chunks, targets, record=before)
    missing = [chunk for segment in segments for chunk in segment.chunks if chunk.index not in objects]
    objects |= _split_missing(store, keys, missing, folder, decoder=decoder, progress=progress)
    records = [SegmentRecord.of(segment, objects) for segment in segments]
    for record in records:
        record.write(store, keys.frames_segment(record.segment))
    return records


def ensure_split(
    store: MediaStore,
    keys: ContentKeys,
    segment: Segment,
    folder: Path,
    *,
    decoder: DecoderResource,
    progress: Progress,
) -> SegmentRecord:
    """The record of ``segment``, split again if some of its chunks expired since.

    Raises:
        ObjectMissingError: chunks are missing, and so is the upload.
        DecodeError: the upload does not decode to what its manifest says.
    """
    found = find_split_segment(store, keys, segment)
    return found or split_segments(store, keys, [segment], folder, decoder=decoder, progress=progress)[0]


def _split_missing(
    store: MediaStore,
    keys: ContentKeys,
    missing: list[Chunk],
    folder: Path,
    *,
    decoder: DecoderResource,
    progress: Progress,
) -> dict[int, ChunkObject]:
    from stylize.video.chunks.split import split

    published: dict[int, ChunkObject] = {}
    if not missing:
        return published
    manifest = read_manifest(store, keys)
    with (
        original_file(store, keys, folder) as original,
        progress.track("split", total=sum(chunk.num_frames for chunk in missing)) as advance,
    ):
        for chunk, file in split(original, manifest, missing, folder, limits=decoder.limits):
            published[chunk.index] = publish_chunk(store, keys.frames_chunk(chunk.index), chunk, file)
            file.unlink()
            advance(chunk.num_frames)
    return published


@dg.asset(
    partitions_def=grid,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[dg.AssetDep(source_video, partition_mapping=grid_by_clip)],
    automation_condition=when_inputs_are_fresh(),
    group_name="ingest",
    kinds={"video"},
    owners=["team:video-operations"],
    code_version=code_versions.SPLIT,
    retry_policy=TRANSIENT_RETRIES,
)
def frames(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[MediaStore],
    lease: dg.ResourceParam[ClipLease],
    progress: dg.ResourceParam[Progress],
    decoder: DecoderResource,
    scratch: ScratchResource,
) -> Iterator[dg.MaterializeResult]:
    """The frames of the clip exactly as they decode, pixels untouched, in lossless chunks of 24."""
    unused: dict[str, list[int]] = {}
    for clip, indices in segments_by_clip(context.partition_keys).items():
        before = store.usage
        reported = StoredProgress(shown=progress, store=store, clip=clip, run_id=context.run_id)
        with failures_explained(), lease.shared(clip), scratch.folder() as folder:
            keys = current_content(store, clip)
            plan = read_plan(store, keys)
            used = [plan.segments[index] for index in indices if index < len(plan.segments)]
            records = split_segments(store, keys, used, folder, decoder=decoder, progress=reported)
        found = {record.segment: record for record in records}
        unused[clip] = [index for index in indices if index not in found]
        # One decode serves all segments: what it asked of the store stands with the first of them.
        context.add_asset_metadata(storage_use(store, since=before), partition_key=cell_key(clip, indices[0]))
        for index in indices:
            context.add_asset_metadata(_describe(found.get(index)), partition_key=cell_key(clip, index))
    with unused_cells_recorded(context.instance, unused):
        yield dg.MaterializeResult()


def _describe(record: SegmentRecord | None) -> dict[str, Any]:
    if record is None:
        return {"frames": 0}
    return {
        "frames": record.num_frames,
        "first_frame": record.start,
        "chunks": len(record.chunks),
        "size_bytes": record.size_bytes,
        "digest": record.digest,
    }
