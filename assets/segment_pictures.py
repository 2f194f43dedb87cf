"""What a segment looks like, before and after: from frames as they are styled, else from chunks that are stored."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import IntegrityError, ObjectMissingError, VideoError
from stylize.records.records import ChunkObject, SegmentRecord
from stylize.store.keys import ContentKeys
from stylize.store.media_store import MediaStore
from stylize.video.source.manifest import VideoTrack
from stylize.video.source.plan import Segment

if TYPE_CHECKING:
    from stylize.pictures.contact_sheet import FrameSampler
    from stylize.video.pixels.pixels import Picture

UNUSABLE = (ObjectMissingError, IntegrityError, VideoError)
"""What may happen to a stored chunk: its picture is left out, and nothing else is lost."""


def sample_stored_chunks(
    sampler: "FrameSampler",
    store: MediaStore,
    keys: ContentKeys,
    segment: Segment,
    reused: Mapping[int, ChunkObject],
    track: VideoTrack,
    folder: Path,
) -> None:
    """Show ``sampler`` its frames of styled chunks that are reused, and their sources as far as these are stored.

    Args:
        sampler: which frames it wants, see :class:`stylize.pictures.contact_sheet.SampledFrames`.
        store: of the chunks.
        keys: of the clip's content.
        segment: the chunks belong to.
        reused: the styled chunks, by chunk index.
        track: of the source.
        folder: for temporary files.
    """
    wanted = [chunk for chunk in segment.chunks if chunk.index in reused and sampler.frames.in_chunk(chunk)]
    split = SegmentRecord.find(store, keys.frames_segment(segment.index)) if wanted else None
    sources = {source.index: source for source in split.chunks} if split else {}
    for chunk in wanted:
        num_frames = sampler.frames.in_chunk(chunk)[-1] + 1 - chunk.start
        with suppress(*UNUSABLE), _stored(store, reused[chunk.index], folder) as file:
            _exhaust(sampler.styled(_styled_pictures(file, track, num_frames), start=chunk.start))
        if chunk.index in sources:
            with suppress(*UNUSABLE), _stored(store, sources[chunk.index], folder) as file:
                _exhaust(sampler.sources(_source_pictures(file, track, num_frames), start=chunk.start))


def describe_pictures(sampler: "FrameSampler", track: VideoTrack) -> dict[str, Any]:
    """The pictures of a segment, by the names that the UI shows."""
    frame_seconds = float(track.duration_seconds) / track.num_frames
    return {"before_and_after": sampler.sheet(), "preview": sampler.loop(frame_seconds=frame_seconds)}


def _stored(store: MediaStore, chunk: ChunkObject, folder: Path) -> Any:
    return store.as_file(chunk.key, folder, sha256=chunk.sha256)


def _styled_pictures(file: Path, track: VideoTrack, num_frames: int) -> "Iterator[Picture]":
    from stylize.video.delivery.delivered_frames import DeliveredFrames
    from stylize.video.pixels.pixels import delivered_picture

    with DeliveredFrames(file, track, delivered_picture(track)) as frames:
        yield from map(frames.read, range(num_frames))


def _source_pictures(file: Path, track: VideoTrack, num_frames: int) -> "Iterator[Picture]":
    from stylize.video.chunks.lossless import read_chunk
    from stylize.video.pixels.pixels import rgb_pictures

    return islice(rgb_pictures(read_chunk(file), track), num_frames)


def _exhaust(pictures: "Iterable[Picture]") -> None:
    deque(pictures, maxlen=0)
