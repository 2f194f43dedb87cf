"""Is the delivered sound the source's, byte for byte (or sample for sample), in its language and at its time?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av

from stylize.sandbox.limits import DecodeLimits
from stylize.video.chunks.encode import file_url
from stylize.video.delivery.report import CarriedTrack, StitchReport
from stylize.video.delivery.transcode import SampleDigest, interleaved_samples
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.tracks import TrackDigest, read_tracks

# One payload, three names: MP4 marks all MPEG audio alike, and one decoder plays all layers.
MPEG_AUDIO: Final = frozenset({"mp1", "mp2", "mp3"})


@dataclass(slots=True, kw_only=True)
class SoundFacts:
    """One audio track of the source against the delivered file.

    Attributes:
        stream_index: index in the source.
        codec: codec in the source.
        delivered_codec: codec in the delivered file; None where the track was left out.
        identical: ``packets`` or ``samples``, whichever was compared and is equal; None where it is not.
        offset_ms: start of the sound minus start of the picture in the source, in milliseconds.
        delivered_offset_ms: the same in the delivered file.
        problems: what is not as in the source.
    """

    stream_index: int
    codec: str
    delivered_codec: str | None = None
    identical: str | None = None
    offset_ms: float = 0.0
    delivered_offset_ms: float | None = None
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {name: getattr(self, name) for name in self.__slots__}


def check_sound(
    output: Path, manifest: VideoManifest, tracks: Sequence[TrackDigest], report: StitchReport, rounding: Fraction
) -> tuple[SoundFacts, ...]:
    """Compare every audio track of the source with its counterpart in the finished file.

    Args:
        output: the finished file.
        manifest: the source's picture, for the offset between sound and picture.
        tracks: the source's sound.
        report: which track went where.
        rounding: error in seconds that the media container's clock allows on each time.
    """
    delivered = {digest.stream_index: digest for digest in read_tracks(output, DecodeLimits())}
    carried = {track.treatment.stream_index: track for track in report.tracks}
    first_picture = manifest.video.start_seconds
    facts = []
    for track in tracks:
        one = SoundFacts(stream_index=track.stream_index, codec=track.codec)
        one.offset_ms = _milliseconds(track.start_seconds - first_picture)
        facts.append(one)
        record = carried.get(track.stream_index)
        if record is None or record.output_index is None:
            if record is None or not record.treatment.reason:
                one.problems.append(f"audio stream {track.stream_index} is missing, and no reason is recorded")
            continue
        counterpart = delivered.get(record.output_index)
        if counterpart is None:
            one.problems.append(f"audio stream {track.stream_index} is recorded as delivered, but is not in the file")
            continue
        _compare(one, track, record, counterpart, output)
        _compare_times(one, track, record, counterpart, first_picture, report.shift_seconds, rounding)
    return tuple(facts)


def _compare(one: SoundFacts, track: TrackDigest, record: CarriedTrack, found: TrackDigest, output: Path) -> None:
    """Compare payload or samples, and what describes them."""
    one.delivered_codec = found.codec
    name = f"audio stream {track.stream_index} ({track.codec})"
    if record.samples_sha256 is not None:
        if _samples_sha256(output, found.stream_index, record.samples_bits or 0) == record.samples_sha256:
            one.identical = "samples"
        else:
            one.problems.append(f"{name} stored as {found.codec} does not hold the source's samples")
    elif found.sha256 == track.sha256:
        one.identical = "packets"
    else:
        one.problems.append(f"{name}: packets differ from the source's")
    is_same_codec = found.codec == track.codec or {found.codec, track.codec} <= MPEG_AUDIO
    if record.treatment.action == "copy" and not is_same_codec:
        one.problems.append(f"{name} became {found.codec}")
    lost_language = found.language is None and output.suffix.lower() == ".mov"  # QuickTime's table lacks many.
    for what in ("sample_rate", "channels", "language"):
        if getattr(found, what) != getattr(track, what) and not (what == "language" and lost_language):
            one.problems.append(f"{name}: {what} {getattr(found, what)}, expected {getattr(track, what)}")


def _compare_times(
    one: SoundFacts,
    track: TrackDigest,
    record: CarriedTrack,
    found: TrackDigest,
    first_picture: Fraction,
    shift: Fraction,
    rounding: Fraction,
) -> None:
    """Compare when the sound starts; MP4 counts sound in samples, so half of one is lost at most."""
    start, sample = track.start_seconds, Fraction(1, track.sample_rate)
    if record.samples_start_seconds is not None:
        start = record.samples_start_seconds  # Decoding removes what a codec hides before its first sample.
        one.offset_ms = _milliseconds(start - first_picture)
    allowed = rounding or sample / 2
    one.delivered_offset_ms = _milliseconds(found.start_seconds - shift - first_picture)
    error = abs(found.start_seconds - shift - start)
    if error > allowed:
        off, limit = _milliseconds(error), _milliseconds(allowed)
        one.problems.append(f"audio stream {track.stream_index} starts {off:.3f} ms off, allowed {limit:.3f}")


def _samples_sha256(output: Path, stream_index: int, bits: int) -> str:
    """Decode one track of the finished file and digest its samples."""
    digest = SampleDigest(bits)
    with av.open(file_url(output)) as container:
        for frame in container.decode(container.streams[stream_index]):
            if isinstance(frame, av.AudioFrame):
                digest.add(interleaved_samples(frame, bits))
    return digest.sha256


def _milliseconds(seconds: Fraction) -> float:
    return float(seconds * 1000)
