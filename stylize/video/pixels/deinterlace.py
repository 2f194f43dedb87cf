"""Interlaced frames to progressive ones, one out per one in, so that the manifest's timestamps stay true."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.error import FFmpegError
from av.filter import Graph

from stylize.errors import DecodeError
from stylize.video.source.manifest import VideoTrack

# FFmpeg names a field order by the field coded first, then the field shown first; only the latter matters here.
_PARITY = {"tt": "tff", "bt": "tff", "bb": "bff", "tb": "bff"}


def is_interlaced(track: VideoTrack) -> bool:
    """Whether the track's frames are made of two fields from different moments."""
    return track.field_order in _PARITY


def deinterlaced(frames: Iterable[av.VideoFrame], track: VideoTrack) -> Iterator[av.VideoFrame]:
    """Pass frames on, through ``bwdif`` where the track is interlaced; count and order are kept.

    The filter looks one frame back and ahead: the first and last frame of a chunk are interpolated from one side only.

    Raises:
        DecodeError: the filter gave another number of frames than it was given.
    """
    if not is_interlaced(track):
        yield from frames
        return
    graph: Graph | None = None
    num_in = num_out = 0
    for frame in frames:
        graph = graph or _graph(frame, _PARITY[track.field_order])
        frame.pts, frame.time_base = num_in, Fraction(1, 30)
        graph.vpush(frame)
        num_in += 1
        for progressive in _ready(graph):
            num_out += 1
            yield progressive
    if graph is not None:
        graph.vpush(None)
        for progressive in _ready(graph):
            num_out += 1
            yield progressive
    if num_in != num_out:
        raise DecodeError(
            f"deinterlacing gave {num_out} frames for {num_in}; deinterlace the video before uploading it"
        )


def _graph(frame: av.VideoFrame, parity: str) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 30), name="in"
    )
    graph.link_nodes(source, graph.add("bwdif", f"mode=send_frame:parity={parity}:deint=all"), graph.add("buffersink"))
    try:
        graph.configure()
    except FFmpegError as error:
        raise DecodeError(f"interlaced {frame.format.name} cannot be deinterlaced: {error}") from error
    return graph


def _ready(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):  # Needs another frame; has none left.
            return
