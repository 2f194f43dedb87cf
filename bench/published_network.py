"""The network of pytorch/examples fast_neural_style, written out plainly: what speed and pictures are compared with."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn


class Convolution(nn.Module):
    """After reflection of the border, and after doubling where ``upsample`` is 2."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, upsample: int = 1) -> None:
        """Random weights."""
        super().__init__()
        self.upsample = upsample
        self.reflection_pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(channels_in, channels_out, kernel, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, channels, H, W)``."""
        if self.upsample > 1:
            x = F.interpolate(x, mode="nearest", scale_factor=self.upsample)
        return self.conv2d(self.reflection_pad(x))


class Residual(nn.Module):
    """Two convolutions, added to their input."""

    def __init__(self, channels: int, norm: Callable[[int], nn.Module]) -> None:
        """``norm`` makes the normalisation for a number of channels."""
        super().__init__()
        self.conv1, self.in1 = Convolution(channels, channels, 3), norm(channels)
        self.conv2, self.in2 = Convolution(channels, channels, 3), norm(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, channels, H, W)``."""
        return x + self.in2(self.conv2(torch.relu(self.in1(self.conv1(x)))))


class PublishedNet(nn.Module):
    """The published network as its authors wrote it, without any of this project's short cuts.

    With ``keep_statistics`` its state has the entries that torch before 0.4 saved for instance normalisation. Nothing
    was ever normalised by them: in training mode, in which this network stays, every picture is by its own statistics.
    """

    def __init__(self, *, keep_statistics: bool = False) -> None:
        """Random weights."""
        super().__init__()

        def norm(channels: int) -> nn.Module:
            return nn.InstanceNorm2d(channels, affine=True, track_running_stats=keep_statistics)

        self.conv1, self.in1 = Convolution(3, 32, 9), norm(32)
        self.conv2, self.in2 = Convolution(32, 64, 3, stride=2), norm(64)
        self.conv3, self.in3 = Convolution(64, 128, 3, stride=2), norm(128)
        for number in range(1, 6):
            self.add_module(f"res{number}", Residual(128, norm))
        self.deconv1, self.in4 = Convolution(128, 64, 3, upsample=2), norm(64)
        self.deconv2, self.in5 = Convolution(64, 32, 3, upsample=2), norm(32)
        self.deconv3 = Convolution(32, 3, 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, channels, H, W)``."""
        x = torch.relu(self.in1(self.conv1(x)))
        x = torch.relu(self.in2(self.conv2(x)))
        x = torch.relu(self.in3(self.conv3(x)))
        for number in range(1, 6):
            x = self.get_submodule(f"res{number}")(x)
        x = torch.relu(self.in4(self.deconv1(x)))
        x = torch.relu(self.in5(self.deconv2(x)))
        return self.deconv3(x)
