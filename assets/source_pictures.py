"""Single frames of a clip from its lossless chunks, for whoever looks at a few of them."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import IntegrityError, ObjectMissingError
from stylize.records.records import ChunkObject, SegmentRecord
from stylize.store.keys import ContentKeys
from stylize.store.media_store import MediaStore
from stylize.video.source.manifest import VideoTrack

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
