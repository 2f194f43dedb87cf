"""What rounding may not do to a picture, whichever engine paints it: with shipped styles, on what is hard to add up."""

import numpy as np
import pytest
import skimage.data

from stylize.frame_transform import Picture
from stylize.style.checkpoint import load_checkpoint
from stylize.style.engines.engine import EngineChoice, StyleTransform
from stylize.style.engines.strips import repaint_in_strips
from stylize.style.engines.torch_engine import prepare
from stylize.style.library import MODEL_FILE
from tests.unit.style.test_engine import ENGINES, FP32, OPENVINO, SIXTEEN_BITS, needs_openvino, transform
from tests.unit.style.test_library import RETIRED


def paint(style: str, choice: EngineChoice, frame: Picture) -> Picture:
    return StyleTransform.from_checkpoint(RETIRED / style / MODEL_FILE, choice)(frame[None])[0].astype(int)


@pytest.mark.parametrize("choice", ENGINES)
@pytest.mark.parametrize("style", ["great-wave", "minotaur"])
@pytest.mark.parametrize("colour", [(0, 0, 0), (235, 128, 16)], ids=["black", "orange"])
def test_a_frame_of_one_colour_stays_one(choice: EngineChoice, style: str, colour: tuple[int, int, int]) -> None:
    """Films begin and end in black. Normalised, the smallest error in a map without anything is as large as a face."""
    painted = paint(style, choice, np.full((360, 640, 3), colour, np.uint8))
    assert np.ptp(painted, axis=(0, 1)).max() == 0
    assert np.abs(painted - paint(style, FP32, np.full((32, 32, 3), colour, np.uint8))[0, 0]).max() <= 1


@needs_openvino
def test_large_frames_are_normalised_as_exactly_as_small_ones() -> None:
    frames = np.random.default_rng(4).integers(0, 256, (1, 2160, 3840, 3), dtype=np.uint8)
    by_torch, by_openvino = (transform(choice)(frames).astype(int) for choice in (FP32, OPENVINO))
    assert by_torch.std() > 20
    assert np.abs(by_torch - by_openvino).max() <= 1


@pytest.mark.parametrize("choice", SIXTEEN_BITS)
@pytest.mark.parametrize("style", ["lanterns", "scream"])
def test_in_sixteen_bits_strips_give_what_the_whole_picture_gives(choice: EngineChoice, style: str) -> None:
    """All but a few values in a million; in 32 bits all, see test_memory_ladder.py."""
    photograph = skimage.data.astronaut()
    network = load_checkpoint(RETIRED / style / MODEL_FILE)
    in_strips = repaint_in_strips(prepare(network, device="cpu", precision="bf16"), photograph, 8)
    difference = np.abs(paint(style, choice, photograph) - in_strips)
    assert difference.max() <= 2
    assert (difference > 1).mean() <= 1e-5
