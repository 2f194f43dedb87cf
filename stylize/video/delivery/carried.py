"""The source's other streams on their way into the delivered file: one lane each, copied or changed as decided."""

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Discard, Stream
from av.subtitles.stream import SubtitleStream

from stylize.errors import MuxError
from stylize.video.delivery.carry import Treatment
from stylize.video.delivery.report import CarriedTrack
from stylize.video.delivery.stitch_packets import Rounding, TimedPacket
from stylize.video.delivery.transcode import Converter, LosslessAudio, TextSubtitles, known_layout
from stylize.video.source.tracks import TrackReader, language_of

# Tags that describe the source's own encoding and would be untrue of the delivered file.
STALE_TAGS = ("encoder", "duration", "bps", "number_of_frames", "number_of_bytes", "_statistics", "vendor_id", "rotate")

# Codes as FFmpeg's table of QuickTime languages spells them, where that is not the newer ISO 639-2 code.
QUICKTIME_LANGUAGES = {"deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi", "sqi": "alb", "mkd": "mac"}


class Lane:
    """One stream of the source that goes into the delivered file."""

    def __init__(
        self, source: Stream, output: OutputContainer, treatment: Treatment, *, end_ticks: int | None = None
    ) -> None:
        """Add the stream to ``output``, with its language, title and disposition.

        Args:
            source: the stream to carry.
            output: the delivered file, nothing written yet.
            treatment: what was decided for it.
            end_ticks: where the source stops playing, in ticks, if it may stop inside its last packet.

        Raises:
            MuxError: the muxer or an encoder refuses the stream.
        """
        self.treatment = treatment
        self.notes: list[str] = []
        self._reader = TrackReader(cast(AudioStream, source)) if treatment.kind == "audio" else None
        self._converter: Converter | None = None
        if treatment.action == "transcode":
            self._converter = LosslessAudio(cast(AudioStream, source), output, str(treatment.new_codec))
        elif treatment.action == "convert":
            self._converter = TextSubtitles(cast(SubtitleStream, source), output, str(treatment.new_codec))
        self.stream = self._converter.stream if self._converter else _copied_stream(source, output)
        self.language = language_of(source.metadata)
        self.stream.metadata.update(tags_to_keep(source.metadata))
        if self.language and output.format.name == "mov":
            self.stream.metadata["language"] = QUICKTIME_LANGUAGES.get(self.language, self.language)
        self.stream.disposition = source.disposition
        self._num_damaged = self._num_packets = self._num_moved = 0
        self._last_dts: int | None = None
        self._end_ticks = end_ticks
        self._can_hide = output.format.name != "matroska"
        self._next_pts = 0
        self._rounding: Rounding | None = None

    def packets(self, packet: av.Packet | None) -> Iterator[TimedPacket]:
        """What one packet of the source becomes; None empties a converter at the end."""
        if packet is None:
            ready = self._converter.finish() if self._converter else []
        elif self._reader and not self._reader.add(packet):
            self._num_damaged += 1
            return
        else:
            ready = self._converter.convert(packet) if self._converter else [packet]
        for one in ready:
            yield self._timed(one)

    def _timed(self, packet: av.Packet) -> TimedPacket:
        """Fill in times that the source's container does not store: packets of sound follow each other."""
        dts = packet.dts if packet.dts is not None else packet.pts
        pts = packet.pts if packet.pts is not None else dts
        if pts is None or dts is None:
            pts = dts = self._next_pts
        duration = packet.duration or 0
        self._next_pts = pts + duration
        if self._end_ticks is not None and self._converter is None and pts < self._end_ticks < pts + duration:
            duration = self._end_ticks - pts
        return TimedPacket(
            packet=packet, stream=self.stream, pts=pts, dts=dts, duration=duration, time_base=packet.time_base
        )

    def place(self, timed: TimedPacket, shift: Fraction) -> None:
        """Set a packet's times in the muxer's time base; decoding times must increase, even where a source's do not."""
        rounding = self._rounding = self._rounding or Rounding(self.stream.time_base or Fraction(1))
        shift_ticks = shift / timed.time_base
        pts = rounding.ticks(timed.pts + shift_ticks, timed.time_base)
        dts = min(pts, rounding.ticks(timed.dts + shift_ticks, timed.time_base))
        if self._last_dts is not None and dts <= self._last_dts:
            dts = self._last_dts + 1
            self._num_moved += pts < dts
            pts = max(pts, dts)
        self._last_dts = dts
        self._num_packets += 1
        set_times(timed, pts, dts, round(timed.duration * timed.time_base / rounding.time_base), rounding.time_base)

    def result(self) -> CarriedTrack:
        """What became of the stream."""
        digest = self._reader.result() if self._reader else None
        samples = self._converter.samples if isinstance(self._converter, LosslessAudio) else None
        return CarriedTrack(
            treatment=self.treatment,
            output_index=self.stream.index,
            num_packets=self._num_packets,
            rounding_seconds=self._rounding.max_seconds if self._rounding else Fraction(0),
            digest=digest,
            samples_sha256=samples.sha256 if samples else None,
            samples_bits=samples.bits if samples else None,
            samples_start_seconds=self._converter.start_seconds if isinstance(self._converter, LosslessAudio) else None,
        )

    def remarks(self) -> Iterator[str]:
        """What is not as in the source, in words."""
        name = f"{self.treatment.kind} stream {self.treatment.stream_index}"
        if self.treatment.action != "copy":
            yield f"{name} ({self.treatment.codec}) stored as {self.treatment.new_codec}: {self.treatment.reason}"
        start = self._reader.result().start_seconds if self._reader and not self._converter else 0
        if start < 0 and not self._can_hide:
            hidden = float(-start) * 1e3
            yield f"{name}: {hidden:.1f} ms of sound before 0, which the source hides, may be heard from Matroska"
        if self._num_damaged:
            yield f"{name}: {self._num_damaged} damaged packets left out"
        if self._num_moved:
            yield f"{name}: {self._num_moved} packets had times that ran backwards and were moved"
        if self._rounding and self._rounding.max_seconds:
            yield f"{name}: times rounded by at most {float(self._rounding.max_seconds) * 1e6:.1f} microseconds"


