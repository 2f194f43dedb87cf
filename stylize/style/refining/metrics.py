"""Measure how calm a style is in motion."""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from stylize.style.network.network import repaint
from stylize.style.network.style_network import StyleNet
from stylize.style.network.tensors import to_tensor
from stylize.style.pictures import Picture

PAN_RIGHT_PIXELS: Final = 1.3
PAN_DOWN_PIXELS: Final = 0.7
"""Camera movement per frame. Neither divides 4, the stride of the network: a few frames meet every phase of it."""

PAN_PAIRS: Final = 6

PAN_NOISE_LEVELS: Final = 2.0
"""Standard deviation of the noise that every frame has of its own, of 255: a camera's, in daylight."""

PAN_REDUCTION: Final = 2
"""Photographs are this many times as large as the frames that pan over them: sampling them between pixels is exact."""

_MIN_PHOTOGRAPH_SIDE: Final = 96
"""Pixels; smaller photographs are enlarged, or nothing would be left between the borders."""

_KERNEL_RADIUS: Final = 8
"""Taps of the sub-pixel interpolation on each side; as much is left out at the borders."""


@torch.no_grad()
def pan_error(network: StyleNet, photograph: Picture) -> float:
    """Warping error of a known motion: mean squared difference (values 0..1) between repainted frames of a pan.

    The camera moves by (1.3, 0.7) pixels a frame over the photograph ``(H, W, 3)``, at half its size, and every frame
    has noise of its own. Each repainted frame is moved back by that much and compared with the one before.
    """
    device = next(network.parameters()).device
    errors, before = [], None
    for frame in pan_frames(photograph):
        styled = repaint(network, to_tensor(frame).to(device)).clamp(0, 255) / 255
        if before is not None:
            errors.append(motion_error(before, styled, down=PAN_DOWN_PIXELS, right=PAN_RIGHT_PIXELS))
        before = styled
    return float(np.mean(errors))


def pan_frames(photograph: Picture) -> Iterator[Picture]:
    """The frames ``(H', W', 3)`` of a noisy pan over the photograph ``(H, W, 3)``, always the same ones."""
    noise = np.random.default_rng(0)
    image = Image.fromarray(np.ascontiguousarray(photograph))
    if (enlargement := _MIN_PHOTOGRAPH_SIDE / min(image.size)) > 1:
        image = image.resize((math.ceil(image.width * enlargement), math.ceil(image.height * enlargement)))
    travel_right, travel_down = PAN_PAIRS * PAN_RIGHT_PIXELS, PAN_PAIRS * PAN_DOWN_PIXELS
    width = int(image.width / PAN_REDUCTION - travel_right)
    height = int(image.height / PAN_REDUCTION - travel_down)
    for index in range(PAN_PAIRS + 1):
        left, top = PAN_REDUCTION * PAN_RIGHT_PIXELS * index, PAN_REDUCTION * PAN_DOWN_PIXELS * index
        box = (left, top, left + PAN_REDUCTION * width, top + PAN_REDUCTION * height)
        frame = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, box=box), dtype=np.float64)
        frame = frame + noise.normal(scale=PAN_NOISE_LEVELS, size=frame.shape)
        yield np.rint(frame).clip(0, 255).astype(np.uint8)


def motion_error(before: torch.Tensor, after: torch.Tensor, *, down: float, right: float) -> float:
    """Mean squared difference of two pictures ``(N, C, H, W)`` where both show the same.

    Args:
        before: values 0..1.
        after: the same shape, of a camera that moved ``down`` and ``right`` since, by fractions of a pixel or more.
        down: pixels, 0 or more.
        right: pixels, 0 or more.
    """
    height, width = before.shape[-2:]
    rows, columns = int(down), int(right)
    before, after = before[..., rows:, columns:], after[..., : height - rows, : width - columns]
    moved = _sampled_between(before, down=down - rows, right=right - columns)
    margin = _KERNEL_RADIUS
    return F.mse_loss(moved, after[..., margin:-margin, margin:-margin]).item()


def _sampled_between(pictures: torch.Tensor, *, down: float, right: float) -> torch.Tensor:
    """The pictures at ``(y + down, x + right)``, 0 to 1 each, less a margin of the kernel's radius on every side.

    A sinc under a Kaiser window: a bilinear interpolation blurs, which would be counted as flicker.
    """
    channels = pictures.shape[1]
    for axis, fraction in ((2, down), (3, right)):
        taps = torch.arange(-_KERNEL_RADIUS, _KERNEL_RADIUS + 1, dtype=torch.float64) - fraction
        window = torch.special.i0(8.0 * (1 - (taps / (_KERNEL_RADIUS + 1)).square()).sqrt())
        kernel = torch.special.sinc(taps) * window
        kernel = (kernel / kernel.sum()).to(pictures)
        lying = kernel.view(1, 1, -1, 1) if axis == 2 else kernel.view(1, 1, 1, -1)
        pictures = F.conv2d(pictures, lying.expand(channels, -1, -1, -1), groups=channels)
    return pictures
