"""What is known about a source video: the single truth that every later step reads.

Chunks carry ordinals only; timestamps, geometry and colour come from here. Times are integers in an exact time base.
"""

import dataclasses
import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Self

UNSPECIFIED = 2  # FFmpeg's AVCOL_*_UNSPECIFIED for matrix, primaries and transfer; for the range it is 0.

TrackKind = Literal["audio", "video", "subtitle", "data", "attachment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorTags:
    """Colour description as FFmpeg's integers (ITU-T H.273 code points, except ``range``)."""

    range: int = 0  # AVCOL_RANGE: 0 unspecified, 1 limited (MPEG), 2 full (JPEG)
    matrix: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoTrack:
    """The picture track that is restyled.

    Attributes:
        stream_index: index of the stream in the source file.
        codec: FFmpeg's name of the codec, e.g. ``h264``.
        width: columns of a decoded frame, before rotation, in pixels.
        height: rows of a decoded frame, before rotation, in pixels.
        pixel_format: FFmpeg's name, e.g. ``yuv420p10le``.
        time_base: seconds per tick, exact.
        pts: presentation time of every frame in presentation order, in ticks, strictly increasing.
        last_duration: duration of the last frame, in ticks, at least 1.
        average_rate: frames per second as the container states it; None where it states none.
        rotation_degrees: clockwise turn that makes the decoded picture upright: 0, 90, 180 or 270.
        mirrored: whether the picture, once turned, must also be flipped left to right.
        sample_aspect_ratio: width of a decoded pixel over its height.
        color: colour tags of the decoded frames.
        field_order: ``progressive``, ``tt``, ``bb``, ``tb``, ``bt`` or ``unknown``.
        timestamps: ``container``; ``repaired`` where they were missing, repeated or out of order in the source;
            ``generated`` where the source has none (raw elementary streams).
        shots: first frame of every shot, in order; the first is 0.
    """

    stream_index: int
    codec: str
    width: int
    height: int
    pixel_format: str
    time_base: Fraction
    pts: tuple[int, ...]
    last_duration: int
    average_rate: Fraction | None
    rotation_degrees: int = 0
    mirrored: bool = False
    sample_aspect_ratio: Fraction = Fraction(1)
    color: ColorTags = ColorTags()
    field_order: str = "progressive"
    timestamps: Literal["container", "repaired", "generated"] = "container"
    shots: tuple[int, ...] = (0,)

    @property
    def num_frames(self) -> int:
        """Number of presented frames."""
        return len(self.pts)

    @property
    def start_seconds(self) -> Fraction:
        """Presentation time of the first frame."""
        return self.pts[0] * self.time_base

    @property
    def duration_seconds(self) -> Fraction:
        """Time from the start of the first frame to the end of the last."""
        return (self.pts[-1] + self.last_duration - self.pts[0]) * self.time_base


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTrack:
    """A stream of the source that is not the restyled picture."""

    stream_index: int
    kind: TrackKind
    codec: str
    language: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoManifest:
    """Everything that later steps need to know about one source file."""

    container: str
    video: VideoTrack
    other_tracks: tuple[OtherTrack, ...] = ()
    num_chapters: int = 0
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Serialize; fractions become ``"num/den"`` strings."""
        return json.dumps(dataclasses.asdict(self), default=str, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read back what :meth:`to_json` wrote."""
        document: dict[str, Any] = json.loads(text)
        video = document.pop("video")
        color = ColorTags(**video.pop("color"))
        for name in ("time_base", "sample_aspect_ratio", "average_rate"):
            video[name] = None if video[name] is None else Fraction(video[name])
        video["pts"], video["shots"] = tuple(video["pts"]), tuple(video["shots"])
        return cls(
            container=document["container"],
            video=VideoTrack(color=color, **video),
            other_tracks=tuple(OtherTrack(**track) for track in document["other_tracks"]),
            num_chapters=document["num_chapters"],
            notes=tuple(document["notes"]),
        )
