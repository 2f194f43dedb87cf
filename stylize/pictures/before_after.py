"""A few moments of a film, before and after, as a screen shows them: square pixels, and no larger than a page needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from stylize.video.delivery.delivered_frames import DeliveredFrames
from stylize.video.pixels.pixels import Picture, delivered_picture
from stylize.video.source.manifest import VideoTrack

MAX_MOMENTS: Final = 5
FRAMES_PER_MOMENT: Final = 12
"""A clip gets one moment for every so many frames: those of a shorter one would look alike."""

MAX_SIDE_PIXELS: Final = 960


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One frame of a film, before and after.

    Attributes:
        frame: index in the clip.
        shown_seconds: when it is shown, since the first frame.
        source: as the transform was given it, RGB ``(H, W, 3)``, values 0..255; None where it is not stored any more.
        styled: as it was delivered, of the same shape.
    """

    frame: int
    shown_seconds: Fraction
    source: Picture | None
    styled: Picture


def spread_frames(num_frames: int) -> tuple[int, ...]:
    """Indices of the frames in the middles of equal parts of a clip, one to :data:`MAX_MOMENTS`."""
    parts = min(MAX_MOMENTS, max(1, num_frames // FRAMES_PER_MOMENT))
    return tuple((2 * part + 1) * num_frames // (2 * parts) for part in range(parts))


def read_moments(delivered: Path, track: VideoTrack, sources: Mapping[int, Picture]) -> Sequence[Moment]:
    """The moments of a delivered file, in order.

    Where some have no source, only the others are shown; where none has, all are.

    Args:
        delivered: the file.
        track: of the source.
        sources: by frame, as :func:`as_displayed` gives them.

    Raises:
        VerificationError: the file cannot be decoded.
    """
    picture = delivered_picture(track)
    with DeliveredFrames(delivered, track, picture) as frames:
        moments = [
            Moment(
                frame=frame,
                shown_seconds=(track.pts[frame] - track.pts[0]) * track.time_base,
                source=sources.get(frame),
                styled=as_displayed(frames.read(frame), picture.sample_aspect_ratio),
            )
            for frame in spread_frames(track.num_frames)
        ]
    return [moment for moment in moments if moment.source is not None] or moments


def as_displayed(picture: Picture, sample_aspect_ratio: Fraction) -> Picture:
    """``picture`` in square pixels, reduced so that no side is longer than :data:`MAX_SIDE_PIXELS`.

    Args:
        picture: RGB ``(H, W, 3)``, values 0..255, upright.
        sample_aspect_ratio: width of one of its pixels over its height.
    """
    height, width = picture.shape[0], picture.shape[1] * sample_aspect_ratio
    scale = min(Fraction(1), MAX_SIDE_PIXELS / width, Fraction(MAX_SIDE_PIXELS, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
