"""The uploaded videos, read once: identity, manifest of every frame, plan of segments and chunks.

Lies in ``clips/<clip>/<content>/``, the snapshot in ``work/<clip>/<content>/``; partitioned by clip. Planning is done
once per content: later steps only read the plan, so that a changed setting never moves the borders of content that is
half done.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.pricing import budget_check_spec, budget_result, describe_quote, quote_source
from assets.storage_use import storage_use
from assets.unchanged import is_known_upload
from dagster_project.partitions import clips
from resources.clip_lease import ClipLease
from resources.deployment import DecoderResource, ScratchResource
from resources.pricing import PricingResource
from resources.progress import Progress, cumulative
from resources.stylizer import StylizerResource
from stylize import code_versions
from stylize.errors import ObjectMissingError, PreconditionError
from stylize.records.content import read_manifest, read_plan, write_manifest, write_plan
from stylize.records.quote import find_quote
from stylize.records.records import Registration, SourceRecord
from stylize.store.keys import ContentKeys, registration_key, source_record_key
from stylize.store.media_store import MediaStore
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.plan import SegmentPlan, plan_segments

MAX_FILE_NAME_BYTES = 255


class SourceVideoConfig(dg.Config):
    """What a run may choose when a clip is planned for the first time."""

    frames_per_segment: int = Field(
        default=240,
        ge=1,
        description="Wished frames per partition: more means fewer pods, fewer means cheaper retries.",
    )
    expected_etag: str | None = Field(
        default=None,
        description="Read only this version of the upload, and nothing if it was replaced; set by the upload sensor.",
    )


def find_current_source(store: MediaStore, clip: str, expected_etag: str | None = None) -> SourceRecord | None:
    """The record of what was read, if that is still the upload and all that was made of it is there.

    Args:
        store: of the clip.
        clip: partition key.
        expected_etag: the version of the upload to look for, whether it was replaced since or not; by default the one
            that lies in ``landing/`` now.
    """
    record = SourceRecord.find(store, source_record_key(clip))
    if record is None or record.code_version != code_versions.SCAN:
        return None
    upload = store.stat(record.landing_key)
    wanted = expected_etag or (upload.etag if upload else None)
    keys = ContentKeys(clip, record.sha256)
    complete = all(store.stat(key) for key in (keys.original, keys.manifest, keys.plan))
    return record if record.etag == wanted and complete else None


def read_source(
    store: MediaStore,
    clip: str,
    folder: Path,
    *,
    decoder: DecoderResource,
    config: SourceVideoConfig,
    progress: Progress,
) -> SourceRecord:
    """Read the upload of ``clip`` whole, scan it, plan it, and store what was found.

    Raises:
        ObjectMissingError: the clip is not registered or its upload is gone.
        PreconditionError: the upload was replaced while it was being read.
        ProbeError: it is not a video that can be processed.
        DecodeError: it is damaged.
    """
    landing_key = Registration.read(store, registration_key(clip)).landing_key
    upload = store.require(landing_key)
    original = folder / _file_name(landing_key)
    sha256 = store.download(landing_key, original, if_match=config.expected_etag or upload.etag)
    keys = ContentKeys(clip, sha256)
    if not _is_scanned(store, keys):
        _scan_and_plan(
            store, keys, original, decoder=decoder, frames_per_segment=config.frames_per_segment, progress=progress
        )
    if store.stat(keys.original) is None:
        store.put(keys.original, original)
    record = SourceRecord(landing_key=landing_key, etag=upload.etag, size_bytes=upload.size_bytes, sha256=sha256)
    record.write(store, source_record_key(clip))
    return record


def _file_name(landing_key: str) -> str:
    """The upload's own name, which messages show, unless it is longer than file systems take."""
    path = Path(landing_key)
    return path.name if len(path.name.encode()) <= MAX_FILE_NAME_BYTES else f"upload{path.suffix}"


