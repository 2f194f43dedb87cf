"""The measure of flicker on a known pan: motion costs nothing, what changes with it does."""

import itertools

import numpy as np
import pytest
import skimage.data
import torch

from stylize.style.network.network import NetworkSize, TransformerNet
from stylize.style.refining.metrics import (
    PAN_DOWN_PIXELS,
    PAN_NOISE_LEVELS,
    PAN_RIGHT_PIXELS,
    motion_error,
    pan_error,
    pan_frames,
)

NOISE = 2 * (PAN_NOISE_LEVELS / 255) ** 2
"""What the noise of two frames adds up to."""


def wave(*, down: float, right: float) -> torch.Tensor:
    """A picture that is known between its pixels: nothing in it is finer than five pixels."""
    rows, columns = torch.arange(90.0)[:, None] + down, torch.arange(120.0)[None] + right
    value = 0.5 + 0.2 * torch.sin(rows * 1.2) + 0.2 * torch.cos(columns * 0.9 + rows * 0.5)
    return value.expand(1, 3, -1, -1)


@pytest.mark.parametrize(("down", "right"), [(0.0, 0.0), (0.7, 1.3), (3.0, 0.0), (0.5, 7.5), (0.01, 0.99)])
def test_motion_by_parts_of_a_pixel_is_undone_exactly(down: float, right: float) -> None:
    assert motion_error(wave(down=0, right=0), wave(down=down, right=right), down=down, right=right) < 1e-7


def test_a_wrong_motion_is_an_error() -> None:
    moved = wave(down=0.7, right=1.3)
    assert motion_error(wave(down=0, right=0), moved, down=0.7, right=0.3) > 1e-3
    assert motion_error(moved, wave(down=0, right=0), down=0.7, right=1.3) > 1e-3


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
def test_plain_frames_of_a_pan_differ_by_their_noise_and_little_else(name: str) -> None:
    frames = [torch.tensor(frame).permute(2, 0, 1)[None] / 255 for frame in pan_frames(getattr(skimage.data, name)())]
    errors = [
        motion_error(before, after, down=PAN_DOWN_PIXELS, right=PAN_RIGHT_PIXELS)
        for before, after in itertools.pairwise(frames)
    ]
    assert len(errors) == 6
    assert NOISE < np.mean(errors) < 1.6 * NOISE


def test_the_same_photograph_gives_the_same_pan() -> None:
    for first, second in zip(pan_frames(skimage.data.coffee()), pan_frames(skimage.data.coffee()), strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("shape", [(40, 40, 3), (20, 300, 3), (97, 131, 3)])
def test_photographs_of_any_size_can_be_panned_over(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    network = TransformerNet(NetworkSize(widths=(4, 6, 8), blocks=1)).eval()
    photograph = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert 0 <= pan_error(network, photograph) < 1
