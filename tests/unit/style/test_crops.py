"""Crops: scenes, enlarged pieces and faces, inside their photographs."""

import numpy as np
import pytest
import skimage.data
import torch

from stylize.style.looks.faces import find_faces
from stylize.style.refining.crops import LARGEST_FACE, Crops, CropSampler

SIDE, INSIDE = 104, 96


@pytest.fixture(scope="module")
def with_a_face() -> Crops:
    photographs = [skimage.data.rocket(), skimage.data.astronaut()]
    return CropSampler(photographs, side=SIDE, inside=INSIDE).draw(60, torch.Generator().manual_seed(0))


def test_crops_come_from_everywhere_in_every_size_and_both_ways() -> None:
    columns = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (160, 1, 3))
    crops = CropSampler([columns], side=36, inside=32).draw(60, torch.Generator().manual_seed(0))
    assert crops.pictures.shape == (60, 3, 36, 36)
    assert crops.faces == [None] * 60
    assert 0 <= crops.pictures.min() <= crops.pictures.max() <= 1
    slopes = (crops.pictures[:, 0, 0, -1] - crops.pictures[:, 0, 0, 0]) * 255
    assert slopes.min() < -70
    assert slopes.max() > 70
    assert slopes.abs().min() < 24, "none is enlarged"


def test_a_third_of_the_crops_is_around_a_face_of_any_size(with_a_face: Crops) -> None:
    boxes = [box for box in with_a_face.faces if box is not None]
    assert 12 < len(boxes) < 30
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= INSIDE
        assert 0 <= top < bottom <= INSIDE
    heights = [bottom - top for _, top, _, bottom in boxes]
    assert min(heights) < 45
    assert 60 < max(heights) <= LARGEST_FACE * INSIDE + 1


def test_the_face_is_where_the_crop_says(with_a_face: Crops) -> None:
    found = 0
    for picture, box in zip(with_a_face.pictures, with_a_face.faces, strict=True):
        if box is None or box[3] - box[1] < 50:
            continue
        enlarged = torch.nn.functional.interpolate(picture[None] * 255, scale_factor=2, mode="bicubic").clamp(0, 255)
        boxes = find_faces(enlarged[0].permute(1, 2, 0).byte().numpy())
        assert np.abs(boxes[0, :4] / 2 - np.array(box)).max() < 12
        found += 1
    assert found > 3


def test_the_same_numbers_give_the_same_crops() -> None:
    drawn = [
        CropSampler([skimage.data.astronaut()], side=40, inside=32).draw(9, torch.Generator().manual_seed(3))
        for _ in range(2)
    ]
    assert torch.equal(drawn[0].pictures, drawn[1].pictures)
    assert drawn[0].faces == drawn[1].faces
