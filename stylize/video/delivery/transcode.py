"""Sound and text in another form, where the delivered media container cannot hold the source's.

Sound is stored losslessly: a digest over the samples goes with it, so that a finished file can be checked against it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final, Protocol, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream

from stylize.errors import MuxError

# Sample format that each encoder takes, by bits kept of a sample.
ENCODER_FORMATS: Final = {
    "flac": {16: "s16", 24: "s32"},
    "alac": {16: "s16p", 24: "s32p"},
    "pcm_s32le": {32: "s32"},
}

DEFAULT_LAYOUTS: Final = {
    **{"1 channels": "mono", "2 channels": "stereo", "3 channels": "2.1", "4 channels": "4.0", "5 channels": "5.0"},
    **{"6 channels": "5.1", "7 channels": "6.1", "8 channels": "7.1"},
}


class Converter(Protocol):
    """Turns one stream's packets into packets of another codec."""

    @property
    def stream(self) -> Stream:
        """The stream of the delivered file that they belong to."""
        ...

    def convert(self, packet: av.Packet) -> list[av.Packet]:
        """Packets that became ready; timestamps in their own ``time_base``."""
        ...

    def finish(self) -> list[av.Packet]:
        """What was still held back."""
        ...


def known_layout(layout: AudioLayout) -> AudioLayout:
    """The layout, or the usual one of as many channels where the source only counts them, as AVI and Matroska do."""
    return AudioLayout(DEFAULT_LAYOUTS.get(layout.name, layout.name))


class SampleDigest:
    """SHA-256 over samples in one form, however the decoder laid them out."""

    def __init__(self, bits: int) -> None:
        """Start with no samples, to be compared at ``bits`` bits."""
        self._digest = hashlib.sha256()
        self.bits = bits
        self.num_samples = 0

    def add(self, samples: npt.NDArray) -> None:
        """Take in what :func:`interleaved_samples` returned."""
        self._digest.update(samples.tobytes())
        self.num_samples += len(samples)

    @property
    def sha256(self) -> str:
        """Hex digest of everything taken in."""
        return self._digest.hexdigest()


def interleaved_samples(frame: av.AudioFrame, bits: int) -> npt.NDArray:
    """Samples of a frame as little-endian int32 with the sample in the upper ``bits``.

    Returns:
        Shape ``(samples, channels)``.
    """
    samples = frame.to_ndarray()
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
    if samples.dtype.kind == "f":
        scaled = np.rint(np.clip(samples.astype(np.float64), -1, 1) * 2.0 ** (bits - 1))
        whole = np.minimum(scaled, 2 ** (bits - 1) - 1).astype(np.int64) << (32 - bits)
    elif samples.dtype == np.uint8:
        whole = (samples.astype(np.int64) - 128) << 24
    else:
        whole = samples.astype(np.int64) << (32 - 8 * samples.dtype.itemsize)
    return np.ascontiguousarray(whole, dtype="<i4")


def sample_bits(sample_format: str, codec: str) -> int:
    """Bits per sample that ``codec`` keeps of decoded ``sample_format``: 16, 24 or 32."""
    if codec == "pcm_s32le":
        return 32
    return 16 if sample_format.startswith(("u8", "s16")) else 24


