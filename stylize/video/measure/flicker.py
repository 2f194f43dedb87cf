"""Measure flicker: how much a styled film changes from one frame to the next where the source only moves.

The warping error of Lai et al., "Learning Blind Video Temporal Consistency", 2018: the earlier styled frame is brought
into the place of the later one along the motion of the source, and the two are compared wherever the source shows the
same in both. Motion is estimated on the source by dense inverse search (Kroeger et al., 2016) of OpenCV.

What the source itself does not keep from frame to frame (noise, flashes, fades) a style cannot keep either, and where
the motion cannot be followed (cuts, fast motion, what comes into view) nothing can be said: such pixels are left out,
and pairs of frames with few others.
"""

import statistics
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from stylize.video.pixels.pixels import Picture
from stylize.video.source.manifest import VideoTrack

Motion = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

MAX_SIDE_PIXELS: Final = 640
"""Larger frames are scaled down to this: a pair costs the same in every clip, and errors of all clips compare."""

MIN_SIDE_PIXELS: Final = 48
"""Smaller frames are not looked at: below 32 pixels OpenCV's estimate of motion crashes the process."""

MIN_COMPARED_SHARE: Final = 0.7
"""Part of a frame that must be comparable, or the pair says nothing. Below it lie cuts, and the first frame of a
dissolve (0.6), at which every style jumps because its source does."""

MAX_SOURCE_ERROR: Final = 0.01
"""Squared difference (values 0..1) of source pixels that are the same thing: 25 levels of 255."""

FLICKER_THRESHOLD: Final = 4e-3
"""Warping error above which a pair is reported. The shipped styles stay below 2e-3 on films of moving people, cars and
cameras; a jump of the brightness by 20 levels of 255 makes 6e-3, another style from one frame to the next 45e-3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFlicker:
    """How much two neighbouring frames differ, motion compensated.

    Attributes:
        frame: index of the later one in the clip.
        styled_error: mean squared difference of the styled frames, values 0..1, over the pixels compared.
        source_error: the same of the source frames: noise, and what the estimate of motion gets wrong.
        compared_share: part of the frame that could be compared, 0..1.
    """

    frame: int
    styled_error: float
    source_error: float
    compared_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FlickerReport:
    """What a few pairs of a film showed.

    Attributes:
        pairs: those that could be compared, in the order of the film.
        num_skipped: those that could not: cuts, fast motion, frames too small.
    """

    pairs: tuple[PairFlicker, ...]
    num_skipped: int

    @property
    def worst(self) -> PairFlicker | None:
        """The pair that differs most; None if none could be compared."""
        return max(self.pairs, key=lambda pair: pair.styled_error, default=None)

    @property
    def median_error(self) -> float | None:
        """Median of the styled errors; None if no pair could be compared."""
        return statistics.median(pair.styled_error for pair in self.pairs) if self.pairs else None

    def to_dict(self, track: VideoTrack) -> dict[str, Any]:
        """JSON-ready summary, for receipts and checks; ``track`` tells when frames are shown."""
        counts = {"pairs_compared": len(self.pairs), "pairs_skipped": self.num_skipped, "threshold": FLICKER_THRESHOLD}
        if self.worst is None:
            return counts
        shown = (track.pts[self.worst.frame] - track.pts[0]) * track.time_base
        return counts | {
            "worst_error": float(f"{self.worst.styled_error:.4g}"),
            "worst_source_error": float(f"{self.worst.source_error:.4g}"),
            "worst_frame": self.worst.frame,
            "worst_frame_seconds": round(float(shown), 3),
            "median_error": float(f"{self.median_error:.4g}"),
        }


class FlickerMeter:
    """Looks at chosen pairs of neighbouring frames as a film passes by; holds two small frames at a time."""

    def __init__(self, frames: Collection[int]) -> None:
        """Choose the pairs by the indices of their later frames in the clip."""
        self._frames = frozenset(frames)
        self._before: tuple[int, Picture, Picture] | None = None
        self._sources: dict[int, Picture] = {}
        self._pairs: list[PairFlicker] = []
        self._num_skipped = 0

    def wants(self, frame: int) -> bool:
        """Whether the frame with this index belongs to a chosen pair."""
        return frame in self._frames or frame + 1 in self._frames

    def sources(self, pictures: Iterable[Picture], *, start: int) -> Iterator[Picture]:
        """Pass source pictures on, the first of which is frame ``start``; remember those of chosen pairs."""
        for frame, picture in enumerate(pictures, start):
            if self.wants(frame):
                self._sources[frame] = scaled_down(picture)
            yield picture

    def styled(self, pictures: Iterable[Picture], *, start: int) -> Iterator[Picture]:
        """Pass on the styled pictures of the same frames, which come later, and measure chosen pairs."""
        for frame, picture in enumerate(pictures, start):
            if self.wants(frame):
                self.add(frame, self._sources.pop(frame), picture)
            yield picture

    def add(self, frame: int, source: Picture, styled: Picture) -> None:
        """Measure the pair that ends with this frame, if it is a chosen one whose earlier frame was the last added.

        Args:
            frame: index in the clip; higher than any before.
            source: RGB ``(H, W, 3)``, values 0..255.
            styled: the same shape.
        """
        source, styled = scaled_down(source), scaled_down(styled)
        before, self._before = self._before, (frame, source, styled)
        if frame not in self._frames or before is None or before[0] != frame - 1:
            return
        pair = compare_pair(frame, sources=(before[1], source), styled=(before[2], styled))
        if pair is None:
            self._num_skipped += 1
        else:
            self._pairs.append(pair)

    def report(self) -> FlickerReport:
        """What was seen so far."""
        return FlickerReport(pairs=tuple(self._pairs), num_skipped=self._num_skipped)


def compare_pair(
    frame: int, *, sources: tuple[Picture, Picture], styled: tuple[Picture, Picture]
) -> PairFlicker | None:
    """Compare two neighbouring frames; None if too little of the source can be followed from one to the other.

    Args:
        frame: index of the later one.
        sources: earlier and later source frame, RGB ``(H, W, 3)``, values 0..255.
        styled: the same frames styled.
    """
    if min(sources[0].shape[:2]) < MIN_SIDE_PIXELS:
        return None
    back, forth = estimate_motion(*reversed(sources)), estimate_motion(*sources)
    source_errors = squared_errors(*sources, back)
    compared = can_be_followed(back, forth) & (source_errors < MAX_SOURCE_ERROR)
    share = float(compared.mean())
    if share < MIN_COMPARED_SHARE:
        return None
    return PairFlicker(
        frame=frame,
        styled_error=float(squared_errors(*styled, back)[compared].mean()),
        source_error=float(source_errors[compared].mean()),
        compared_share=share,
    )


def scaled_down(picture: Picture) -> Picture:
    """The picture ``(H, W, 3)``, averaged down so that its longer side is 640 pixels at most."""
    height, width = picture.shape[:2]
    scale = MAX_SIDE_PIXELS / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def estimate_motion(first: Picture, second: Picture) -> Motion:
    """Where each pixel of ``first`` lies in ``second``: columns and rows to go, float32 ``(H, W, 2)``.

    Args:
        first: RGB ``(H, W, 3)``, both sides at least 48 pixels.
        second: the same shape.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    unset: Any = None  # OpenCV's own annotations demand an array to write to
    found = search.calc(cv2.cvtColor(first, cv2.COLOR_RGB2GRAY), cv2.cvtColor(second, cv2.COLOR_RGB2GRAY), unset)
    return np.asarray(found, np.float32)


