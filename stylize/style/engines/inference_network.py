"""The networks as torch's engines run them: the same picture with less work, and no map changes its layout.

Convolutions of 16 bits want interleaved channels. On CUDA torch's padding gives planes, whatever it is given
(``_pad2d_common`` in its ``_meta_registrations.py`` says so), and its instance normalisation asks for planes on every
device: between two convolutions, a map was copied up to four times. Here a normalisation writes what it gives into the
middle of a larger map, and then the border around it is filled, as far as the next kernel reaches.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import nn

from stylize.style.network.kernels import doubling_kernels, square_kernels
from stylize.style.network.moments import mean_and_variance
from stylize.style.network.network import MULTIPLE, ConvLayer, TransformerNet, UpsampleConvLayer
from stylize.style.network.quarter_network import QuarterNet, SeparableLayer
from stylize.style.network.style_network import StyleNet


class InferenceNet(nn.Module):
    """Shares the weights of a network, and the statistics that it may be frozen to."""

    def __init__(self, network: StyleNet) -> None:
        """Take a network from :func:`torch_engine.prepare`."""
        super().__init__()
        self._network = network
        self._run = _Quarter(network) if isinstance(network, QuarterNet) else _Transformer(network)

    @property
    def dtype(self) -> torch.dtype:
        """Of the maps."""
        return self._network.conv1.conv2d.weight.dtype

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Repaint ``(N, 3, H, W)``; for inference only, because maps are written to in place."""
        return self._run(pictures)


class _Quarter:
    """See :meth:`QuarterNet.forward`."""

    def __init__(self, network: QuarterNet) -> None:
        self._network = network

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        network = self._network
        blocks = F.pixel_unshuffle(pictures, MULTIPLE)
        x = _Map.empty(blocks.shape, network.conv1.padding, like=network.conv1.conv2d.weight)
        x.inside.copy_(blocks)
        x = _rectified(network.conv1.conv2d(x.reflected()), network.in1, border=1)
        for block in network.blocks:
            branch = _rectified(_separated(block.first, x), block.first.norm, border=1)
            branch = _normalised(_separated(block.second, branch), block.second.norm, border=1)
            branch.inside.add_(x.inside)
            x = branch
        return _colored(F.pixel_shuffle(network.conv2.conv2d(x.reflected()), MULTIPLE), network.in2)


def _separated(layer: SeparableLayer, x: "_Map") -> torch.Tensor:
    return layer.pointwise.conv2d(layer.depthwise.conv2d(x.reflected()))


class _Transformer:
    """See :meth:`TransformerNet.forward`."""

    def __init__(self, network: TransformerNet) -> None:
        self._network = network
        self._deconv1, self._deconv2 = _doubling(network.deconv1), _doubling(network.deconv2)
        self._deconv3 = _Squares(network.deconv3, square_kernels(network.deconv3.conv2d.weight), stride=2)

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        network = self._network
        x = _Map.empty(pictures.shape, network.conv1.padding, like=network.conv1.conv2d.weight)
        x.inside.copy_(pictures)
        x = _rectified(network.conv1.conv2d(x.reflected()), network.in1, border=1)
        x = _rectified(network.conv2.conv2d(x.reflected()), network.in2, border=1)
        x = _rectified(network.conv3.conv2d(x.reflected()), network.in3, border=1)
        for block in network.blocks:
            branch = _rectified(block.conv1.conv2d(x.reflected()), block.in1, border=1)
            branch = _normalised(block.conv2.conv2d(branch.reflected()), block.in2, border=1)
            branch.inside.add_(x.inside)
            x = branch
        x = _rectified(self._deconv1(x), network.in4, border=1)
        x = _rectified(self._deconv2(x), network.in5, border=network.deconv3.padding)
        x = _taken_apart(self._deconv3(x.reflected()))
        return _colored(x, network.in6) if isinstance(network.in6, nn.InstanceNorm2d) else x


@dataclass(frozen=True, slots=True)
class _Map:
    """``inside`` is the middle of ``whole``, which is larger by the border that the next kernel reaches."""

    whole: torch.Tensor
    inside: torch.Tensor
    border: int

    @classmethod
    def empty(cls, shape: torch.Size, border: int, *, like: torch.Tensor) -> Self:
        """Not yet written; ``(N, C, H, W)`` without the border, channels interleaved."""
        whole = _empty((*shape[:2], shape[2] + 2 * border, shape[3] + 2 * border), like)
        return cls(whole, whole[:, :, border:-border, border:-border], border)

    def reflected(self) -> torch.Tensor:
        """``whole``, its border filled with the mirrored picture, without its edge."""
        return self._filled(skipped=1)

    def repeated(self) -> torch.Tensor:
        """``whole``, its border filled with the mirrored picture and its edge: of one pixel, that is the edge alone."""
        return self._filled(skipped=0)

    def _filled(self, *, skipped: int) -> torch.Tensor:
        """Rows first; then columns from top to bottom, which fills the corners."""
        for dim in (2, 3):
            near, far = self.border + skipped, self.whole.shape[dim] - 2 * self.border - skipped
            self._mirror(dim, near, 0)
            self._mirror(dim, far, self.whole.shape[dim] - self.border)
        return self.whole

    def _mirror(self, dim: int, start: int, target: int) -> None:
        source = self.whole.narrow(dim, start, self.border)
        self.whole.narrow(dim, target, self.border).copy_(source.flip(dim))


