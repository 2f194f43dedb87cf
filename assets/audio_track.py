"""The sound of a clip, as it must come out again: a digest over the packets of every audio track.

Lies in ``clips/<clip>/<content>/tracks-<v>.json``; partitioned by clip. Sound is never decoded and its bytes are not
stored a second time: ``final_video`` copies the packets from the snapshot of the upload and proves by these digests
that none changed.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.automation import when_inputs_are_fresh
from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.source_video import source_video
from assets.storage_use import storage_use
from dagster_project import code_versions
from dagster_project.partitions import clips
from resources.clip_lease import ClipLease
from resources.content import current_content, original_file, write_tracks
from resources.deployment import DecoderResource, ScratchResource
from resources.media_store import MediaStore
from resources.records import digest_of
from resources.store_layout import ContentKeys

if TYPE_CHECKING:
    from dagster_project.video.tracks import TrackDigest


def read_sound(
    store: MediaStore, keys: ContentKeys, folder: Path, *, decoder: DecoderResource
) -> "tuple[TrackDigest, ...]":
    """Digest every audio track of a content and store the result.

    Raises:
        ObjectMissingError: neither the snapshot of the upload is there nor the upload itself.
        DecodeError: the sound cannot be read.
    """
    from dagster_project.video.untrusted import scan_tracks

    with original_file(store, keys, folder) as original:
        tracks = scan_tracks(original, limits=decoder.limits)
    write_tracks(store, keys, tracks)
    return tracks


@dg.asset(
    partitions_def=clips,
    deps=[source_video],
    automation_condition=when_inputs_are_fresh(),
    group_name="ingest",
    kinds={"audio"},
    owners=["team:video-operations"],
    code_version=code_versions.TRACKS,
    retry_policy=TRANSIENT_RETRIES,
)
def audio_track(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[MediaStore],
    lease: dg.ResourceParam[ClipLease],
    decoder: DecoderResource,
    scratch: ScratchResource,
) -> dg.MaterializeResult:
    """The sound of the clip, described by the digest of its packets, which the delivered video must carry unchanged."""
    clip, before = context.partition_key, store.usage
    with failures_explained(), lease.shared(clip), scratch.folder() as folder:
        tracks = read_sound(store, current_content(store, clip), folder, decoder=decoder)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(digest_of([track.sha256 for track in tracks])),
        metadata={
            "tracks": len(tracks),
            "packets": sum(track.num_packets for track in tracks),
            "sound": "; ".join(map(_describe, tracks)) or "none",
            **storage_use(store, since=before),
        },
    )


def _describe(track: "TrackDigest") -> str:
    language = f" [{track.language}]" if track.language else ""
    return f"{track.codec} {track.sample_rate} Hz {track.layout}{language} {float(track.duration_seconds):.3f} s"
