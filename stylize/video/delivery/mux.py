"""Join styled chunks and the source's own sound, subtitles, chapters and tags into the delivered file.

No picture is decoded or encoded: packets get the manifest's times and are written once. The same chunks and source give
the same bytes.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

from av.container import InputContainer, OutputContainer
from av.error import FFmpegError

from stylize.errors import MuxError
from stylize.sandbox.limits import DecodeLimits
from stylize.video.delivery.carried import Lane, carried_packets, set_times
from stylize.video.delivery.carry import muxer_of
from stylize.video.delivery.delivery_file import (
    add_lanes,
    add_picture,
    attach_covers,
    copy_tags,
    missing_tags,
    open_delivery,
)
from stylize.video.delivery.report import CarriedTrack, StitchReport
from stylize.video.delivery.stitch_packets import Rounding, TimedPacket, picture_packets
from stylize.video.pixels.pixels import DeliveredPicture
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.open import open_untrusted

Progress = Callable[[int], None]

# Media containers whose clock starts anywhere: a broadcast recording may begin at ten hours, and a file that kept that
# would be shown as ten hours of nothing.
FREE_RUNNING_CLOCKS: Final = ("mpegts", "mpeg")


def stitch(
    chunks: Sequence[Path],
    manifest: VideoManifest,
    source: Path,
    output: Path,
    *,
    picture: DeliveredPicture,
    limits: DecodeLimits,
    on_progress: Progress | None = None,
) -> StitchReport:
    """Write the delivered file from the chunks of a clip and its source.

    Args:
        chunks: all styled chunks of the clip, in order.
        manifest: what the source is.
        source: the source file, untrusted.
        output: file to write, ``.mp4``, ``.mov`` or ``.mkv``; incomplete when this raises.
        picture: what the chunks hold.
        limits: caps on what is opened.
        on_progress: called with the number of frames written so far, after every frame.

    Raises:
        MuxError: chunks do not fit together or are not the manifest's frames, or the muxer refuses.
        ProbeError: the source may not be opened.
    """
    muxer = muxer_of(output)
    if not chunks:
        raise MuxError(f"{output.name!r} was given no chunks, expected {manifest.video.num_frames} frames")
    try:
        with open_untrusted(source, limits) as container:
            shift = shift_seconds(container, manifest)
            with open_delivery(output, muxer, _exact_times(container, manifest, shift)) as delivery:
                parts = _Parts(container, delivery, manifest, muxer, chunks, picture, shift)
                parts.write(chunks, on_progress or _ignore)
            return parts.report(missing_tags(output, delivery.metadata, parts.lanes))
    except (FFmpegError, OSError) as error:
        raise MuxError(f"{output.name!r} could not be written: {error}") from error


def _ignore(_num_frames: int) -> None:
    """Nobody wants to know."""


def shift_seconds(source: InputContainer, manifest: VideoManifest) -> Fraction:
    """Constant to add to every time so that the delivered file starts where a file can start.

    0 for media containers whose times mean what they say; for free-running clocks, and where the first picture would
    come before zero, what brings the earliest stream to zero.
    """
    first_picture = manifest.video.start_seconds
    if not set(manifest.container.split(",")) & set(FREE_RUNNING_CLOCKS):
        return max(-first_picture, Fraction(0))
    return -min([first_picture, *_audio_starts(source)])


def _audio_starts(source: InputContainer) -> Iterator[Fraction]:
    for stream in source.streams.audio:
        if stream.start_time is not None and stream.time_base is not None:
            yield stream.start_time * stream.time_base


def _exact_times(source: InputContainer, manifest: VideoManifest, shift: Fraction) -> Iterator[Fraction]:
    """Times that the delivered file's own clock should hold exactly, the most important first."""
    yield manifest.video.start_seconds + shift
    yield from (start + shift for start in _audio_starts(source))
    yield manifest.video.duration_seconds
    for chapter in source.chapters():
        yield chapter["start"] * (chapter["time_base"] or Fraction(1)) + shift
    for stream in source.streams.audio:
        yield Fraction((stream.duration or 0) * (stream.time_base or 1))


class _Parts:
    """The streams of one delivered file while it is written."""

    def __init__(
        self,
        source: InputContainer,
        delivery: OutputContainer,
        manifest: VideoManifest,
        muxer: str,
        chunks: Sequence[Path],
        picture: DeliveredPicture,
        shift: Fraction,
    ) -> None:
        self._source = source
        self._delivery = delivery
        self._track = manifest.video
        self._shift = shift
        original = source.streams[self._track.stream_index]
        self._picture = add_picture(delivery, chunks[0], manifest, picture, original.metadata)
        self._picture.disposition = original.disposition
        self._lanes, self._others, self._notes = add_lanes(delivery, source, manifest, muxer)
        attach_covers(delivery, source, self._others)
        copy_tags(delivery, source, shift)
        self._rounding = Rounding(Fraction(1))
        self._num_frames = 0

    @property
    def lanes(self) -> Iterable[Lane]:
        """Every stream but the picture."""
        return self._lanes.values()

    def write(self, chunks: Sequence[Path], on_progress: Progress) -> None:
        """Write every packet, in the order of decoding times over all streams; at most one chunk is held."""
        self._delivery.start_encoding()
        self._rounding = Rounding(self._picture.time_base or Fraction(1))
        lanes = {lane.stream.index: lane for lane in self._lanes.values()}
        pictures = picture_packets(chunks, self._track, self._picture)
        others = carried_packets(self._source, self._lanes)
        for timed in heapq.merge(pictures, others, key=_order):
            if timed.stream is self._picture:
                self._place_frame(timed)
            else:
                lanes[timed.stream.index].place(timed, self._shift)
            self._delivery.mux_one(timed.packet)
            if timed.stream is self._picture:
                on_progress(self._num_frames)

    def _place_frame(self, timed: TimedPacket) -> None:
        base, shift, tick = timed.time_base, self._shift / timed.time_base, self._rounding.time_base
        pts = self._rounding.ticks(timed.pts + shift, base)
        dts = min(pts, round((timed.dts + shift) * base / tick))
        end = round((timed.pts + shift + timed.duration) * base / tick)
        set_times(timed, pts, dts, max(1, end - pts), tick)
        self._num_frames += 1

    def report(self, missing_tags: list[str]) -> StitchReport:
        """What was done; only after everything is written."""
        others = (CarriedTrack(treatment=treatment) for treatment in self._others)
        tracks = sorted([*(lane.result() for lane in self._lanes.values()), *others], key=_source_index)
        remarks = [remark for lane in self._lanes.values() for remark in lane.remarks()]
        return StitchReport(
            num_frames=self._num_frames,
            shift_seconds=self._shift,
            rounding_seconds=self._rounding.max_seconds,
            tracks=tuple(tracks),
            notes=(*self._notes, *remarks, *self._own_remarks(missing_tags)),
        )

    def _own_remarks(self, missing_tags: list[str]) -> Iterator[str]:
        if self._shift:
            yield f"all times moved by {float(self._shift):.6f} s, because the source's clock starts anywhere"
        if self._rounding.max_seconds:
            yield f"frame times rounded by at most {float(self._rounding.max_seconds) * 1e3:.3f} ms"
        if missing_tags:
            yield f"tags that this media container does not hold: {', '.join(missing_tags)}"


def _order(timed: TimedPacket) -> int:
    return timed.order


def _source_index(track: CarriedTrack) -> int:
    return track.treatment.stream_index
