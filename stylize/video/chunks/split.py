"""Decode a source once, in order, into exact chunk files of which the consumer takes one at a time."""

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame

from stylize.errors import DecodeError
from stylize.sandbox.limits import DecodeLimits
from stylize.sandbox.sandbox import iterate_sandboxed
from stylize.sandbox.sandbox_child import Channel
from stylize.video.chunks.lossless import write_chunk
from stylize.video.source.decode import PictureReader
from stylize.video.source.manifest import VideoManifest, VideoTrack
from stylize.video.source.open import quoted
from stylize.video.source.plan import Chunk


def split(
    source: Path,
    manifest: VideoManifest,
    chunks: Sequence[Chunk],
    directory: Path,
    *,
    limits: DecodeLimits,
    on_progress: Callable[[int], None] | None = None,
) -> Generator[tuple[Chunk, Path]]:
    """Write the asked chunks of ``source`` as lossless files, in the order of the film; yield each when it is whole.

    One linear decode in a child process, which ends after the last chunk asked for and waits when it is two chunks
    ahead of the consumer. The consumer moves or deletes each file before it asks for the next. The same source gives
    the same bytes. Read the files with :func:`stylize.video.chunks.lossless.read_chunk`.

    Args:
        source: the file that ``manifest`` describes.
        manifest: what :func:`stylize.video.source.scan.scan` found.
        chunks: which to write; none may overlap another.
        directory: an existing folder of the caller, where unfinished files may stay behind when something fails.
        limits: the same caps as for the scan.
        on_progress: called a few times a second with the number of frames decoded so far, skipped ones included.

    Raises:
        ValueError: a chunk lies outside the clip or overlaps another.
        DecodeError: damaged, too slow, or not what the manifest promises. As the iterator runs.
    """
    wanted = sorted(chunks, key=lambda chunk: chunk.start)
    _check_ranges(wanted, manifest.video.num_frames)
    arguments = {
        "source": str(source.absolute()),
        "manifest": manifest.to_json(),
        "chunks": [[chunk.index, chunk.start, chunk.stop] for chunk in wanted],
        "directory": str(directory.absolute()),
        "limits": asdict(limits),
    }
    return _split(wanted, directory, arguments, quoted(source), limits, on_progress)


def split_here(arguments: dict[str, Any], channel: Channel) -> int:
    """Split in this very process; the sandbox calls it. Returns the number of frames decoded."""
    manifest = VideoManifest.from_json(arguments["manifest"])
    directory = Path(arguments["directory"])
    with PictureReader(Path(arguments["source"]), DecodeLimits(**arguments["limits"])) as reader:
        frames = _as_promised(reader, manifest.video, channel)
        position = 0
        for index, start, stop in arguments["chunks"]:
            for _ in itertools.islice(frames, start - position):
                pass
            write_chunk(itertools.islice(frames, stop - start), _chunk_path(directory, index))
            position = stop
            if stop == manifest.video.num_frames:  # nothing may follow, and nothing may be missing
                next(frames, None)
            channel.item(index)
        return reader.num_frames


def _split(
    wanted: Sequence[Chunk],
    directory: Path,
    arguments: dict[str, Any],
    subject: str,
    limits: DecodeLimits,
    on_progress: Callable[[int], None] | None,
) -> Generator[tuple[Chunk, Path]]:
    if not wanted:
        return
    child = iterate_sandboxed(split_here, arguments, subject=subject, limits=limits, on_progress=on_progress)
    with contextlib.closing(child) as written:
        for chunk, index in zip(wanted, written, strict=True):
            if index != chunk.index:
                raise DecodeError(f"{subject}: chunk {index!r} was written where chunk {chunk.index} was asked for")
            yield chunk, _chunk_path(directory, chunk.index)


def _chunk_path(directory: Path, index: int) -> Path:
    return directory / f"chunk-{index:06d}.mkv"


def _check_ranges(chunks: Sequence[Chunk], num_frames: int) -> None:
    stop = 0
    for chunk in chunks:
        if not stop <= chunk.start < chunk.stop <= num_frames:
            raise ValueError(
                f"chunk {chunk.index} is [{chunk.start}, {chunk.stop}); expected a range within [{stop}, {num_frames})"
            )
        stop = chunk.stop


def _as_promised(reader: PictureReader, video: VideoTrack, channel: Channel) -> Iterator[VideoFrame]:
    """Yield the frames, each compared with the manifest; end only where the manifest ends."""
    name = quoted(reader.path)
    expected = (video.width, video.height, video.pixel_format)
    num_frames = 0
    for frame in reader.frames(channel.progress):
        if num_frames == video.num_frames:
            raise DecodeError(f"{name} has more than the {num_frames} frames of its manifest; scan it again")
        found = (frame.width, frame.height, frame.format.name)
        if found != expected:
            raise DecodeError(f"{name}: frame {num_frames} is {found}, the manifest says {expected}; scan it again")
        pts = frame.dts if frame.pts is None else frame.pts
        if video.timestamps == "container" and pts != video.pts[num_frames]:
            raise DecodeError(
                f"{name}: frame {num_frames} has timestamp {pts}, "
                f"the manifest says {video.pts[num_frames]}; scan it again"
            )
        yield frame
        num_frames += 1
    if num_frames < video.num_frames:
        raise DecodeError(f"{name} has {num_frames} frames, the manifest says {video.num_frames}; scan it again")
