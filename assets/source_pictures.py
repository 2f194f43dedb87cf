"""Single frames of a clip from its lossless chunks, for whoever looks at a few of them."""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import IntegrityError, ObjectMissingError
from stylize.records.content import read_manifest, read_plan
from stylize.records.records import ChunkObject, SegmentRecord
from stylize.store.keys import ContentKeys
from stylize.store.media_store import MediaStore
from stylize.video.source.manifest import VideoTrack
from stylize.video.source.plan import Segment

if TYPE_CHECKING:
    from assets.delivery import Parts
    from stylize.video.pixels.pixels import Picture


def source_pictures(
    store: MediaStore, chunk: ChunkObject, track: VideoTrack, wanted: Collection[int], folder: Path
) -> "Iterator[tuple[int, Picture]]":
    """Those frames of ``chunk`` that are ``wanted``, by their index in the clip, as the transform is given them.

    Nothing is read if there are none.

    Raises:
        ObjectMissingError: the chunk has expired.
        IntegrityError: it is damaged.
    """
    from stylize.video.chunks.lossless import read_chunk
    from stylize.video.pixels.deinterlace import deinterlaced
    from stylize.video.pixels.pixels import to_rgb

    if not any(frame in wanted for frame in range(chunk.start, chunk.stop)):
        return
    with store.as_file(chunk.key, folder, sha256=chunk.sha256) as file:
        for frame, picture in enumerate(deinterlaced(read_chunk(file), track), chunk.start):
            if frame in wanted:
                yield frame, to_rgb(picture, track)


def spread_pictures(
    store: MediaStore,
    keys: ContentKeys,
    shot: tuple[int, int],
    count: int,
    ensure_split: Callable[[Segment], SegmentRecord],
    folder: Path,
) -> "Iterator[Picture]":
    """``count`` frames of those of ``shot``, a half-open range: in the middle of each of as many equal parts.

    Args:
        store: of the clip.
        keys: of its content.
        shot: which frames of the clip.
        count: how many; fewer if the range has fewer.
        ensure_split: gives the lossless chunks of a segment; the range may reach into segments of other processes.
        folder: existing, for temporary files.
    """
    (start, stop), track = shot, read_manifest(store, keys).video
    wanted = {start + half * (stop - start) // (2 * count) for half in range(1, 2 * count, 2)}
    for segment in read_plan(store, keys).segments:
        if any(segment.start <= frame < segment.stop for frame in wanted):
            for chunk in ensure_split(segment).chunks:
                for _, picture in source_pictures(store, chunk, track, wanted, folder):
                    yield picture


def source_pictures_of_clip(
    store: MediaStore, parts: "Parts", wanted: Collection[int], folder: Path
) -> "Iterator[tuple[int, Picture]]":
    """Those frames of a clip that are ``wanted``, in order, without those whose chunk has expired or is damaged."""
    keys, track = ContentKeys(parts.clip, parts.source.sha256), parts.manifest.video
    for segment in parts.plan.segments:
        record = SegmentRecord.find(store, keys.frames_segment(segment.index))
        for chunk in record.chunks if record else ():
            with suppress(ObjectMissingError, IntegrityError):
                yield from source_pictures(store, chunk, track, wanted, folder)
