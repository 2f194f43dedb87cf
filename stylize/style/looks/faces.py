"""Whether a painted face is still a face: found again by a detector, and built as it was.

CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019, arXiv:1911.03599),
run by OpenVINO; ``bench/networks/centerface.py`` says where the weights come from. It tells heads by hair and
shoulders, too: a face that is painted over within a whole head may count as found. The structure in its box is gone.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import openvino

from stylize.style.engines.openvino_engine import _core
from stylize.style.looks.structure import gradient_correlation
from stylize.style.pictures import Picture

WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "centerface.xml"

Boxes = npt.NDArray[np.float32]
"""Left, top, right, bottom in pixels and the score 0..1 of each face, the best first: ``(F, 5)``."""

SOURCE_SCORE: Final = 0.35
"""What counts as a face of the source: high, so that all of them are faces."""

STYLED_SCORE: Final = 0.2
"""What counts as a face of the painted picture: lower, for nobody demands that paint looks like a photograph."""

SAME_FACE_OVERLAP: Final = 0.35
"""Intersection over union with the face of the source from which on it is found again."""

_SAME_BOX_OVERLAP: Final = 0.3
"""Intersection over union from which on two boxes of one picture are one face."""

_STRIDE: Final = 4
"""Pixels from one place of the detector's maps to the next."""

_MULTIPLE: Final = 32
"""The detector halves its input five times."""


def faces_kept(sources: Sequence[Boxes], styled: Sequence[Picture]) -> float | None:
    """Share 0..1 of the faces of all sources that are found in the painted pictures; None if there are none.

    Args:
        sources: of each photograph, what :func:`find_faces` found there.
        styled: the photographs painted, RGB ``(H, W, 3)``, in the same order.
    """
    found = [is_kept for boxes, picture in zip(sources, styled, strict=True) for is_kept in found_again(boxes, picture)]
    return float(np.mean(found)) if found else None


def found_again(boxes: Boxes, styled: Picture) -> list[bool]:
    """Of each face of the source, whether the painted picture ``(H, W, 3)`` has one in its place."""
    if not len(boxes):
        return []
    candidates = find_faces(styled, min_score=STYLED_SCORE)
    return [bool((_overlaps(box, candidates) > SAME_FACE_OVERLAP).any()) for box in boxes]


def face_structure(boxes: Boxes, source: Picture, styled: Picture) -> list[float]:
    """Of each face, the gradient correlation -1..1 inside its box; see :func:`gradient_correlation`.

    Args:
        boxes: what :func:`find_faces` found in the source.
        source: RGB ``(H, W, 3)``.
        styled: the same shape.
    """
    height, width = source.shape[:2]
    correlations = []
    for left, top, right, bottom in boxes[:, :4].round().astype(int):
        rows, columns = slice(max(0, top), min(height, bottom)), slice(max(0, left), min(width, right))
        if min(rows.stop - rows.start, columns.stop - columns.start) >= 8:  # smaller ones have no inside
            correlations.append(gradient_correlation(source[rows, columns], styled[rows, columns]))
    return correlations


def find_faces(picture: Picture, *, min_score: float = SOURCE_SCORE) -> Boxes:
    """The faces in a picture, RGB ``(H, W, 3)``."""
    height, width = picture.shape[:2]
    padded_height, padded_width = (-(-side // _MULTIPLE) * _MULTIPLE for side in (height, width))
    pixels = np.zeros((1, 3, padded_height, padded_width), np.float32)
    pixels[0, :, :height, :width] = picture.transpose(2, 0, 1)
    heat, sizes, offsets = (maps[0] for maps in _detector(padded_height, padded_width)(pixels).to_tuple())
    return _distinct(_decode(heat[0], sizes, offsets, min_score))


def _decode(
    heat: npt.NDArray[np.float32], sizes: npt.NDArray[np.float32], offsets: npt.NDArray[np.float32], min_score: float
) -> Boxes:
    """Boxes by the paper's equations 4 and 5: centers with an offset, and the logarithms of height and width."""
    rows, columns = np.nonzero(heat > min_score)
    heights, widths = np.exp(sizes[:, rows, columns]) * _STRIDE
    centers_down, centers_right = (np.stack([rows, columns]) + offsets[:, rows, columns] + 0.5) * _STRIDE
    left, top = centers_right - widths / 2, centers_down - heights / 2
    boxes = np.stack([left, top, left + widths, top + heights, heat[rows, columns]], axis=1)
    return boxes[np.argsort(-boxes[:, 4], kind="stable")].astype(np.float32)


def _distinct(boxes: Boxes) -> Boxes:
    """Without those that overlap a better one."""
    kept: list[npt.NDArray[np.float32]] = []
    for box in boxes:
        if not kept or (_overlaps(box, np.stack(kept)) < _SAME_BOX_OVERLAP).all():
            kept.append(box)
    return np.stack(kept) if kept else np.zeros((0, 5), np.float32)


def _overlaps(box: npt.NDArray[np.float32], others: Boxes) -> npt.NDArray[np.float32]:
    """Intersection over union, 0..1, of one box with each of the others."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    common = np.clip(width, 0, None) * np.clip(height, 0, None)
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return common / ((box[2] - box[0]) * (box[3] - box[1]) + areas - common)


@cache
def _model() -> openvino.Model:
    return _core().read_model(WEIGHTS)


@lru_cache(maxsize=4)
def _detector(height: int, width: int) -> openvino.CompiledModel:
    """For one size; in 32 bits whatever the processor could do, so that all machines find the same faces."""
    model = _model().clone()
    model.reshape([1, 3, height, width])
    return _core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False})
