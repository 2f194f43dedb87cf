"""How far colors moved; and the pure color transfer, the control that paints nothing."""

import numpy as np
import numpy.typing as npt

from stylize.style.looks.structure import averaged
from stylize.style.pictures import Picture

_CELL = 4
"""Colors are compared as means of squares of so many pixels: what is finer is texture."""

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(pixels: npt.NDArray[np.uint8 | np.float64]) -> npt.NDArray[np.float64]:
    """Lightness 0..1 and two opponent colors of sRGB ``(H, W, 3)``, values 0..255; the same shape.

    Björn Ottosson, "A perceptual color space for image processing", 2020.
    """
    coded = pixels / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T


def color_distances(source: Picture, styled: Picture) -> npt.NDArray[np.float64]:
    """OKLab distance of two pictures ``(H, W, 3)``, for each square of 4 pixels; black to white is 1."""
    difference = oklab(_cells(styled)) - oklab(_cells(source))
    return np.sqrt(np.square(difference).sum(axis=2))


def color_change(source: Picture, styled: Picture, boxes: npt.NDArray[np.float32]) -> tuple[float | None, float | None]:
    """Mean OKLab distance inside the boxes of faces and outside of them; None where there is no such place.

    Args:
        source: RGB ``(H, W, 3)``.
        styled: the same shape.
        boxes: left, top, right and bottom in pixels, ``(F, 4)`` or more columns.
    """
    distances = color_distances(source, styled)
    inside = np.zeros(distances.shape, bool)
    for left, top, right, bottom in np.clip(boxes[:, :4] / _CELL, 0, None).round().astype(int):
        inside[top:bottom, left:right] = True
    means = [float(distances[mask].mean()) if mask.any() else None for mask in (inside, ~inside)]
    return means[0], means[1]


def transfer_colors(photograph: Picture, painting: Picture) -> Picture:
    """The photograph with the mean and the covariance of the painting's colors, both RGB ``(H, W, 3)``.

    The linear map between two normal distributions that moves colors least: Pitié and Kokaram, "The linear
    Monge-Kantorovitch linear colour mapping for example-based colour transfer", 2007, equation 4.
    """
    before, wanted = (picture.reshape(-1, 3).astype(np.float64) for picture in (photograph, painting))
    spread, wanted_spread = np.cov(before.T), np.cov(wanted.T)
    root, inverse = _power(spread, 0.5), _power(spread, -0.5)
    matrix = inverse @ _power(root @ wanted_spread @ root, 0.5) @ inverse
    moved = (before - before.mean(axis=0)) @ matrix.T + wanted.mean(axis=0)
    return np.rint(moved).clip(0, 255).astype(np.uint8).reshape(photograph.shape)


def _power(covariance: npt.NDArray[np.float64], exponent: float) -> npt.NDArray[np.float64]:
    """Of a symmetric positive matrix; a color that does not vary counts as varying by a tenth of a level."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, 0.01) ** exponent) @ vectors.T


def _cells(picture: Picture) -> npt.NDArray[np.float64]:
    channels = picture.astype(np.float32).transpose(2, 0, 1)
    return np.stack([averaged(channel, _CELL) for channel in channels], axis=2).astype(np.float64)
