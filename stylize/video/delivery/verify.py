"""Look at a finished file with fresh eyes: does it hold what the manifest promises?

Nothing that was known while writing is trusted: the file is opened and read again. What is found are facts for people
and machines; what is not as promised is a problem, in words. Mere mismatches raise nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stylize.errors import VerificationError
from stylize.video.chunks.encode import file_url
from stylize.video.delivery.report import StitchReport
from stylize.video.delivery.verify_sound import SoundFacts, check_sound
from stylize.video.pixels.pixels import DeliveredPicture
from stylize.video.source.manifest import ColorTags, VideoManifest
from stylize.video.source.tracks import TrackDigest

# Matroska counts in milliseconds; MP4 and MOV have no excuse.
MATROSKA_ROUNDING: Final = Fraction(1, 2000)
NUM_SAMPLED_FRAMES: Final = 5
# Levels that ringing and rounding of the encoder leave on a picture of one colour.
FLAT_LEVELS: Final = 4


Check = Literal["frame_count", "timestamps", "audio_identity", "picture", "not_blank", "chapters"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as promised: which check it fails, and what was found, in words."""

    check: Check
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Facts about a delivered file, and what is wrong with it.

    Attributes:
        num_frames: pictures that the file presents.
        expected_frames: pictures that the source presents.
        max_time_error_seconds: the largest distance of a frame's time from the source's, after the recorded shift.
        allowed_time_error_seconds: half a tick of a media container that counts in milliseconds, else 0.
        duration_seconds: length of the picture track as the file states it; None where it states none.
        width: columns.
        height: rows.
        sample_aspect_ratio: width of a pixel over its height.
        color: colour tags.
        num_decoded_frames: pictures that decode without complaint; None where that was not asked for.
        is_flat: whether all sampled pictures are of one colour.
        num_chapters: chapters in the file.
        sound: every audio track of the source against its counterpart.
        problems: what is not as promised; empty for a good file.
    """

    num_frames: int
    expected_frames: int
    max_time_error_seconds: Fraction
    allowed_time_error_seconds: Fraction
    duration_seconds: Fraction | None
    width: int
    height: int
    sample_aspect_ratio: Fraction
    color: ColorTags
    num_decoded_frames: int | None
    is_flat: bool
    num_chapters: int
    sound: tuple[SoundFacts, ...]
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; fractions become ``"num/den"`` strings."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        plain = {name: str(value) if isinstance(value, Fraction) else value for name, value in fields.items()}
        color = {name: getattr(self.color, name) for name in self.color.__slots__}
        return plain | {
            "color": color,
            "sound": [facts.to_dict() for facts in self.sound],
            "problems": [asdict(problem) for problem in self.problems],
        }


def verify_delivery(
    output: Path,
    manifest: VideoManifest,
    tracks: Sequence[TrackDigest],
    picture: DeliveredPicture,
    report: StitchReport,
    *,
    decode: bool = False,
    source_is_flat: bool = False,
) -> Verification:
    """Read a finished file again and compare it with what was promised.

    Args:
        output: the file.
        manifest: the source's frames and their times.
        tracks: digests of the source's sound, taken from the source itself.
        picture: size, aspect ratio and colours of the delivered frames.
        report: what was recorded when the file was joined: shift, tracks that were left out or stored otherwise.
        decode: whether to decode every picture; takes as long as playing it through fast.
        source_is_flat: whether the source shows a single colour, so that a flat delivery is no problem.

    Raises:
        VerificationError: the file cannot be read at all.
    """
    try:
        with av.open(file_url(output)) as container:
            facts = _picture_facts(container, manifest, report)
            facts["is_flat"] = _is_flat(container)
            facts["num_decoded_frames"] = _num_decoded(container) if decode else None
        sound = check_sound(output, manifest, tracks, report, facts["allowed_time_error_seconds"])
    except (FFmpegError, OSError, IndexError) as error:
        raise VerificationError(f"{output.name!r} cannot be read again: {error}; it must not be delivered") from error
    found = Verification(**facts, sound=sound, problems=())
    problems = [*_problems(found, manifest, picture, source_is_flat=source_is_flat)]
    problems += [Problem("audio_identity", text) for facts_of_one in sound for text in facts_of_one.problems]
    return Verification(**facts, sound=sound, problems=tuple(problems))


def _picture_facts(container: InputContainer, manifest: VideoManifest, report: StitchReport) -> dict[str, Any]:
    stream, track = container.streams.video[0], manifest.video
    base, context = stream.time_base or Fraction(1), stream.codec_context
    ticks = [packet.pts for packet in container.demux(stream) if packet.pts is not None and not packet.is_discard]
    promised = (pts * track.time_base + report.shift_seconds for pts in track.pts)
    errors = (abs(pts * base - time) for pts, time in zip(sorted(ticks), promised, strict=False))
    return {
        "num_frames": len(ticks),
        "expected_frames": track.num_frames,
        "max_time_error_seconds": max(errors, default=Fraction(0)),
        "allowed_time_error_seconds": MATROSKA_ROUNDING if "matroska" in container.format.name else Fraction(0),
        "duration_seconds": None if stream.duration is None else stream.duration * base,
        "width": context.width,
        "height": context.height,
        "sample_aspect_ratio": stream.sample_aspect_ratio or Fraction(1),
        "color": ColorTags(
            range=int(context.color_range),
            matrix=int(context.colorspace),
            primaries=int(context.color_primaries),
            transfer=int(context.color_trc),
        ),
        "num_chapters": len(container.chapters()),
    }


def _problems(
    found: Verification, manifest: VideoManifest, picture: DeliveredPicture, *, source_is_flat: bool
) -> Iterator[Problem]:
    allowed = found.allowed_time_error_seconds
    promised: list[tuple[Check, str, object, object]] = [
        ("frame_count", "frames", found.num_frames, found.expected_frames),
        ("picture", "size", f"{found.width}x{found.height}", f"{picture.width}x{picture.height}"),
        ("picture", "colour tags", found.color, picture.color),
        ("chapters", "chapters", found.num_chapters, manifest.num_chapters),
    ]
    if found.num_decoded_frames is not None:
        promised.append(("frame_count", "decodable frames", found.num_decoded_frames, found.expected_frames))
    for check, what, is_found, is_promised in promised:
        if is_found != is_promised:
            yield Problem(check, f"{what}: {is_found}, expected {is_promised}")
    if found.max_time_error_seconds > allowed:
        error = float(found.max_time_error_seconds) * 1e3
        yield Problem("timestamps", f"a frame is {error:.6f} ms off its time, allowed {float(allowed) * 1e3} ms")
    length = manifest.video.duration_seconds
    if found.duration_seconds is not None and abs(found.duration_seconds - length) > 2 * allowed:
        yield Problem(
            "timestamps", f"picture track lasts {float(found.duration_seconds):.6f} s, expected {float(length):.6f} s"
        )
    # Matroska keeps the aspect ratio as a display size in whole pixels.
    aspect_error = abs(found.sample_aspect_ratio / picture.sample_aspect_ratio - 1)
    if aspect_error > (Fraction(1, min(picture.width, picture.height)) if allowed else 0):
        yield Problem(
            "picture", f"sample aspect ratio {found.sample_aspect_ratio}, expected {picture.sample_aspect_ratio}"
        )
    if found.is_flat and not source_is_flat:
        yield Problem("not_blank", f"all of {NUM_SAMPLED_FRAMES} sampled pictures are of a single colour")


def _is_flat(container: InputContainer) -> bool:
    """Whether pictures sampled over the whole length (each the first after a seek) all have a single colour."""
    stream = container.streams.video[0]
    start, length = stream.start_time or 0, _length(container, stream)
    for sample in range(NUM_SAMPLED_FRAMES):
        container.seek(start + length * sample // NUM_SAMPLED_FRAMES, stream=stream)
        frame = next(container.decode(stream), None)
        if frame is not None and not _one_color(frame):
            return False
    return True


def _length(container: InputContainer, stream: VideoStream) -> int:
    """Length in the stream's ticks, at least roughly."""
    if stream.duration is not None:
        return stream.duration
    return int(Fraction(container.duration or 0, av.time_base) / (stream.time_base or Fraction(1)))


def _one_color(frame: av.VideoFrame) -> bool:
    """Whether every plane of a yuv420p frame holds a single level, give or take what an encoder leaves."""
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
        if np.ptp(rows) > FLAT_LEVELS:
            return False
    return True


def is_single_color(picture: npt.NDArray[np.uint8]) -> bool:
    """Whether an RGB picture ``(H, W, 3)`` is of one colour, give or take what an encoder leaves."""
    return bool((np.ptp(picture, axis=(0, 1)) <= FLAT_LEVELS).all())


def _num_decoded(container: InputContainer) -> int:
    """Pictures that decode without complaint, from the beginning."""
    container.seek(0)
    return sum(not frame.is_corrupt for frame in container.decode(container.streams.video[0]))
