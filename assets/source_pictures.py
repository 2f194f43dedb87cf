"""Single frames of a clip from its lossless chunks, for whoever looks at a few of them."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.video.manifest import VideoTrack
from resources.media_store import MediaStore
from resources.records import ChunkObject

if TYPE_CHECKING:
    from dagster_project.video.pixels import Picture


def source_pictures(
    store: MediaStore, chunk: ChunkObject, track: VideoTrack, wanted: Collection[int], folder: Path
) -> "Iterator[tuple[int, Picture]]":
    """Those frames of ``chunk`` that are ``wanted``, by their index in the clip, as the transform is given them.

    Nothing is read if there are none.

    Raises:
        ObjectMissingError: the chunk has expired.
        IntegrityError: it is damaged.
    """
    from dagster_project.video.deinterlace import deinterlaced
    from dagster_project.video.lossless import read_chunk
    from dagster_project.video.pixels import to_rgb

    if not any(frame in wanted for frame in range(chunk.start, chunk.stop)):
        return
    with store.as_file(chunk.key, folder, sha256=chunk.sha256) as file:
        for frame, picture in enumerate(deinterlaced(read_chunk(file), track), chunk.start):
            if frame in wanted:
                yield frame, to_rgb(picture, track)
