"""Crops of photographs that networks learn to repaint: scenes, enlarged pieces of them, and faces.

What a network never saw it paints as it likes. Small videos are enlarged before they are painted, so crops are, too:
in soft, flat areas a network else leaves patterns of its own. And faces that fill a screen are rare in random crops.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F

from stylize.style.looks.faces import find_faces
from stylize.style.network.tensors import to_tensor
from stylize.style.pictures import Picture

MAX_REDUCTION: Final = 3.0
"""A crop is taken from at most so many times as many pixels each way as it will have."""

MAX_ENLARGEMENT: Final = 1.7
"""And from as many times fewer."""

FACE_SHARE: Final = 0.3
"""Of the crops: those around a face, where the photographs show any."""

SMALLEST_FACE: Final = 32
"""Side in pixels of a face in the crop around it; of a smaller one there is little structure to keep."""

LARGEST_FACE: Final = 0.8
"""Of the crop's side."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, half-open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crops:
    """Pictures of one size.

    Attributes:
        pictures: ``(N, 3, side, side)``, RGB 0..1.
        faces: where each crop has the face that it was taken for; None without one.
    """

    pictures: torch.Tensor
    faces: list[Box | None]


class CropSampler:
    """Random places, scales and mirrorings."""

    def __init__(self, photographs: Sequence[Picture], *, side: int, inside: int) -> None:
        """Find the faces of the photographs, a fraction of a second each.

        Args:
            photographs: each side at least ``side``.
            side: of crops, in pixels.
            inside: faces lie within the first so many rows and columns.
        """
        self._photographs, self._side, self._inside = photographs, side, inside
        self._faces = [
            (index, tuple(float(number) for number in box[:4]))
            for index, photograph in enumerate(photographs)
            for box in find_faces(photograph)
        ]

    def draw(self, count: int, generator: torch.Generator) -> Crops:
        """``count`` of them."""
        drawn = [self._draw(generator) for _ in range(count)]
        return Crops(pictures=torch.cat([picture for picture, _ in drawn]), faces=[face for _, face in drawn])

    def _draw(self, generator: torch.Generator) -> tuple[torch.Tensor, Box | None]:
        if self._faces and _uniform(0, 1, generator) < FACE_SHARE:
            return self._draw_face(generator)
        picture = self._photographs[_randint(0, len(self._photographs) - 1, generator)]
        taken = self._reachable(picture, self._side * _log_uniform(1 / MAX_ENLARGEMENT, MAX_REDUCTION, generator))
        top = _randint(0, picture.shape[0] - taken, generator)
        left = _randint(0, picture.shape[1] - taken, generator)
        crop = self._resized(picture[top : top + taken, left : left + taken])
        return (crop.flip(-1) if _randint(0, 1, generator) else crop), None

    def _draw_face(self, generator: torch.Generator) -> tuple[torch.Tensor, Box | None]:
        """A crop in which the face has a size that does not depend on the one it has in the photograph."""
        index, (left, top, right, bottom) = self._faces[_randint(0, len(self._faces) - 1, generator)]
        picture = self._photographs[index]
        wanted = _log_uniform(SMALLEST_FACE, LARGEST_FACE * self._inside, generator)
        taken = self._reachable(picture, self._side * max(right - left, bottom - top) / wanted)
        reach = taken * self._inside / self._side
        first_row = _place(top, bottom, reach, picture.shape[0] - taken, generator)
        first_column = _place(left, right, reach, picture.shape[1] - taken, generator)
        crop = self._resized(picture[first_row : first_row + taken, first_column : first_column + taken])
        scale = self._side / taken
        box = (
            max(0, round((left - first_column) * scale)),
            max(0, round((top - first_row) * scale)),
            min(self._inside, round((right - first_column) * scale)),
            min(self._inside, round((bottom - first_row) * scale)),
        )
        return crop, box

    def _reachable(self, picture: Picture, taken: float) -> int:
        """The nearest side of a square in the picture that is neither reduced nor enlarged too much."""
        largest = min(*picture.shape[:2], MAX_REDUCTION * self._side)
        return round(min(max(taken, self._side / MAX_ENLARGEMENT), largest))

    def _resized(self, square: Picture) -> torch.Tensor:
        size = (self._side, self._side)
        return F.interpolate(to_tensor(square) / 255, size=size, mode="bilinear", antialias=True).clamp(0, 1)


def _place(start: float, stop: float, reach: float, last: int, generator: torch.Generator) -> int:
    """Where a crop begins so that ``[start, stop)`` lies within its first ``reach`` pixels, if the picture lets it."""
    low, high = sorted((math.ceil(stop - reach), math.floor(start)))
    return min(max(_randint(low, high, generator), 0), last)


def _randint(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number in [low, high]."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _log_uniform(low: float, high: float, generator: torch.Generator) -> float:
    return math.exp(_uniform(math.log(low), math.log(high), generator))
