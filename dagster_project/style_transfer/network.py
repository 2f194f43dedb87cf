"""The feed-forward style network: one pass repaints a picture.

The topology, the names of the parameters and the number range (RGB 0..255 in and out) are those of ``TransformerNet``
in pytorch/examples ``fast_neural_style`` (Johnson et al., "Perceptual Losses for Real-Time Style Transfer", 2016, with
the instance normalisation of Ulyanov et al., 2016, and resize-convolutions), so that its public checkpoints load. The
widths are parameters: ours are half as wide with four residual blocks, about a quarter of the work per pixel.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

MULTIPLE = 4
"""The network halves the picture twice: only multiples of this come out at the size at which they went in."""

MIN_SIDE = 8
"""Below it a quarter-size map is one pixel wide, and its reflection by one pixel does not exist."""


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """Channels at full, half and quarter resolution, and the number of residual blocks."""

    widths: tuple[int, int, int]
    blocks: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, as written to style cards."""
        return {"widths": list(self.widths), "blocks": self.blocks}


REFERENCE_SIZE = NetworkSize(widths=(32, 64, 128), blocks=5)
"""Of the public checkpoints: 1.68M parameters, 153,792 multiply-adds per pixel."""

DEFAULT_SIZE = NetworkSize(widths=(16, 32, 64), blocks=4)
"""Ours: 0.35M parameters, 37,728 multiply-adds per pixel."""


class ConvLayer(nn.Module):
    """A convolution whose border is the reflected picture instead of zeros, which would show as a frame."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int) -> None:
        """Square kernel of odd ``kernel_size``; the output is the input's size divided by ``stride``, rounded up."""
        super().__init__()
        self.padding = kernel_size // 2
        self.conv2d = nn.Conv2d(in_channels, out_channels, kernel_size, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, in_channels, H, W)`` to ``(N, out_channels, ceil(H / stride), ceil(W / stride))``."""
        return self.conv2d(F.pad(x, (self.padding,) * 4, mode="reflect"))


class UpsampleConvLayer(ConvLayer):
    """Nearest-neighbour doubling before a 3x3 convolution; a transposed one would leave a checkerboard.

    Reflecting the doubled map by one pixel is the same as repeating the edge of the small map and doubling that, one
    pixel more than needed on each side. So the padding happens while the map is small, and the surplus is cut from the
    result: the doubled map is the largest tensor of the network, and a padded copy beside it set the peak of memory.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        """The output is twice as high and wide as the input."""
        super().__init__(in_channels, out_channels, kernel_size=3, stride=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, in_channels, H, W)`` to ``(N, out_channels, 2 H, 2 W)``."""
        # Interleaved channels are what the convolution wants: given after doubling, they would cost another large copy.
        x = F.pad(x, (1, 1, 1, 1), mode="replicate").contiguous(memory_format=torch.channels_last)
        return self.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"))[..., 1:-1, 1:-1]


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to their input; no activation after the sum."""

    def __init__(self, channels: int) -> None:
        """The number of channels stays the same throughout."""
        super().__init__()
        self.conv1 = ConvLayer(channels, channels, 3, 1)
        self.in1 = nn.InstanceNorm2d(channels, affine=True)
        self.conv2 = ConvLayer(channels, channels, 3, 1)
        self.in2 = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, channels, H, W)`` to the same shape."""
        return self.in2(self.conv2(self.in1(self.conv1(x)).relu_())) + x


class TransformerNet(nn.Module):
    """Pictures in, repainted pictures out; residual blocks are the attributes ``res1`` .. ``res<blocks>``."""

    def __init__(self, size: NetworkSize = DEFAULT_SIZE) -> None:
        """Randomly initialised network of the given size; weights come from training or a checkpoint."""
        super().__init__()
        full, half, quarter = size.widths
        self.size = size
        self.conv1 = ConvLayer(3, full, 9, 1)
        self.in1 = nn.InstanceNorm2d(full, affine=True)
        self.conv2 = ConvLayer(full, half, 3, 2)
        self.in2 = nn.InstanceNorm2d(half, affine=True)
        self.conv3 = ConvLayer(half, quarter, 3, 2)
        self.in3 = nn.InstanceNorm2d(quarter, affine=True)
        self.residuals = [f"res{number}" for number in range(1, size.blocks + 1)]
        for name in self.residuals:
            self.add_module(name, ResidualBlock(quarter))
        self.deconv1 = UpsampleConvLayer(quarter, half)
        self.in4 = nn.InstanceNorm2d(half, affine=True)
        self.deconv2 = UpsampleConvLayer(half, full)
        self.in5 = nn.InstanceNorm2d(full, affine=True)
        self.deconv3 = ConvLayer(full, 3, 9, 1)

    @property
    def blocks(self) -> list[ResidualBlock]:
        """The residual blocks, in order."""
        return [module for module in self.children() if isinstance(module, ResidualBlock)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Repaint ``(N, 3, H, W)``, RGB 0..255, of any floating type.

        ``H`` and ``W`` must be multiples of 4 and at least 8: see :func:`repaint` for other sizes. The result has the
        same shape and type; its values are not clipped to 0..255.
        """
        x = self.in1(self.conv1(x)).relu_()
        x = self.in2(self.conv2(x)).relu_()
        x = self.in3(self.conv3(x)).relu_()
        for block in self.blocks:
            x = block(x)
        x = self.in4(self.deconv1(x)).relu_()
        x = self.in5(self.deconv2(x)).relu_()
        return self.deconv3(x)


def padded_side(side: int) -> int:
    """The smallest length that the network can process which is not shorter than ``side``."""
    return max(MIN_SIDE, -(-side // MULTIPLE) * MULTIPLE)


def repaint(network: nn.Module, pictures: torch.Tensor) -> torch.Tensor:
    """Run ``network`` on ``(N, 3, H, W)`` pictures of any size from 1x1: pad, repaint, crop.

    Padding repeats the last row and column (it exists at every size, unlike reflection) at the bottom and right only,
    so that the sampling grid of the network lies where it would lie without padding.
    """
    height, width = pictures.shape[-2:]
    bottom, right = padded_side(height) - height, padded_side(width) - width
    if bottom or right:
        pictures = F.pad(pictures, (0, right, 0, bottom), mode="replicate")
    return network(pictures)[..., :height, :width]


def count_multiply_adds(size: NetworkSize) -> float:
    """Multiply-adds per pixel of the convolutions, for choosing batch sizes and comparing networks."""
    full, half, quarter = size.widths
    down = 3 * full * 81 + full * half * 9 / 4 + half * quarter * 9 / 16
    middle = size.blocks * 2 * quarter * quarter * 9 / 16
    up = quarter * half * 9 / 4 + half * full * 9 + full * 3 * 81
    return down + middle + up
