"""The feed-forward style network: one pass repaints a picture.

The topology, the names of the parameters and the number range (RGB 0..255 in and out) are those of ``TransformerNet``
in pytorch/examples ``fast_neural_style`` (Johnson et al., "Perceptual Losses for Real-Time Style Transfer", 2016, with
the instance normalisation of Ulyanov et al., 2016, and resize-convolutions), so that its public checkpoints load.

The network of Ghiasi et al., "Exploring the structure of a real-time, arbitrary neural artistic stylization network",
2017, has the same topology but for its normalizations: none on the way down, and one after the last convolution, before
a sigmoid. It comes out of :mod:`stylize.style.network.conditional` with the normalizations of one style.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import nn

MULTIPLE = 4
"""The network halves the picture twice: only multiples of this come out at the size at which they went in."""

MIN_SIDE = 8
"""Below it a quarter-size map is one pixel wide, and its reflection by one pixel does not exist."""


Family = Literal["johnson", "ghiasi"]

CALM_EPSILON = 1e-3
"""Added to variances where a normalization comes last. Torch's 1e-5 would make a picture of what rounding leaves in a
frame of one color, which three such normalizations in a row enlarge; of photographs it is a hundredth."""


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """Which of these networks it is.

    Attributes:
        widths: channels at full, half and quarter resolution.
        blocks: residual blocks.
        family: whose normalizations.
        outer_kernel: rows and columns of the first and the last kernel, odd.
    """

    widths: tuple[int, int, int]
    blocks: int
    family: Family = "johnson"
    outer_kernel: int = 9

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, as written to style cards."""
        return asdict(self) | {"widths": list(self.widths)}

    @property
    def multiply_adds(self) -> float:
        """Of the convolutions, per pixel of the picture."""
        full, half, quarter = self.widths
        outer = self.outer_kernel**2
        down = 3 * full * outer + full * half * 9 / 4 + half * quarter * 9 / 16
        middle = self.blocks * 2 * quarter * quarter * 9 / 16
        return down + middle + quarter * half * 9 / 4 + half * full * 9 + full * 3 * outer

    @property
    def map_values(self) -> float:
        """Values of all maps, and of the inputs of residual blocks that are read again, per pixel of the picture."""
        full, half, quarter = self.widths
        return 2 * full + half / 2 + quarter / 16 + self.blocks * (2 + 1 / 3) * quarter / 16 + 3


REFERENCE_SIZE = NetworkSize(widths=(32, 64, 128), blocks=5)
"""Of the public checkpoints: 1.68M parameters, 153,792 multiply-adds per pixel."""

RETIRED_SIZE = NetworkSize(widths=(16, 32, 64), blocks=4)
"""Of the styles that were shipped at first: 0.35M parameters, 37,728 multiply-adds per pixel."""

ANY_PAINTING_SIZE = NetworkSize(widths=(8, 16, 32), blocks=5, family="ghiasi")
"""As published, for any painting: 12,528 multiply-adds per pixel."""

SLIM_SIZE = NetworkSize(widths=(8, 16, 32), blocks=5, family="ghiasi", outer_kernel=5)
"""The same with smaller kernels where the picture is large: 9,840 multiply-adds per pixel."""


class ConvLayer(nn.Module):
    """A convolution whose border is the reflected picture instead of zeros, which would show as a frame."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int, *, groups: int = 1, bias: bool = True
    ) -> None:
        """Square kernel of odd ``kernel_size``; the output is the input's size divided by ``stride``, rounded up."""
        super().__init__()
        self.padding = kernel_size // 2
        self.conv2d = nn.Conv2d(in_channels, out_channels, kernel_size, stride, groups=groups, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, in_channels, H, W)`` to ``(N, out_channels, ceil(H / stride), ceil(W / stride))``."""
        return self.conv2d(F.pad(x, (self.padding,) * 4, mode="reflect") if self.padding else x)


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

    def __init__(self, channels: int, norm: Callable[[int], nn.InstanceNorm2d]) -> None:
        """The number of channels stays the same throughout."""
        super().__init__()
        self.conv1 = ConvLayer(channels, channels, 3, 1)
        self.in1 = norm(channels)
        self.conv2 = ConvLayer(channels, channels, 3, 1)
        self.in2 = norm(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, channels, H, W)`` to the same shape."""
        return self.in2(self.conv2(self.in1(self.conv1(x)).relu_())) + x


class TransformerNet(nn.Module):
    """Pictures in, repainted pictures out; residual blocks are the attributes ``res1`` .. ``res<blocks>``."""

    def __init__(self, size: NetworkSize = RETIRED_SIZE) -> None:
        """Randomly initialised network of the given size; weights come from training or a checkpoint."""
        super().__init__()
        full, half, quarter = size.widths
        self.size = size
        is_last_normalized = size.family == "ghiasi"
        norm = calm_norm if is_last_normalized else _norm
        down, end = (nn.Identity, norm) if is_last_normalized else (norm, nn.Identity)
        self.conv1 = ConvLayer(3, full, size.outer_kernel, 1)
        self.in1 = down(full)
        self.conv2 = ConvLayer(full, half, 3, 2)
        self.in2 = down(half)
        self.conv3 = ConvLayer(half, quarter, 3, 2)
        self.in3 = down(quarter)
        self.residuals = [f"res{number}" for number in range(1, size.blocks + 1)]
        for name in self.residuals:
            self.add_module(name, ResidualBlock(quarter, norm))
        self.deconv1 = UpsampleConvLayer(quarter, half)
        self.in4 = norm(half)
        self.deconv2 = UpsampleConvLayer(half, full)
        self.in5 = norm(full)
        self.deconv3 = ConvLayer(full, 3, size.outer_kernel, 1)
        self.in6 = end(3)

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
        x = self.in6(self.deconv3(x))
        return x.sigmoid() * 255 if self.size.family == "ghiasi" else x


def _norm(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, affine=True)


def calm_norm(channels: int) -> nn.InstanceNorm2d:
    """Of the families whose last convolution is normalized, too."""
    return nn.InstanceNorm2d(channels, eps=CALM_EPSILON, affine=True)


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
