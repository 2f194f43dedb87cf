"""The fast style network: every layer works on a quarter of the rows and columns.

Blocks of 4x4 pixels become 48 channels (pixel unshuffle, Shi et al., 2016), separable convolutions (Howard et al.,
"MobileNets", 2017) in residual blocks paint, and a last convolution gives 4x4 pixels back. What is slow on a CPU are
convolutions with few channels at full resolution; there are none.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from stylize.style.network.network import MULTIPLE, ConvLayer, calm_norm


@dataclass(frozen=True, slots=True)
class QuarterSize:
    """Channels, and the number of residual blocks."""

    channels: int
    blocks: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, as written to style cards."""
        return {"channels": self.channels, "blocks": self.blocks, "family": "quarter"}

    @property
    def multiply_adds(self) -> float:
        """Of the convolutions, per pixel of the picture."""
        ends = 2 * 9 * 3 * MULTIPLE**2 * self.channels
        return (ends + self.blocks * 2 * self.channels * (9 + self.channels)) / MULTIPLE**2

    @property
    def map_values(self) -> float:
        """As of :class:`network.NetworkSize`."""
        return self.channels * (1 + self.blocks * (4 + 1 / 3)) / MULTIPLE**2 + 3


class SeparableLayer(nn.Module):
    """A 3x3 filter of each channel, a mixture of the channels, and the normalization."""

    def __init__(self, channels: int) -> None:
        """The number of channels stays."""
        super().__init__()
        self.depthwise = ConvLayer(channels, channels, 3, 1, groups=channels, bias=False)
        self.pointwise = ConvLayer(channels, channels, 1, 1, bias=False)
        self.norm = calm_norm(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, channels, H, W)`` to the same shape."""
        return self.norm(self.pointwise(self.depthwise(x)))


class SeparableBlock(nn.Module):
    """Two separable layers whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        """The number of channels stays."""
        super().__init__()
        self.first = SeparableLayer(channels)
        self.second = SeparableLayer(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, channels, H, W)`` to the same shape."""
        return self.second(self.first(x).relu_()) + x


class QuarterNet(nn.Module):
    """Pictures in, repainted pictures out, RGB 0..255; see :class:`network.TransformerNet` for sizes."""

    def __init__(self, size: QuarterSize) -> None:
        """Randomly initialised."""
        super().__init__()
        self.size = size
        self.conv1 = ConvLayer(3 * MULTIPLE**2, size.channels, 3, 1)
        self.in1 = calm_norm(size.channels)
        for number in range(1, size.blocks + 1):
            self.add_module(f"res{number}", SeparableBlock(size.channels))
        self.conv2 = ConvLayer(size.channels, 3 * MULTIPLE**2, 3, 1, bias=False)
        self.in2 = calm_norm(3)

    @torch.no_grad()
    def equalize_pixels_(self) -> None:
        """Let the last kernels paint all 16 pixels of a block alike where the map is even; to be called in training.

        Otherwise a black frame would show a screen of 4x4 pixels, which the last normalization makes as strong as a
        picture. The sums of the kernels' weights become those of their mean over the pixels: an orthogonal projection.
        """
        weight = self.conv2.conv2d.weight.view(3, MULTIPLE**2, self.size.channels, 3, 3)
        sums = weight.mean(dim=(3, 4), keepdim=True)
        weight.sub_(sums - sums.mean(dim=1, keepdim=True))

    @property
    def blocks(self) -> list[SeparableBlock]:
        """The residual blocks, in order."""
        return [module for module in self.children() if isinstance(module, SeparableBlock)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Repaint ``(N, 3, H, W)``, RGB 0..255; the values of the result lie within 0..255."""
        x = self.in1(self.conv1(F.pixel_unshuffle(x, MULTIPLE))).relu_()
        for block in self.blocks:
            x = block(x)
        # Color and contrast of the whole are the style's.
        return self.in2(F.pixel_shuffle(self.conv2(x), MULTIPLE)).sigmoid() * 255
