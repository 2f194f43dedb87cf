"""Reading and writing the documents that describe one content of one clip."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import IntegrityError, ObjectMissingError, PreconditionError
from stylize.records.records import Registration, SourceRecord
from stylize.store.keys import ContentKeys, registration_key, source_record_key
from stylize.store.media_store import MediaStore
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.plan import SegmentPlan

if TYPE_CHECKING:
    from stylize.video.source.tracks import TrackDigest


def current_content(store: MediaStore, clip: str) -> ContentKeys:
    """The content of ``clip`` that was read last.

    Raises:
        ObjectMissingError: source_video has not been materialized for this clip.
    """
    return ContentKeys(clip, SourceRecord.read(store, source_record_key(clip)).sha256)


@contextmanager
def original_file(store: MediaStore, keys: ContentKeys, folder: Path) -> Iterator[Path]:
    """A file with the content, for as long as the context lasts; ``folder`` holds it where a copy is needed.

    Its snapshot expires some weeks after it was taken. It is taken again from the upload, if that is still the same.

    Raises:
        ObjectMissingError: neither is there.
        IntegrityError: the snapshot is damaged.
    """
    if store.stat(keys.original) is None:
        _take_snapshot_again(store, keys, folder)
    with store.as_file(keys.original, folder, sha256=keys.sha256) as original:
        yield original


def _take_snapshot_again(store: MediaStore, keys: ContentKeys, folder: Path) -> None:
    upload = Registration.read(store, registration_key(keys.clip)).landing_key
    copy = folder / uuid.uuid4().hex
    try:
        store.download(upload, copy, sha256=keys.sha256)
    except (ObjectMissingError, IntegrityError) as error:
        raise ObjectMissingError(
            f"clip {keys.clip!r}: its snapshot {keys.original!r} was removed (retired, or too old), and {upload!r} no"
            " longer holds the same content; upload the video again"
        ) from error
    with suppress(PreconditionError):  # another step was first
        store.put(keys.original, copy, if_absent=True)
    copy.unlink()


def read_manifest(store: MediaStore, keys: ContentKeys) -> VideoManifest:
    """The manifest of a content."""
    return VideoManifest.from_json(store.read_bytes(keys.manifest).decode())


def write_manifest(store: MediaStore, keys: ContentKeys, manifest: VideoManifest) -> None:
    """Store the manifest of a content."""
    store.put(keys.manifest, manifest.to_json().encode())


def read_plan(store: MediaStore, keys: ContentKeys) -> SegmentPlan:
    """The plan of a content."""
    return SegmentPlan.from_dict(json.loads(store.read_bytes(keys.plan)))


def find_current_plan(store: MediaStore, clip: str) -> SegmentPlan | None:
    """The plan of the content that was read last; None if none was read yet."""
    record = SourceRecord.find(store, source_record_key(clip))
    return read_plan(store, ContentKeys(clip, record.sha256)) if record else None


def write_plan(store: MediaStore, keys: ContentKeys, plan: SegmentPlan) -> None:
    """Store the plan of a content, which never changes after."""
    store.put(keys.plan, json.dumps(plan.to_dict()).encode(), if_absent=True)


def read_tracks(store: MediaStore, keys: ContentKeys) -> "tuple[TrackDigest, ...]":
    """The digests of the audio tracks of a content.

    Raises:
        ObjectMissingError: audio_track has not been materialized for this content.
    """
    from stylize.video.source.tracks import TrackDigest

    return tuple(TrackDigest.from_dict(track) for track in json.loads(store.read_bytes(keys.tracks))["tracks"])


def write_tracks(store: MediaStore, keys: ContentKeys, tracks: "tuple[TrackDigest, ...]") -> None:
    """Store the digests of the audio tracks of a content."""
    document = {"tracks": [track.to_dict() for track in tracks]}
    store.put(keys.tracks, json.dumps(document, indent=2).encode())
