"""Turn the timestamps that a decoder reports into those that every later step uses: exact, distinct, in order."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from stylize.errors import DecodeError

# No codec keeps more than 16 frames for reordering: a frame that is further from its place has jumped in time.
MAX_REORDER_FRAMES = 16
FALLBACK_RATE = Fraction(25)

Origin = Literal["container", "repaired", "generated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentationTimes:
    """When every frame is shown.

    Attributes:
        time_base: seconds per tick.
        pts: ticks, strictly increasing.
        origin: ``container`` as found; ``repaired`` where gaps, duplicates or disorder were mended; ``generated``.
        notes: what was done, for people.
    """

    time_base: Fraction
    pts: tuple[int, ...]
    origin: Origin = "container"
    notes: tuple[str, ...] = ()


def presentation_times(raw: Sequence[int | None], *, time_base: Fraction, rate: Fraction | None) -> PresentationTimes:
    """Decide when every frame is shown.

    - No timestamps at all (raw elementary streams): one frame per ``1/rate`` second from 0, on that time base.
    - Frames without one follow their predecessor at the stated rate.
    - Disorder within the reach of B-frames (AVI stores decoding order only): the same timestamps, sorted.
    - Duplicates: the later frame moves one tick on, so that no frame is lost.

    Args:
        raw: timestamp of every frame in the order of the decoder, in ticks; None where there is none.
        time_base: seconds per tick.
        rate: frames per second as the container states it.

    Raises:
        DecodeError: a timestamp jumps back too far to be reordering: two recordings were joined.
    """
    if all(pts is None for pts in raw):
        return _generated(len(raw), rate)
    filled = _fill_gaps(raw, time_base, rate)
    if all(later > earlier for earlier, later in itertools.pairwise(filled)) and None not in raw:
        return PresentationTimes(time_base=time_base, pts=tuple(filled))
    ordered = _sort_within_reach(filled, time_base)
    distinct = ordered[:1]
    for pts in ordered[1:]:
        distinct.append(max(pts, distinct[-1] + 1))
    note = "timestamps were missing, repeated or out of order in the source and were put in order"
    return PresentationTimes(time_base=time_base, pts=tuple(distinct), origin="repaired", notes=(note,))


def last_duration(pts: Sequence[int], stated: int, *, time_base: Fraction, rate: Fraction | None) -> int:
    """Duration of the last frame in ticks, at least 1: as stated, else like the frame before, else one at the rate."""
    if stated > 0:
        return stated
    if len(pts) > 1:
        return pts[-1] - pts[-2]
    return _frame_ticks(time_base, rate)


def _generated(num_frames: int, rate: Fraction | None) -> PresentationTimes:
    used = rate or FALLBACK_RATE
    return PresentationTimes(
        time_base=1 / used,
        pts=tuple(range(num_frames)),
        origin="generated",
        notes=(f"the source has no timestamps: played at {used} frames per second",),
    )


def _frame_ticks(time_base: Fraction, rate: Fraction | None) -> int:
    return max(1, round(1 / ((rate or FALLBACK_RATE) * time_base)))


def _fill_gaps(raw: Sequence[int | None], time_base: Fraction, rate: Fraction | None) -> list[int]:
    """Give frames without a timestamp one; those before the first stamped frame count back from it."""
    ticks = _frame_ticks(time_base, rate)
    first = next(index for index, pts in enumerate(raw) if pts is not None)
    previous = (raw[first] or 0) - (first + 1) * ticks
    filled: list[int] = []
    for pts in raw:
        previous = previous + ticks if pts is None else pts
        filled.append(previous)
    return filled


def _sort_within_reach(pts: Sequence[int], time_base: Fraction) -> list[int]:
    order = sorted(range(len(pts)), key=pts.__getitem__)
    for place, index in enumerate(order):
        if abs(place - index) > MAX_REORDER_FRAMES:
            jump = next(later for later in range(1, len(pts)) if pts[later] < pts[later - 1])
            earlier_seconds, later_seconds = (float(pts[at] * time_base) for at in (jump - 1, jump))
            raise DecodeError(
                f"timestamps jump back from {earlier_seconds:.3f} s to {later_seconds:.3f} s at frame {jump}: "
                "recordings were joined; write one timeline first, e.g. with 'ffmpeg -i IN -c copy OUT.mkv'"
            )
    return [pts[index] for index in order]
