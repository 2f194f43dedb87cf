"""Whether flat areas carry a fine, regular pattern: the hatch that a network leaves where there is nothing to paint.

Strokes and canvas differ from place to place; a hatch is the same everywhere, so its frequencies stand out of the mean
power spectrum of many small flat blocks (Welch, "The use of fast Fourier transform for the estimation of power
spectra", 1967). What a frequency is compared with are those of the same length in other directions: strokes that are
long and wide have a steep spectrum, too, but a round one.
"""

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from stylize.style.looks.structure import Plane, averaged, luma
from stylize.style.pictures import Picture

BLOCK: Final = 64
"""Pixels of a block's side."""

LONGEST_PERIOD: Final = 12.0
SHORTEST_PERIOD: Final = 2.1
"""Pixels of the patterns that are looked for."""

FLAT_LEVELS: Final = 5.0
"""Standard deviation of the source's luma, of 255, in a block that counts as flat, after a 2x2 average."""

MIN_BLOCKS: Final = 8
"""With fewer, chance makes peaks."""

_RING_WIDTH: Final = 2.0
"""Cycles a block."""

_PEAK: Final = 3.0
"""Times the median of its ring above which power is a peak's. The mean of 8 blocks of noise rarely gets there."""

UNSEEN_LEVELS: Final = 1.0
"""Standard deviation of the white noise, of 255, that is added to every spectrum: what is fainter is not seen."""


def hatch(source: Picture, styled: Picture) -> float | None:
    """Share 0..1 of the fine texture in flat areas that is a regular pattern; None where too little is flat.

    Args:
        source: RGB ``(H, W, 3)``; tells what is flat.
        styled: the same shape.
    """
    flat = _blocks(averaged(luma(source), 2), BLOCK // 2).std(axis=(1, 2)) < FLAT_LEVELS
    if flat.sum() < MIN_BLOCKS:
        return None
    power = _mean_power(_blocks(luma(styled), BLOCK)[flat])
    in_peaks = in_all = 0.0
    for ring in rings():
        of_ring = power[ring]
        in_peaks += float(np.clip(of_ring - _PEAK * np.median(of_ring), 0, None).sum())
        in_all += float(of_ring.sum())
    return in_peaks / in_all


def _mean_power(blocks: Plane) -> Plane:
    """By frequency ``(BLOCK, BLOCK)``, mean over the blocks ``(B, BLOCK, BLOCK)``, plus noise that is not seen."""
    window = np.hanning(BLOCK + 1)[:-1]
    window = np.outer(window, window)
    centered = blocks - blocks.mean(axis=(1, 2), keepdims=True)
    power = np.square(np.abs(np.fft.fft2(centered * window))).mean(axis=0)
    return power + UNSEEN_LEVELS**2 * np.square(window).sum()


@cache
def rings() -> list[npt.NDArray[np.bool_]]:
    """The rings: frequencies of about one length each, ``(BLOCK, BLOCK)``, from the longest period to the shortest."""
    cycles = np.fft.fftfreq(BLOCK, 1 / BLOCK)
    length = np.hypot(cycles[:, None], cycles[None])
    inner = np.arange(BLOCK / LONGEST_PERIOD, BLOCK / SHORTEST_PERIOD, _RING_WIDTH)
    return [(length >= radius) & (length < radius + _RING_WIDTH) for radius in inner]


def _blocks(plane: Plane, side: int) -> Plane:
    """Cut into squares: ``(B, side, side)``."""
    rows, columns = (length // side for length in plane.shape)
    cut = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.swapaxes(1, 2).reshape(-1, side, side)
