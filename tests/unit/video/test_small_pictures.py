"""Pictures that must fit into so many bytes."""

import io

import numpy as np
import pytest
from PIL import Image

from stylize.pictures.small_pictures import Loop, loop_webp, scaled_to_height, still_webp

CHANCE = np.random.default_rng(1)
NOISE = CHANCE.integers(0, 256, (180, 320, 3), np.uint8)
"""What compresses worst."""


def opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file), formats=["WEBP"])


@pytest.mark.parametrize("max_bytes", [200, 1000, 6000, 40_000])
def test_a_still_picture_fits_whatever_it_shows(max_bytes: int) -> None:
    file = still_webp(NOISE, max_bytes)
    assert len(file) <= max_bytes
    assert opened(file).width / opened(file).height == pytest.approx(16 / 9, rel=0.25)


@pytest.mark.parametrize("max_bytes", [600, 4000, 40_000])
def test_a_loop_fits_with_all_its_pictures(max_bytes: int) -> None:
    pictures = [np.roll(NOISE, 40 * index, axis=1) for index in range(5)]
    file = loop_webp(Loop(pictures=pictures, frame_seconds=0.125), max_bytes)
    image = opened(file)
    assert len(file) <= max_bytes
    assert (getattr(image, "n_frames", 1), image.info["loop"]) == (5, 0)
    image.seek(2)
    image.load()
    assert image.info["duration"] == 125


def test_more_bytes_show_more() -> None:
    few, many = (opened(still_webp(NOISE, max_bytes)) for max_bytes in (2000, 20_000))
    assert few.width < many.width <= 320


def test_a_drawing_keeps_every_pixel() -> None:
    drawing = np.full((100, 300, 3), 255, np.uint8)
    drawing[40:60, 20:200] = (46, 110, 183)
    assert np.array_equal(np.asarray(opened(still_webp(drawing, 2000)).convert("RGB")), drawing)


def test_a_budget_that_holds_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="no picture fits into 10 bytes"):
        still_webp(NOISE, 10)


def test_pictures_are_reduced_in_shape_and_never_enlarged() -> None:
    assert scaled_to_height(NOISE, 90).shape == (90, 160, 3)
    assert scaled_to_height(NOISE, 500) is NOISE
