"""All measures of single pictures, over a set of photographs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stylize.style.looks.color import color_change
from stylize.style.looks.faces import Boxes, face_structure, find_faces, found_again
from stylize.style.looks.hatch import hatch
from stylize.style.looks.nearness import TextureJudge, nearness
from stylize.style.looks.structure import gradient_correlation
from stylize.style.pictures import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """What is painted, and what is known of it beforehand.

    Attributes:
        name: for people.
        picture: RGB ``(H, W, 3)``.
        boxes: its faces.
        textures: as the judge sees them; None without one.
    """

    name: str
    picture: Picture
    boxes: Boxes
    textures: list[torch.Tensor] | None

    @classmethod
    def of(cls, name: str, picture: Picture, judge: TextureJudge | None) -> "Photograph":
        """Look at ``picture``."""
        textures = judge.textures(picture) if judge else None
        return cls(name=name, picture=picture, boxes=find_faces(picture), textures=textures)


def measure_photographs(photographs: Sequence[Photograph], painted: Sequence[Picture]) -> dict[str, float | None]:
    """The columns of the table that photographs tell, but for the nearness; None where none of them can tell.

    Faces count alike, whichever photograph they are in; all else is the mean over the photographs.

    Args:
        photographs: as they were.
        painted: the same painted, in the same order, each of its photograph's shape.
    """
    pairs = list(zip(photographs, painted, strict=True))
    changes = [color_change(before.picture, after, before.boxes) for before, after in pairs]
    kept = [is_kept for before, after in pairs for is_kept in found_again(before.boxes, after)]
    structures = [it for before, after in pairs for it in face_structure(before.boxes, before.picture, after)]
    return {
        "faces_kept": _mean(kept),
        "face_structure": _mean(structures),
        "structure": _mean([gradient_correlation(before.picture, after) for before, after in pairs]),
        "color_change_faces": _mean([in_faces for in_faces, _ in changes]),
        "color_change_outside": _mean([outside for _, outside in changes]),
        "hatch": _mean([hatch(before.picture, after) for before, after in pairs]),
    }


def measure_nearness(
    judge: TextureJudge,
    photographs: Sequence[Photograph],
    painted: Sequence[Picture],
    painting: list[torch.Tensor],
) -> float | None:
    """Mean nearness to a painting, given by its textures; None if the photographs were looked at without a judge."""
    found = [
        nearness(judge.textures(after), photograph=before.textures, painting=painting)
        for before, after in zip(photographs, painted, strict=True)
        if before.textures is not None
    ]
    return _mean(found)


def _mean(values: Sequence[float | bool | None]) -> float | None:
    """Of those that could be measured."""
    measured = [value for value in values if value is not None]
    return float(np.mean(measured)) if measured else None
