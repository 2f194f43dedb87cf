"""The sound of a clip, as it must come out again: a digest over the packets of every audio track.

Lies in ``clips/<clip>/<content>/tracks-<v>.json``; partitioned by clip. Sound is never decoded and its bytes are not
stored a second time: ``final_video`` copies the packets from the snapshot of the upload and proves by these digests
that none changed.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.automation import when_inputs_are_fresh
from assets.embedded_pictures import CLIP_BUDGET_BYTES, embed
from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.source_video import source_video
from assets.storage_use import storage_use
from dagster_project.partitions import clips
from resources.clip_lease import ClipLease
from resources.deployment import DecoderResource, ScratchResource
from stylize import code_versions
from stylize.errors import DecodeError
from stylize.records.content import current_content, original_file, read_manifest, write_tracks
from stylize.records.records import digest_of
from stylize.store.keys import ContentKeys
from stylize.store.media_store import MediaStore

if TYPE_CHECKING:
    from stylize.pictures.waveform import Peaks
    from stylize.video.source.tracks import TrackDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What is known of the sound of a content; ``loudness`` has nothing of tracks that cannot be decoded."""

    tracks: "tuple[TrackDigest, ...]"
    loudness: "list[Peaks]"


def read_sound(store: MediaStore, keys: ContentKeys, folder: Path, *, decoder: DecoderResource) -> Sound:
    """Digest every audio track of a content and store the result; look at how loud they are.

    Raises:
        ObjectMissingError: neither the snapshot of the upload is there nor the upload itself.
        DecodeError: the sound cannot be read.
    """
    from stylize.pictures.waveform import measure_loudness
    from stylize.video.untrusted import scan_tracks

    loudness: list[Peaks] = []
    seconds = read_manifest(store, keys).video.duration_seconds
    with original_file(store, keys, folder) as original:
        tracks = scan_tracks(original, limits=decoder.limits)
        # Packets are delivered as they are, so a track that cannot be decoded is no fault here.
        with suppress(DecodeError):
            loudness = measure_loudness(original, seconds=seconds, limits=decoder.limits) if tracks else []
    write_tracks(store, keys, tracks)
    return Sound(tracks=tracks, loudness=loudness)


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
        sound = read_sound(store, current_content(store, clip), folder, decoder=decoder)
    tracks = sound.tracks
    context.add_asset_metadata(
        embed(_pictures(sound), budget_bytes=CLIP_BUDGET_BYTES)
        | {
            "tracks": len(tracks),
            "packets": sum(track.num_packets for track in tracks),
            "sound": "; ".join(map(_describe, tracks)) or "none",
            **storage_use(store, since=before),
        }
    )
    return dg.MaterializeResult(data_version=dg.DataVersion(digest_of([track.sha256 for track in tracks])))


def _pictures(sound: Sound) -> dict[str, Any]:
    from stylize.pictures.waveform import draw_waveform

    return {"waveform": draw_waveform(sound.loudness)} if sound.loudness else {}


def _describe(track: "TrackDigest") -> str:
    language = f" [{track.language}]" if track.language else ""
    return f"{track.codec} {track.sample_rate} Hz {track.layout}{language} {float(track.duration_seconds):.3f} s"
