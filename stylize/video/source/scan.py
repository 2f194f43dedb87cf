"""Read a whole source once and write down what every later step needs to know: the manifest."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stylize.errors import DecodeError
from stylize.sandbox.limits import DecodeLimits
from stylize.sandbox.sandbox import run_sandboxed
from stylize.sandbox.sandbox_child import Channel
from stylize.video.measure.shots import ShotFinder
from stylize.video.source.decode import PictureReader
from stylize.video.source.manifest import (
    UNSPECIFIED,
    ColorTags,
    OtherTrack,
    TrackKind,
    VideoManifest,
    VideoTrack,
)
from stylize.video.source.open import is_cover, quoted
from stylize.video.source.orientation import orientation_of
from stylize.video.source.timestamps import PresentationTimes, last_duration, presentation_times

_FIELD_ORDERS = {1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}  # FFmpeg's AVFieldOrder
_TRACK_KINDS: dict[str, TrackKind] = {
    "audio": "audio",
    "video": "video",
    "subtitle": "subtitle",
    "attachment": "attachment",
}


def scan(source: Path, *, limits: DecodeLimits, on_progress: Callable[[int], None] | None = None) -> VideoManifest:
    """Decode all of ``source`` in a child process and describe it.

    Args:
        source: a local file, of any name.
        limits: caps on size, length, time and memory.
        on_progress: called a few times a second with the number of frames decoded so far.

    Raises:
        ProbeError: not a video, or one over a cap.
        DecodeError: damaged, cut off, or it crashes or stalls the decoder.
    """
    text = run_sandboxed(
        scan_here,
        {"source": str(source.absolute()), "limits": asdict(limits)},
        subject=quoted(source),
        limits=limits,
        on_progress=on_progress,
    )
    return VideoManifest.from_json(text)


def scan_here(arguments: dict[str, Any], channel: Channel) -> str:
    """Scan in this very process; the sandbox calls it. Returns the manifest as JSON."""
    limits = DecodeLimits(**arguments["limits"])
    with PictureReader(Path(arguments["source"]), limits) as reader:
        seen = _Seen()
        for frame in reader.frames(channel.progress):
            seen.add(frame)
        return _manifest(reader, seen).to_json()


@dataclass(slots=True)
class _Seen:
    """What the frames tell while they pass; nothing here holds on to a whole picture."""

    raw_pts: list[int | None] = field(default_factory=list)
    last_frame_duration: int = 0
    num_interlaced: int = 0
    width: int = 0
    height: int = 0
    pixel_format: str = ""
    color: ColorTags = field(default_factory=ColorTags)
    display_matrix: bytes = b""
    shots: ShotFinder = field(default_factory=ShotFinder)

    def add(self, frame: VideoFrame) -> None:
        """Take note of the next frame."""
        if not self.raw_pts:
            self.width, self.height, self.pixel_format = frame.width, frame.height, frame.format.name
            self.color = _color(frame)
            self.display_matrix = next(
                (bytes(data) for data in cast("Any", frame.side_data) if data.type.name == "DISPLAYMATRIX"), b""
            )
        self.raw_pts.append(frame.dts if frame.pts is None else frame.pts)
        self.last_frame_duration = frame.duration
        self.num_interlaced += frame.interlaced_frame
        self.shots.add(frame)


def _manifest(reader: PictureReader, seen: _Seen) -> VideoManifest:
    container, stream = reader.container, reader.stream
    try:
        times = presentation_times(seen.raw_pts, time_base=stream.time_base or Fraction(1), rate=_rate(stream))
    except DecodeError as error:
        raise DecodeError(f"{quoted(reader.path)}: {error}") from error
    orientation, note = orientation_of(seen.display_matrix)
    return VideoManifest(
        container=container.format.name,
        video=VideoTrack(
            stream_index=stream.index,
            codec=_codec(stream),
            width=seen.width,
            height=seen.height,
            pixel_format=seen.pixel_format,
            time_base=times.time_base,
            pts=times.pts,
            last_duration=_last_duration(times, seen, stream),
            average_rate=_rate(stream),
            rotation_degrees=orientation.rotation_degrees,
            mirrored=orientation.mirrored,
            sample_aspect_ratio=_sample_aspect_ratio(stream),
            color=_with_fallback(seen.color, stream),
            field_order=_field_order(stream, seen.num_interlaced),
            timestamps=times.origin,
            shots=seen.shots.starts,
        ),
        other_tracks=tuple(_other_track(other) for other in container.streams if other.index != stream.index),
        num_chapters=len(container.chapters()),
        notes=(*times.notes, *filter(None, [note])),
    )


def _rate(stream: VideoStream) -> Fraction | None:
    """Frames per second as the container states it, or as FFmpeg guessed it from the first frames."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and rate > 0:
            return rate
    return None


def _last_duration(times: PresentationTimes, seen: _Seen, stream: VideoStream) -> int:
    # A repaired or generated timeline is not the one that the frame's own duration was measured on.
    stated = seen.last_frame_duration if times.origin == "container" else 0
    return last_duration(times.pts, stated, time_base=times.time_base, rate=_rate(stream))


def _sample_aspect_ratio(stream: VideoStream) -> Fraction:
    for ratio in (stream.sample_aspect_ratio, stream.codec_context.sample_aspect_ratio):
        if ratio and ratio > 0:
            return ratio
    return Fraction(1)


def _color(frame: VideoFrame) -> ColorTags:
    return ColorTags(
        range=int(frame.color_range),
        matrix=int(frame.colorspace),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
    )


def _with_fallback(color: ColorTags, stream: VideoStream) -> ColorTags:
    """Fill what the frames leave unspecified from the stream."""
    context = stream.codec_context
    pairs = (
        (color.matrix, context.colorspace),
        (color.primaries, context.color_primaries),
        (color.transfer, context.color_trc),
    )
    matrix, primaries, transfer = (int(stated) if own == UNSPECIFIED else own for own, stated in pairs)
    color_range = color.range or int(context.color_range)
    return ColorTags(range=color_range, matrix=matrix, primaries=primaries, transfer=transfer)


def _field_order(stream: VideoStream, num_interlaced: int) -> str:
    """Field order as the stream states it; where it does not, the frames' flags tell whether there are fields."""
    stated = _FIELD_ORDERS.get(int(stream.codec_context.field_order), "unknown")
    if num_interlaced and stated == "progressive":
        return "unknown"
    return "progressive" if stated == "unknown" and not num_interlaced else stated


def _codec(stream: Stream) -> str:
    """Name of the codec, not of the library that decodes it."""
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"


def _other_track(stream: Stream) -> OtherTrack:
    kind = _TRACK_KINDS.get(stream.type, "data")
    if isinstance(stream, VideoStream) and is_cover(stream):
        kind = "attachment"
    language = stream.metadata.get("language")
    return OtherTrack(
        stream_index=stream.index,
        kind=kind,
        codec=_codec(stream),
        language=None if language == "und" else language,
        title=stream.metadata.get("title"),
    )
