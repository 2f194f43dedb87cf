"""The styled frames of a clip: final H.264 chunks, made by the process that styled them.

Lies in ``work/<clip>/<content>/styled/<look>/``; partitioned by clip x segment: one cell is one GPU pod's work. Chunks
are published one by one, so that a killed run resumes after the last of them.
"""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from assets.automation import unless_held, when_inputs_are_fresh
from assets.checks import flicker_check_spec, flicker_result
from assets.chunk_painter import ChunkPainter
from assets.clip_settings import clip_settings
from assets.embedded_pictures import CELL_BUDGET_BYTES, embed
from assets.failures import failures_explained
from assets.frames import ensure_split, frames
from assets.gpu_pool import GPU_POOL
from assets.own_style import find_own_style
from assets.retries import CELL_RETRIES, attempt_of_step
from assets.segment_pictures import describe_pictures, sample_stored_chunks
from assets.segment_watch import SegmentWatch
from assets.source_video import source_video
from assets.steady_shots import find_steady_shots
from assets.storage_use import storage_use
from dagster_project.partitions import grid, grid_by_clip, parse_cell
from resources.cell_attempt import CellAttempt
from resources.clip_lease import ClipLease
from resources.deployment import DecoderResource, ScratchResource
from resources.progress import Progress
from resources.stored_progress import StoredProgress
from resources.stylizer import StylizerResource
from stylize import code_versions
from stylize.records.chunk_objects import published_chunks
from stylize.records.content import current_content, read_manifest, read_plan
from stylize.records.quote import priced_pixels, refuse_held
from stylize.records.records import ClipSettings, SegmentRecord
from stylize.store.keys import ContentKeys, settings_key
from stylize.store.media_store import MediaStore
from stylize.video.source.plan import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class StyledSegment:
    """A complete segment, and what it took to complete it; ``memory_rung`` is empty if nothing was left to do."""

    record: SegmentRecord
    num_styled_frames: int
    seconds: float
    flicker: dict[str, Any]
    pictures: dict[str, Any]
    memory_rung: str
    priced_pixels: int


def find_styled_segment(
    store: MediaStore, keys: ContentKeys, segment: Segment, settings: ClipSettings
) -> SegmentRecord | None:
    """The record of ``segment`` if it is complete in this look."""
    record = SegmentRecord.find(store, keys.styled_segment(segment.index))
    if record is None or record.settings != settings:
        return None
    targets = [keys.styled_chunk(settings.look, chunk.index) for chunk in segment.chunks]
    return record if [chunk.key for chunk in record.chunks] == targets and all(map(store.stat, targets)) else None


def style_segment(
    store: MediaStore,
    keys: ContentKeys,
    segment: Segment,
    settings: ClipSettings,
    folder: Path,
    *,
    stylizer: StylizerResource,
    decoder: DecoderResource,
    progress: Progress,
    attempt: CellAttempt,
) -> StyledSegment:
    """Style the chunks of ``segment`` that are not published yet, one by one, and record the segment.

    ``attempt`` begins if there is anything to style.

    Raises:
        ObjectMissingError: source chunks are missing, and so is the upload.
        IntegrityError: a stored chunk is damaged.
        StyleError: the style cannot be used on this machine.
        AttemptsSpentError: this was tried too often.
    """
    started = time.monotonic()
    targets = {chunk.index: keys.styled_chunk(settings.look, chunk.index) for chunk in segment.chunks}
    before = SegmentRecord.find(store, keys.styled_segment(segment.index))
    objects = published_chunks(store, segment.chunks, targets, record=before)
    missing = [chunk for chunk in segment.chunks if chunk.index not in objects]
    num_frames, memory_rung = sum(chunk.num_frames for chunk in missing), ""
    watch, track = SegmentWatch(segment, missing), read_manifest(store, keys).video
    sample_stored_chunks(watch.sampler, store, keys, segment, objects, track, folder)
    if missing:
        attempt.begin(
            keys.styled_attempts(settings.look, segment.index), resumed_frames=segment.num_frames - num_frames
        )
        split = partial(ensure_split, store, keys, folder=folder, decoder=decoder, progress=progress)
        sources = {source.index: source for source in split(segment).chunks}
        transform = stylizer.transform(
            store,
            settings,
            width=track.width,
            height=track.height,
            scratch=folder,
            memory_steps_down=attempt.memory_steps_down,
            own_style_key=find_own_style(store, keys, settings, split, folder),
        )
        times_key = keys.styled_times(settings.look, segment.index)
        with progress.track("style", total=num_frames) as advance, watch.times_recorded(store, times_key):
            painter = ChunkPainter(
                store=store,
                track=track,
                transform=watch.timed(transform),
                meter=watch,
                folder=folder,
                advance=advance,
                attempt=attempt,
                steady_shots=find_steady_shots(store, keys, settings, transform, split, folder),
            )
            for chunk, published in painter.paint(missing, sources, targets):
                objects[chunk.index] = published
        memory_rung = transform.memory_rung
    record = SegmentRecord.of(segment, objects, settings)
    record.write(store, keys.styled_segment(segment.index))
    return StyledSegment(
        record=record,
        num_styled_frames=num_frames,
        seconds=time.monotonic() - started,
        flicker=watch.flicker.report().to_dict(track),
        pictures=describe_pictures(watch.sampler, track),
        memory_rung=memory_rung,
        priced_pixels=priced_pixels(settings.controls, width=track.width, height=track.height),
    )