def squared_errors(before: Picture, after: Picture, back: Motion) -> npt.NDArray[np.float32]:
    """Mean over the colours of the squared difference, values 0..1, between ``after`` and ``before`` moved: ``(H, W)``.

    Args:
        before: RGB ``(H, W, 3)``, values 0..255.
        after: the same shape.
        back: where each pixel of ``after`` lies in ``before``.
    """
    differences = (_moved(before.astype(np.float32), back) - after) / 255
    return np.square(differences).mean(axis=2)


def can_be_followed(back: Motion, forth: Motion) -> Mask:
    """Pixels of the later frame that the earlier one shows too: ``(H, W)``.

    Going back and forth must lead to where it began, nearly: the criterion and its constants are those of Sundaram et
    al., "Dense Point Trajectories by GPU-accelerated Large Displacement Optical Flow", 2010.
    """
    height, width = back.shape[:2]
    returned = _moved(forth, back)
    missed = np.square(back + returned).sum(axis=2)
    allowed = 0.01 * (np.square(back).sum(axis=2) + np.square(returned).sum(axis=2)) + 0.5
    columns, rows = _places(back)
    inside = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    return inside & (missed < allowed)


def _places(motion: Motion) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Columns and rows, each ``(H, W)``, that the pixels come to lie at."""
    rows, columns = np.indices(motion.shape[:2], dtype=np.float32)
    return columns + motion[..., 0], rows + motion[..., 1]


def _moved(values: npt.NDArray[np.float32], back: Motion) -> npt.NDArray[np.float32]:
    """``values`` ``(H, W, C)`` sampled, bilinearly, where the pixels came from."""
    return np.asarray(
        cv2.remap(values, *_places(back), interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
