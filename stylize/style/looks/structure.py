"""Whether a painted picture still shows what the photograph showed: its edges where they were."""

import numpy as np
import numpy.typing as npt

from stylize.style.controls.color_mixing import BLUE, GREEN, RED
from stylize.style.pictures import Picture

Plane = npt.NDArray[np.float32]
"""One number a pixel, ``(H, W)``."""


def gradient_correlation(source: Picture, styled: Picture) -> float:
    """How much the edges of two pictures agree in place, direction and relative strength, -1..1.

    The normalized inner product of the luma gradients, central differences after a 2x2 average, which leaves out the
    grain that nobody takes for an edge. 1 is the same picture, whatever its contrast; about 0 is another one.

    Args:
        source: RGB ``(H, W, 3)``, at least 6 pixels each way.
        styled: the same shape.
    """
    of_source, of_styled = _gradients(source), _gradients(styled)
    product = float((of_source * of_styled).sum())
    energy = float(np.square(of_source).sum() * np.square(of_styled).sum())
    return product / energy**0.5 if energy > 0 else 0.0


def luma(picture: Picture) -> Plane:
    """BT.709 luma of RGB ``(H, W, 3)``: ``(H, W)``, 0..255."""
    return picture.astype(np.float32) @ np.array([RED, GREEN, BLUE], np.float32)


def averaged(plane: Plane, side: int) -> Plane:
    """Means of squares of ``side`` pixels: ``(H // side, W // side)``; what is left at the borders is cut off."""
    height, width = (length // side for length in plane.shape)
    return plane[: height * side, : width * side].reshape(height, side, width, side).mean(axis=(1, 3))


def _gradients(picture: Picture) -> npt.NDArray[np.float32]:
    """Downwards and to the right, ``(2, H / 2 - 2, W / 2 - 2)``."""
    small = averaged(luma(picture), 2)
    return np.stack([small[2:, 1:-1] - small[:-2, 1:-1], small[1:-1, 2:] - small[1:-1, :-2]])