def set_times(timed: TimedPacket, pts: int, dts: int, duration: int, time_base: Fraction) -> None:
    """Write final times into the packet and hand it to its stream."""
    packet = timed.packet
    packet.stream = timed.stream
    packet.time_base = time_base
    packet.pts, packet.dts, packet.duration = pts, dts, duration


def tags_to_keep(metadata: dict[str, str]) -> dict[str, str]:
    """Tags without those that describe the source's own encoding."""
    return {key: value for key, value in metadata.items() if not key.lower().startswith(STALE_TAGS)}


def end_of_stream(source: InputContainer, stream: Stream) -> int | None:
    """Where an MP4's edit list stops a stream, in its ticks: within the last packet, if the encoder filled that up."""
    if not source.format.name.startswith("mov,") or stream.duration is None:
        return None
    return (stream.start_time or 0) + stream.duration


def _copied_stream(source: Stream, output: OutputContainer) -> Stream:
    try:
        stream = output.add_stream_from_template(source, opaque=True)
        if isinstance(stream, AudioStream) and stream.codec_context.name.startswith("pcm_"):
            stream.codec_context.layout = known_layout(stream.codec_context.layout)  # MP4 must name PCM's channels.
    except (FFmpegError, ValueError) as error:
        raise MuxError(f"stream {source.index} cannot be carried: {error}") from error
    return stream


def carried_packets(source: InputContainer, lanes: dict[int, Lane]) -> Iterator[TimedPacket]:
    """Packets of all lanes in the order of the source; the restyled picture's own packets are not even read."""
    streams = [source.streams[index] for index in lanes]
    for stream in source.streams:
        if stream.index not in lanes:
            stream.discard = Discard.all
    for packet in source.demux(*streams) if streams else ():
        if packet.size:
            yield from lanes[packet.stream_index].packets(packet)
    for lane in lanes.values():
        yield from lane.packets(None)