class _Squares:
    """A convolution that gives the four pixels of a square as channels: see :mod:`stylize.style.network.kernels`."""

    def __init__(self, layer: ConvLayer, kernels: torch.Tensor, *, stride: int) -> None:
        self._kernels = kernels.contiguous(memory_format=torch.channels_last)
        self._bias = None if layer.conv2d.bias is None else layer.conv2d.bias.repeat(4)
        self._stride = stride

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self._kernels, self._bias, self._stride)


def _doubling(layer: UpsampleConvLayer) -> Callable[[_Map], torch.Tensor]:
    """``layer`` in one convolution of the small map, if sums of its weights are exact.

    In float32 they would be rounded, and where there is nothing in the picture a pattern of 0.06 levels would remain.
    There the small map is padded by torch, which on a GPU copies it.
    """
    if layer.conv2d.weight.dtype == torch.float32:
        return lambda x: layer(x.inside).contiguous(memory_format=torch.channels_last)
    squares = _Squares(layer, doubling_kernels(layer.conv2d.weight), stride=1)
    return lambda x: _doubled(squares(x.repeated()))


def _rectified(x: torch.Tensor, norm: nn.Module, *, border: int) -> _Map:
    if isinstance(norm, nn.InstanceNorm2d):
        normalised = _normalised(x, norm, border=border)
    else:
        normalised = _Map.empty(x.shape, border, like=x)
        normalised.inside.copy_(x)
    normalised.inside.relu_()
    return normalised


def _normalised(x: torch.Tensor, norm: nn.InstanceNorm2d, *, border: int) -> _Map:
    """Frame by frame: of one frame, instance normalisation and batch normalisation are the same."""
    result = _Map.empty(x.shape, border, like=x)
    scratch = torch.empty((2, x.shape[1]), dtype=norm.weight.dtype, device=x.device)
    for frame, out in zip(x.split(1), result.inside.split(1), strict=True):
        mean, variance = _statistics(frame, norm)
        torch.native_batch_norm(
            *(frame, norm.weight, norm.bias, mean, variance, mean is None, 0.0, norm.eps), out=(out, *scratch)
        )
    return result


def _colored(x: torch.Tensor, norm: nn.InstanceNorm2d) -> torch.Tensor:
    """The last normalisation, ``(N, 3, H, W)`` to levels, in float32: 16 bits would round the upper ones twice."""
    normalised = _normalised(x.float().contiguous(memory_format=torch.channels_last), norm, border=1).inside
    return normalised.sigmoid().mul_(255)


def _statistics(frame: torch.Tensor, norm: nn.InstanceNorm2d) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Those that the normalisation is frozen to; else of ``frame``; None where ``native_batch_norm`` can find them.

    On CUDA it does so by the algorithm of Welford. On the CPU it adds up interleaved values one after another in
    float32, and pictures of one colour were 20 levels off.
    """
    if norm.running_mean is not None:
        return norm.running_mean, norm.running_var
    return (None, None) if frame.is_cuda else mean_and_variance(frame)


def _doubled(squares: torch.Tensor) -> torch.Tensor:
    """``(N, 4 C, H + 1, W + 1)`` to ``(N, C, 2 H, 2 W)``: taken apart, less what lies outside of the picture."""
    num_frames, channels, rows, columns = squares.shape
    doubled = _empty((num_frames, channels // 4, 2 * rows - 2, 2 * columns - 2), squares)
    for number, pixel in enumerate(squares.split(channels // 4, dim=1)):
        row, column = divmod(number, 2)
        doubled[:, :, 1 - row :: 2, 1 - column :: 2] = pixel[:, :, 1 - row : rows - row, 1 - column : columns - column]
    return doubled


def _taken_apart(squares: torch.Tensor) -> torch.Tensor:
    """``(N, 4 C, H, W)`` to ``(N, C, 2 H, 2 W)``."""
    pixels = squares.permute(0, 2, 3, 1).unflatten(3, (2, 2, -1)).transpose(2, 3)
    return pixels.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


def _empty(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """With interleaved channels."""
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)