def _is_scanned(store: MediaStore, keys: ContentKeys) -> bool:
    """Whether the same content was the last to be read: the upload then was replaced by itself."""
    record = SourceRecord.find(store, source_record_key(keys.clip))
    return (
        record is not None
        and (record.sha256, record.code_version) == (keys.sha256, code_versions.SCAN)
        and all(store.stat(key) for key in (keys.manifest, keys.plan))
    )


def _scan_and_plan(
    store: MediaStore,
    keys: ContentKeys,
    original: Path,
    *,
    decoder: DecoderResource,
    frames_per_segment: int,
    progress: Progress,
) -> None:
    from stylize.video.source.scan import scan

    with progress.track("read") as advance:
        manifest = scan(original, limits=decoder.limits, on_progress=cumulative(advance))
    write_manifest(store, keys, manifest)
    if store.stat(keys.plan) is None:
        write_plan(store, keys, plan_segments(manifest.video.num_frames, frames_per_segment=frames_per_segment))


def _is_replaced(store: MediaStore, clip: str, expected_etag: str | None) -> bool:
    """Whether the version that the upload sensor wanted read is no longer there."""
    upload = store.stat(Registration.read(store, registration_key(clip)).landing_key)
    return expected_etag is not None and (upload is None or upload.etag != expected_etag)


def _describe(
    store: MediaStore, clip: str, record: SourceRecord, manifest: VideoManifest, plan: SegmentPlan
) -> dict[str, Any]:
    video = manifest.video
    return {
        "upload": store.location(record.landing_key),
        "frames": video.num_frames,
        "segments": len(plan.segments),
        "chunks": len(plan.chunks),
        "picture": f"{video.width}x{video.height} {video.pixel_format} {video.codec}",
        "duration_seconds": float(video.duration_seconds),
        "container": manifest.container,
        "stream_index": video.stream_index,
        "other_tracks": ", ".join(f"{track.kind} {track.codec}" for track in manifest.other_tracks) or "none",
        "notes": "; ".join(manifest.notes) or "none",
        "size_bytes": record.size_bytes,
        "sha256": record.sha256,
        "manifest": store.location(ContentKeys(clip, record.sha256).manifest),
    }


@dg.asset(
    partitions_def=clips,
    group_name="ingest",
    kinds={"video"},
    owners=["team:video-operations"],
    code_version=code_versions.SCAN,
    check_specs=[budget_check_spec()],
    output_required=False,
    retry_policy=TRANSIENT_RETRIES,
)
def source_video(
    context: dg.AssetExecutionContext,
    config: SourceVideoConfig,
    store: dg.ResourceParam[MediaStore],
    lease: dg.ResourceParam[ClipLease],
    progress: dg.ResourceParam[Progress],
    decoder: DecoderResource,
    scratch: ScratchResource,
    pricing: PricingResource,
    stylizer: StylizerResource,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """The uploaded video: its identity, the exact time of every frame, and the plan of segments and chunks."""
    clip, before = context.partition_key, store.usage
    with failures_explained(), lease.shared(clip), scratch.folder() as folder:
        try:
            record = find_current_source(store, clip, config.expected_etag) or read_source(
                store, clip, folder, decoder=decoder, config=config, progress=progress
            )
        except (PreconditionError, ObjectMissingError):
            if not _is_replaced(store, clip, config.expected_etag):
                raise
            context.log.info("the upload was replaced or removed before it was read whole: there is nothing to do")
            yield budget_result(store, clip)
            return
        keys = ContentKeys(clip, record.sha256)
        manifest, plan = read_manifest(store, keys), read_plan(store, keys)
        if is_known_upload(context, record.sha256):
            yield budget_result(store, clip)
            return
        quote_source(store, context.instance, pricing, record, clip, manifest, stylizer.default_quality)
    facts = _describe(store, clip, record, manifest, plan) | describe_quote(find_quote(store, clip))
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(record.sha256),
        metadata=facts | storage_use(store, since=before),
        check_results=[budget_result(store, clip)],
    )
