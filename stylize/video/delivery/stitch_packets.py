"""Packets of the delivered file, timed exactly: the picture from the chunks, everything else from the source.

Times are integers in a packet's own time base until the muxer's is known; only then are they converted, once, and by
how much that moved them is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Self

import av
from av.error import FFmpegError
from av.stream import Stream

from stylize.errors import MuxError
from stylize.video.chunks.encode import REORDER_FRAMES, file_url
from stylize.video.source.manifest import VideoTrack

# A chunk's header says all; without these, FFmpeg decodes some of every chunk to guess a frame rate.
QUICK_LOOK: Final = {"analyzeduration": "0", "fpsprobesize": "0"}


@dataclass(slots=True, kw_only=True)
class TimedPacket:
    """One packet on its way into the delivered file; times are ticks of ``time_base``."""

    packet: av.Packet
    stream: Stream
    pts: int
    dts: int
    duration: int
    time_base: Fraction

    @property
    def order(self) -> int:
        """Decoding time in microseconds, by which packets of several streams are interleaved."""
        return self.dts * 1_000_000 * self.time_base.numerator // self.time_base.denominator


@dataclass(slots=True)
class Rounding:
    """Converts times to a muxer's time base and remembers the largest error."""

    time_base: Fraction
    max_seconds: Fraction = Fraction(0)

    def ticks(self, value: int | Fraction, time_base: Fraction) -> int:
        """``value`` ticks of ``time_base`` in this time base, to the nearest tick."""
        exact = value * time_base / self.time_base
        nearest = round(exact)
        if nearest != exact:
            self.max_seconds = max(self.max_seconds, abs(exact - nearest) * self.time_base)
        return nearest


@dataclass(frozen=True, slots=True)
class ChunkHeader:
    """What must be the same in all chunks of a clip, so that one decoder can read them as one stream."""

    extradata: bytes
    width: int
    height: int

    @classmethod
    def of(cls, stream: av.VideoStream) -> Self:
        """Read the header of an open chunk."""
        context = stream.codec_context
        return cls(context.extradata or b"", context.width, context.height)


def picture_packets(chunks: Sequence[Path], track: VideoTrack, stream: Stream) -> Iterator[TimedPacket]:
    """Packets of all chunks in decoding order, with their frames' times from the manifest; one chunk is held at a time.

    Raises:
        MuxError: a chunk has other headers than the first, does not begin with a key frame, or the frames of all
            chunks together are not the manifest's.
    """
    timeline = Timeline(track, _last_decoded(chunks[-1], track))
    header: ChunkHeader | None = None
    first = 0
    for path in chunks:
        packets, own_header = read_chunk_packets(path)
        header = header or own_header
        if own_header != header:
            raise MuxError(
                f"headers of chunk {path.name!r} differ from those of {chunks[0].name!r}; style the clip again"
            )
        if first + len(packets) > track.num_frames:
            raise MuxError(
                f"chunks up to {path.name!r} hold {first + len(packets)} frames, expected {track.num_frames}"
            )
        for position, rank in enumerate(presentation_ranks(packets)):
            yield timeline.timed(packets[position], first + position, first + rank, stream)
        first += len(packets)
    if first != track.num_frames:
        raise MuxError(f"{len(chunks)} chunks hold {first} frames, expected {track.num_frames}; style what is missing")


def read_chunk_packets(path: Path) -> tuple[list[av.Packet], ChunkHeader]:
    """All packets of one chunk in decoding order, and its header.

    Raises:
        MuxError: it is not a chunk, or does not begin with a key frame.
    """
    try:
        with av.open(file_url(path), format="matroska", options=QUICK_LOOK) as container:
            stream = container.streams.video[0]
            packets = [packet for packet in container.demux(stream) if packet.size]
            header = ChunkHeader.of(stream)
    except (FFmpegError, OSError, IndexError) as error:
        raise MuxError(f"styled chunk {path.name!r} cannot be read: {error}; style it again") from error
    if not packets or not packets[0].is_keyframe or any(packet.pts is None for packet in packets):
        raise MuxError(
            f"styled chunk {path.name!r} does not begin with a key frame or has no timestamps; style it again"
        )
    return packets, header


def presentation_ranks(packets: Sequence[av.Packet]) -> list[int]:
    """For every packet of a chunk, in decoding order: which of the chunk's frames it is, in order of presentation.

    Only the order of the chunk's own timestamps counts; their values mean nothing.
    """
    ranks = {pts: rank for rank, pts in enumerate(sorted(packet.pts or 0 for packet in packets))}
    return [ranks[packet.pts or 0] for packet in packets]


def _last_decoded(path: Path, track: VideoTrack) -> int:
    """Which frame is decoded last, which need not be the one shown last."""
    packets, _ = read_chunk_packets(path)
    return track.num_frames - len(packets) + presentation_ranks(packets)[-1]


class Timeline:
    """Gives every packet the manifest's time for its frame, and a decoding time that suits.

    Decoding times are the sorted presentation times, late by the encoder's reordering delay. The first ones lie before
    the first frame and are made up, so that all decoding durations together are exactly as long as the clip: MP4 states
    that sum as the length of its track.
    """

    def __init__(self, track: VideoTrack, last_decoded: int) -> None:
        """Prepare for a clip whose frame ``last_decoded`` comes last in decoding order."""
        self._track = track
        tail = track.pts[max(0, track.num_frames - 1 - REORDER_FRAMES)]
        end = track.pts[-1] + track.last_duration
        lead = max(REORDER_FRAMES, end - tail - self._duration(last_decoded))
        middle = 1 if track.num_frames == REORDER_FRAMES else lead // 2
        self._before = (lead + (1 if track.num_frames == REORDER_FRAMES else 0), middle)

    def _duration(self, index: int) -> int:
        """How long a frame is shown, in ticks."""
        pts = self._track.pts
        following = pts[index + 1] if index + 1 < len(pts) else pts[index] + self._track.last_duration
        return following - pts[index]

    def decoding_ticks(self, position: int) -> int:
        """Decoding time of the packet at ``position`` in decoding order."""
        if position >= REORDER_FRAMES:
            return self._track.pts[position - REORDER_FRAMES]
        return self._track.pts[0] - self._before[position]

    def timed(self, packet: av.Packet, position: int, index: int, stream: Stream) -> TimedPacket:
        """Time the packet that is at ``position`` in decoding order and holds frame ``index``.

        Raises:
            MuxError: the encoder reordered further than it was told to.
        """
        pts, dts = self._track.pts[index], self.decoding_ticks(position)
        if dts > pts:
            raise MuxError(f"frame {index} is reordered by more than {REORDER_FRAMES} frames; style the clip again")
        return TimedPacket(
            packet=packet,
            stream=stream,
            pts=pts,
            dts=dts,
            duration=self._duration(index),
            time_base=self._track.time_base,
        )
