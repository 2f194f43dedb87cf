"""The delivered file before its first packet: muxer options, streams, tags, chapters."""

import math
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stylize.errors import MuxError
from stylize.video.chunks.encode import file_url
from stylize.video.delivery.carried import Lane, end_of_stream, tags_to_keep
from stylize.video.delivery.carry import COVER_TYPES, Treatment, treatments
from stylize.video.pixels.pixels import DeliveredPicture
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.tracks import language_of

if TYPE_CHECKING:
    from av.container.core import Chapter  # Exists in the stubs only.

# Tags of the source's container that would be untrue of the delivered one.
STALE_FILE_TAGS: Final = ("major_brand", "minor_version", "compatible_brands")
MAX_TIMESCALE: Final = 2**31 - 1


def open_delivery(path: Path, muxer: str, times: Iterable[Fraction]) -> OutputContainer:
    """Open the file for writing: no date, no random number, its index in front.

    MP4 stores when a stream starts, how long it plays and its chapters in ticks of one clock for the whole file, by
    default milliseconds; that clock is made fine enough for the given ``times`` (seconds).
    """
    options = {"fflags": "+bitexact", "avoid_negative_ts": "disabled"}
    if muxer == "matroska":
        options["default_mode"] = "passthrough"
    else:
        options |= {"movflags": "+faststart", "movie_timescale": str(movie_timescale(times)), "write_tmcd": "0"}
    return av.open(file_url(path), "w", format=muxer, container_options=options)


def movie_timescale(times: Iterable[Fraction]) -> int:
    """Ticks per second that hold ``times`` exactly; the first ones where the format's 32 bits do not allow all."""
    timescale = 1000
    for time in times:
        finer = math.lcm(timescale, time.denominator)
        if finer <= MAX_TIMESCALE:
            timescale = finer
    return timescale


def add_picture(
    output: OutputContainer, chunk: Path, manifest: VideoManifest, picture: DeliveredPicture, tags: dict[str, str]
) -> VideoStream:
    """Add the stream of the restyled picture, described as the chunks are.

    Raises:
        MuxError: the chunk cannot be read.
    """
    try:
        with av.open(file_url(chunk), format="matroska") as container:
            stream = cast(VideoStream, output.add_stream_from_template(container.streams.video[0], opaque=True))
    except (FFmpegError, OSError, IndexError) as error:
        raise MuxError(f"styled chunk {chunk.name!r} cannot be read: {error}; style it again") from error
    context = stream.codec_context
    if (context.width, context.height) != (picture.width, picture.height):
        raise MuxError(
            f"chunk {chunk.name!r} is {context.width}x{context.height}, expected {picture.width}x{picture.height}"
        )
    # Matroska keeps the aspect ratio as a rounded display size; the picture knows it exactly.
    context.sample_aspect_ratio = picture.sample_aspect_ratio
    context.color_range, context.colorspace = picture.color.range, picture.color.matrix
    context.color_primaries, context.color_trc = picture.color.primaries, picture.color.transfer
    stream.time_base = manifest.video.time_base
    stream.metadata.update(tags_to_keep(tags))
    return stream


def add_lanes(
    output: OutputContainer, source: InputContainer, manifest: VideoManifest, muxer: str
) -> tuple[dict[int, Lane], list[Treatment], list[str]]:
    """Add every other stream of the source that can be carried.

    Returns:
        Lanes by the source's stream index, what was decided for the others, and notes on what was left out.
    """
    lanes: dict[int, Lane] = {}
    others: list[Treatment] = []
    notes: list[str] = []
    for treatment in treatments(source, manifest, muxer, output.supported_codecs):
        name = f"{treatment.kind} stream {treatment.stream_index} ({treatment.codec})"
        if treatment.action in ("drop", "attach"):
            others.append(treatment)
            if treatment.action == "drop" and treatment.reason:
                notes.append(f"{name} left out: {treatment.reason}")
            continue
        try:
            stream = source.streams[treatment.stream_index]
            lanes[stream.index] = Lane(stream, output, treatment, end_ticks=end_of_stream(source, stream))
        except MuxError as error:
            others.append(treatment.dropped(str(error)))
            notes.append(f"{name} left out: {error}")
    return lanes, others, notes


def attach_covers(output: OutputContainer, source: InputContainer, others: Iterable[Treatment]) -> None:
    """Store cover pictures as Matroska does, as attached files."""
    covers = {treatment.stream_index: treatment for treatment in others if treatment.action == "attach"}
    if not covers:
        return
    for packet in source.demux(*(source.streams[index] for index in covers)):
        treatment = covers.pop(packet.stream_index, None) if packet.size else None
        if treatment is not None:
            kind = COVER_TYPES[treatment.codec]
            output.add_attachment(f"cover.{kind.split('/')[1]}", kind, bytes(packet))
        if not covers:
            break
    source.seek(0)


def copy_tags(output: OutputContainer, source: InputContainer, shift: Fraction) -> None:
    """Copy the file's tags and chapters; chapters move with everything else."""
    tags = tags_to_keep(source.metadata)
    output.metadata.update({key: value for key, value in tags.items() if key.lower() not in STALE_FILE_TAGS})
    chapters = [_moved(chapter, shift) for chapter in source.chapters()]
    if chapters:
        output.set_chapters(chapters)


def _moved(chapter: "Chapter", shift: Fraction) -> "Chapter":
    base = chapter["time_base"] or Fraction(1, 1000)
    moved: dict[str, Any] = dict(chapter)
    for end in ("start", "end"):
        moved[end] = max(0, round(chapter[end] + shift / base))
    return cast("Chapter", moved)


def missing_tags(path: Path, expected: dict[str, str], lanes: Iterable[Lane]) -> list[str]:
    """Names of the file's tags, and languages of streams, that the finished file does not hold."""
    with av.open(file_url(path)) as container:
        found = {key.lower() for key in container.metadata}
        languages = [language_of(stream.metadata) for stream in container.streams]
    names = sorted(key for key in expected if key.lower() not in found)
    lost = (lane for lane in lanes if lane.language not in (None, languages[lane.stream.index]))
    return names + [f"language {lane.language} of stream {lane.treatment.stream_index}" for lane in lost]
