"""Whether a painted film holds still: on a pan whose motion is known, and on real clips along their optical flow."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from PIL import Image

from stylize.style.pictures import Picture
from stylize.style.refining.metrics import (
    PAN_DOWN_PIXELS,
    PAN_PAIRS,
    PAN_REDUCTION,
    PAN_RIGHT_PIXELS,
    motion_error,
    pan_frames,
)
from stylize.video.measure.flicker import (
    MAX_SOURCE_ERROR,
    MIN_COMPARED_SHARE,
    Mask,
    Motion,
    can_be_followed,
    estimate_motion,
    squared_errors,
)

Paint = Callable[[Picture], Picture]
"""uint8 RGB frames ``(N, H, W, 3)`` to as many of the same size: what is delivered, whatever it does inside."""

PAN_SIZES: Final = {"360p": (640, 360), "720p": (1280, 720)}
"""Width and height of the frames."""


def sized_pan(photograph: Picture, *, width: int, height: int) -> Picture:
    """The frames ``(7, height, width, 3)`` of the noisy pan of :func:`metrics.pan_frames` over a photograph."""
    needed = (
        math.ceil(PAN_REDUCTION * (width + PAN_PAIRS * PAN_RIGHT_PIXELS)),
        math.ceil(PAN_REDUCTION * (height + PAN_PAIRS * PAN_DOWN_PIXELS)),
    )
    image = Image.fromarray(np.ascontiguousarray(photograph))
    shape = min(image.width / needed[0], image.height / needed[1])
    left, top = (image.width - shape * needed[0]) / 2, (image.height - shape * needed[1]) / 2
    box = (left, top, left + shape * needed[0], top + shape * needed[1])
    return np.stack(list(pan_frames(np.asarray(image.resize(needed, Image.Resampling.LANCZOS, box=box)))))


def pan_error(paint: Paint, pan: Picture) -> float:
    """Mean squared difference (values 0..1) of neighboring painted frames, moved back by the known motion.

    Args:
        paint: what is measured.
        pan: what :func:`sized_pan` gives.
    """
    painted = [torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255 for frame in paint(pan)]
    errors = [
        motion_error(before, after, down=PAN_DOWN_PIXELS, right=PAN_RIGHT_PIXELS)
        for before, after in itertools.pairwise(painted)
    ]
    return float(np.mean(errors))


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedClip:
    """Neighboring frames of a clip, and where what they show comes from.

    Attributes:
        frames: RGB ``(N, H, W, 3)``.
        pairs: for each later frame whose motion can be followed: its index, the motion back, and where that is valid.
    """

    frames: Picture
    pairs: tuple[tuple[int, Motion, Mask], ...]


def follow(frames: Picture) -> FollowedClip:
    """Estimate the motion in a clip ``(N, H, W, 3)`` once, for all styles; see :mod:`stylize.video.measure.flicker`.

    Pairs with a cut, or with motion that cannot be followed, are left out.
    """
    pairs = []
    for index in range(1, len(frames)):
        before, after = frames[index - 1], frames[index]
        back, forth = estimate_motion(after, before), estimate_motion(before, after)
        valid = can_be_followed(back, forth) & (squared_errors(before, after, back) < MAX_SOURCE_ERROR)
        if valid.mean() >= MIN_COMPARED_SHARE:
            pairs.append((index, back, valid))
    return FollowedClip(frames=frames, pairs=tuple(pairs))


def warping_error(paint: Paint, clips: Sequence[FollowedClip]) -> float | None:
    """Mean over the clips of the squared difference (values 0..1) of painted frames along the motion of the source.

    Lai et al., "Learning Blind Video Temporal Consistency", 2018. None if there is no pair that can be followed.
    """
    errors = [_clip_error(paint(clip.frames), clip.pairs) for clip in clips if clip.pairs]
    return float(np.mean(errors)) if errors else None


def _clip_error(painted: Picture, pairs: Iterable[tuple[int, Motion, Mask]]) -> float:
    return float(
        np.mean([squared_errors(painted[at - 1], painted[at], back)[valid].mean() for at, back, valid in pairs])
    )
