"""What sound a file carries: a digest of every audio stream, so that "the sound was not touched" can be checked.

The digest is over the codec's own payload. Two media containers may frame one payload differently: MPEG-TS puts an ADTS
header before every AAC frame where MP4 and Matroska keep one configuration record per stream, and a header may be cut
off without touching the sound. So ADTS headers are left out of the digest, on both sides; and because PCM has no frames
at all (each media container cuts it where it likes) payloads are hashed as one byte string.
"""

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Self

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard

from stylize.errors import DecodeError
from stylize.sandbox.limits import DecodeLimits
from stylize.video.source.open import open_untrusted

# ISO 639-2 has two codes for these, bibliographic (from English names) and terminological; QuickTime knows the former.
OLDER_CODES: Final = {
    **{"alb": "sqi", "arm": "hye", "baq": "eus", "bur": "mya", "chi": "zho", "cze": "ces", "dut": "nld", "fre": "fra"},
    **{"geo": "kat", "ger": "deu", "gre": "ell", "ice": "isl", "mac": "mkd", "mao": "mri", "may": "msa", "per": "fas"},
    **{"rum": "ron", "slo": "slk", "tib": "bod", "wel": "cym"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackDigest:
    """One audio stream as it lies in a file.

    Attributes:
        stream_index: index of the stream in the file.
        codec: FFmpeg's name of the codec, e.g. ``aac``.
        sample_rate: samples per second and channel.
        layout: names of the channels, e.g. ``stereo``.
        language: as tagged; None where it is not.
        num_packets: packets with a payload.
        sha256: hex digest of all payloads in order, ADTS headers left out.
        start_seconds: presentation time of the first packet, exact; negative where an encoder's priming is cut off.
        duration_seconds: from there to the end of the last packet, exact.
    """

    stream_index: int
    codec: str
    sample_rate: int
    channels: int
    layout: str
    language: str | None
    num_packets: int
    sha256: str
    start_seconds: Fraction
    duration_seconds: Fraction

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; fractions become ``"num/den"`` strings."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {name: str(value) if isinstance(value, Fraction) else value for name, value in fields.items()}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote."""
        times: dict[str, Any] = {name: Fraction(document[name]) for name in ("start_seconds", "duration_seconds")}
        return cls(**(document | times))


class TrackReader:
    """Feeds one stream's packets into a digest."""

    def __init__(self, stream: AudioStream) -> None:
        """Start an empty digest for ``stream``."""
        self._stream = stream
        self._has_adts = has_adts_headers(stream)
        self._digest = hashlib.sha256()
        self._num_packets = 0
        self._start: Fraction | None = None
        self._end = Fraction(0)

    def add(self, packet: av.Packet) -> bool:
        """Take one packet in; False where its payload is damaged beyond use, which leaves it out."""
        payload = bytes(packet)
        if self._has_adts:
            payload = without_adts_header(payload)
        if not payload:
            return False
        self._digest.update(payload)
        self._num_packets += 1
        self._extend(packet)
        return True

    def _extend(self, packet: av.Packet) -> None:
        if packet.pts is None:
            return
        start = packet.pts * packet.time_base
        self._start = start if self._start is None else min(self._start, start)
        self._end = max(self._end, start + (packet.duration or 0) * packet.time_base)

    def result(self) -> TrackDigest:
        """The digest of everything taken in so far."""
        context = self._stream.codec_context
        start = self._start or Fraction(0)
        return TrackDigest(
            stream_index=self._stream.index,
            codec=context.codec.canonical_name,
            sample_rate=context.sample_rate,
            channels=context.layout.nb_channels,
            layout=context.layout.name,
            language=language_of(self._stream.metadata),
            num_packets=self._num_packets,
            sha256=self._digest.hexdigest(),
            start_seconds=start,
            duration_seconds=max(self._end - start, Fraction(0)),
        )


def language_of(metadata: dict[str, str]) -> str | None:
    """The language tag, of two ISO 639-2 codes for one language the newer; MP4's ``und`` says that there is none."""
    language = metadata.get("language")
    return None if language in (None, "", "und") else OLDER_CODES.get(language, language)


def has_adts_headers(stream: AudioStream) -> bool:
    """Whether AAC packets of this stream begin with ADTS headers: so it is where no configuration record exists."""
    context = stream.codec_context
    return context.codec.canonical_name == "aac" and not context.extradata


def without_adts_header(payload: bytes) -> bytes:
    """Cut off the ADTS header (ISO/IEC 14496-3, 1.A.2.2); empty where there is none, as in a frame cut at its start."""
    if len(payload) < 7 or payload[0] != 0xFF or payload[1] & 0xF6 != 0xF0:
        return b""
    has_checksum = not payload[1] & 1
    return payload[9 if has_checksum else 7 :]


def read_tracks(source: Path, limits: DecodeLimits) -> tuple[TrackDigest, ...]:
    """Digest every audio stream of a file without decoding it; one pass, memory does not grow with length.

    Args:
        source: any video file, untrusted.
        limits: caps on what is opened.

    Raises:
        ProbeError: the file is not one that may be opened.
        DecodeError: the file is damaged.
    """
    with open_untrusted(source, limits) as container:
        readers = {stream.index: TrackReader(stream) for stream in usable_audio(container)}
        if readers:
            _read_all(container, readers, source)
        return tuple(reader.result() for reader in readers.values())


def usable_audio(container: InputContainer) -> list[AudioStream]:
    """Audio streams that FFmpeg has a decoder for; others cannot be described, and are dropped by name when joining."""
    return [stream for stream in container.streams.audio if stream.codec_context is not None]


def _read_all(container: InputContainer, readers: dict[int, TrackReader], source: Path) -> None:
    for stream in container.streams:
        if stream.index not in readers:
            stream.discard = Discard.all
    try:
        for packet in container.demux(*(container.streams[index] for index in readers)):
            if packet.size:
                readers[packet.stream_index].add(packet)
    except (FFmpegError, OSError) as error:
        raise DecodeError(f"the sound of {source.name!r} cannot be read: {error}; upload an undamaged file") from error