@dg.asset(
    partitions_def=grid,
    backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
    deps=[
        frames,
        dg.AssetDep(source_video, partition_mapping=grid_by_clip),
        dg.AssetDep(clip_settings, partition_mapping=grid_by_clip),
    ],
    # A style that was refined makes every clip's settings look outdated; that is no reason to hold back their frames.
    automation_condition=unless_held(when_inputs_are_fresh(ignore=dg.AssetSelection.assets(clip_settings))),
    group_name="styling",
    kinds={"pytorch"},
    check_specs=[flicker_check_spec("styled_frames", grid)],
    owners=["team:video-operations"],
    code_version=f"{code_versions.STYLE}.{code_versions.ENCODE}",
    retry_policy=CELL_RETRIES,
    pool=GPU_POOL,
)
def styled_frames(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[MediaStore],
    lease: dg.ResourceParam[ClipLease],
    progress: dg.ResourceParam[Progress],
    stylizer: StylizerResource,
    decoder: DecoderResource,
    scratch: ScratchResource,
) -> dg.MaterializeResult:
    """The frames of one segment, repainted and encoded as they will be delivered. One partition is one GPU job."""
    clip, index = parse_cell(context.partition_key)
    before = store.usage
    reported = StoredProgress(shown=progress, store=store, clip=clip, segment=index, run_id=context.run_id)
    with (
        failures_explained(),
        attempt_of_step(context, store) as attempt,
        lease.shared(clip),
        scratch.folder() as folder,
    ):
        keys = current_content(store, clip)
        plan = read_plan(store, keys)
        if index >= len(plan.segments):
            return dg.MaterializeResult(
                metadata={"frames": 0}, check_results=[flicker_result("styled_frames", {"pairs_compared": 0})]
            )
        refuse_held(store, clip)
        settings = ClipSettings.read(store, settings_key(clip))
        segment = plan.segments[index]
        styled = style_segment(
            store,
            keys,
            segment,
            settings,
            folder,
            stylizer=stylizer,
            decoder=decoder,
            progress=reported,
            attempt=attempt,
        )
    context.add_asset_metadata(
        embed(styled.pictures, budget_bytes=CELL_BUDGET_BYTES)
        | _describe(styled, settings)
        | attempt.describe()
        | storage_use(store, since=before)
    )
    return dg.MaterializeResult(
        data_version=dg.DataVersion(styled.record.digest),
        check_results=[flicker_result("styled_frames", styled.flicker)],
    )


def _describe(styled: StyledSegment, settings: ClipSettings) -> dict[str, Any]:
    record = styled.record
    return {
        "frames": record.num_frames,
        "first_frame": record.start,
        "styled_frames": styled.num_styled_frames,
        "reused_frames": record.num_frames - styled.num_styled_frames,
        "seconds": round(styled.seconds, 3),
        "frames_per_second": round(styled.num_styled_frames / styled.seconds, 2),
        "chunks": len(record.chunks),
        "size_bytes": record.size_bytes,
        "style": settings.style,
        "controls": settings.describe_controls(),
        "quality": settings.quality,
        "priced_pixels": styled.priced_pixels,
        "engine": f"{settings.engine} {settings.device} {settings.precision}",
        "memory_rung": styled.memory_rung,
        "digest": record.digest,
    }