class LosslessAudio:
    """Decodes a stream and stores its samples in a lossless codec, at their own times.

    A gap between packets becomes silence of the same length, because the codec's own frames have no gaps.
    """

    def __init__(self, source: AudioStream, output: OutputContainer, codec: str) -> None:
        """Add the stream to ``output``.

        Raises:
            MuxError: the encoder does not take this sound.
        """
        self._decoder = source.codec_context
        self.samples = SampleDigest(sample_bits(self._decoder.format.name, codec))
        self.start_seconds = Fraction(0)
        self._next_sample: int | None = None
        # Timestamps in milliseconds wander around the sample count; only more than that is a gap.
        self._tolerance = int(2 * (source.time_base or Fraction(0)) * self._decoder.sample_rate) + 2
        try:
            # A stream cannot be taken out of the output again: try the encoder alone first.
            self._set_up(cast(AudioCodecContext, CodecContext.create(codec, "w")), codec).open()
            self.stream = cast(AudioStream, output.add_stream(codec, rate=self._decoder.sample_rate))
            self._encoder = self._set_up(self.stream.codec_context, codec)
        except (FFmpegError, ValueError) as error:
            raise MuxError(f"sound of stream {source.index} cannot be stored as {codec}: {error}") from error

    def _set_up(self, encoder: AudioCodecContext, codec: str) -> AudioCodecContext:
        encoder.sample_rate = self._decoder.sample_rate
        encoder.layout = known_layout(self._decoder.layout)
        encoder.format = ENCODER_FORMATS[codec][self.samples.bits]
        encoder.time_base = Fraction(1, self._decoder.sample_rate)
        encoder.thread_count = 1
        return encoder

    def convert(self, packet: av.Packet) -> list[av.Packet]:
        """Decode one packet and encode what came out."""
        return list(self._encoded(self._decoder.decode(packet)))

    def finish(self) -> list[av.Packet]:
        """Empty the decoder, then the encoder."""
        return list(self._encoded(self._decoder.decode(None))) + self._encoder.encode(None)

    def _encoded(self, frames: Iterable[av.AudioFrame]) -> Iterator[av.Packet]:
        for frame in frames:
            for samples in self._gapless(frame):
                self.samples.add(samples)
                yield from self._encoder.encode(self._for_encoder(samples))

    def _gapless(self, frame: av.AudioFrame) -> Iterator[npt.NDArray]:
        samples = interleaved_samples(frame, self.samples.bits)
        if frame.pts is not None:
            start = round(frame.pts * (frame.time_base or Fraction(1)) * frame.sample_rate)
            if self._next_sample is None:
                self._next_sample = start
                self.start_seconds = Fraction(start, frame.sample_rate)
            while start - self._next_sample > self._tolerance:
                yield np.zeros_like(
                    samples, shape=(min(frame.sample_rate, start - self._next_sample), samples.shape[1])
                )
        yield samples

    def _for_encoder(self, samples: npt.NDArray) -> av.AudioFrame:
        """The samples in the encoder's format, timed by their ordinal."""
        wanted = self._encoder.format
        if wanted.bytes == 2:
            samples = (samples >> 16).astype(np.int16)
        shaped = np.ascontiguousarray(samples.T) if wanted.is_planar else samples.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(shaped, format=wanted.name, layout=self._encoder.layout.name)
        start = self._next_sample or 0
        frame.sample_rate, frame.time_base, frame.pts = self._encoder.sample_rate, self._encoder.time_base, start
        self._next_sample = start + len(samples)
        return frame


class TextSubtitles:
    """Rewrites text subtitles packet by packet; every text keeps its own start and duration."""

    def __init__(self, source: SubtitleStream, output: OutputContainer, codec: str) -> None:
        """Add the stream to ``output``.

        Raises:
            MuxError: FFmpeg cannot convert this form.
        """
        self._decoder = cast(SubtitleCodecContext, source.codec_context)
        try:
            self._decoder.open(strict=False)
            self.stream = output.add_stream(codec)
            self.stream.time_base = source.time_base
            self._encoder = cast(SubtitleCodecContext, self.stream.codec_context)
            self._encoder.time_base = source.time_base or Fraction(1, 1000)
            self._encoder.subtitle_header = self._decoder.subtitle_header
        except (FFmpegError, ValueError) as error:
            raise MuxError(f"subtitles of stream {source.index} cannot become {codec}: {error}") from error

    def convert(self, packet: av.Packet) -> list[av.Packet]:
        """The same text in the new form; nothing for an empty packet, with which MP4 marks a pause."""
        text = self._decoder.decode2(packet)
        if text is None or not len(text):
            return []
        converted = self._encoder.encode_subtitle(text)
        if not converted.size:
            return []
        converted.time_base = packet.time_base
        converted.pts, converted.dts, converted.duration = packet.pts, packet.pts, packet.duration
        return [converted]

    def finish(self) -> list[av.Packet]:
        """Nothing is ever held back."""
        return []
