"""The style network as an OpenVINO model for one size of frames: uint8 in, uint8 out.

Written with OpenVINO's operations rather than traced from torch: 25 ms instead of two seconds, and the doubling layers
and the last one take a shorter way.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino
import torch
import torch.nn.functional as F
from openvino import Node, opset13
from torch import nn

from stylize.style.network.kernels import (
    aligned_doubling_kernels,
    doubling_kernels,
    square_kernels,
    unshuffled_kernels,
)
from stylize.style.network.network import MULTIPLE, TransformerNet, padded_side
from stylize.style.network.quarter_network import QuarterNet
from stylize.style.network.style_network import StyleNet

Weights = npt.NDArray[np.float32]

_TYPES = {torch.float32: "f32", torch.bfloat16: "bf16"}

_ROWS, _COLUMNS = np.array([2]), np.array([3])
_ROWS_AND_COLUMNS = np.array([2, 3])

_MVN_PIXELS = 2**17
"""Up to here OpenVINO's own normalisation is exact enough. It adds up all squares one after another in float32: of
normally distributed values the sum of 130,000 is 2e-5 too small, of eight million 1 %: pictures were 23 levels off."""


def build_model(network: StyleNet, *, height: int, width: int) -> openvino.Model:
    """A model that repaints one uint8 RGB frame ``(1, height, width, 3)`` of any size from 1x1, like ``repaint``.

    The arithmetic is that of the network's weights, float32 or bfloat16, where OpenVINO is told to choose no other.
    """
    layers = _Layers(network)
    frame = opset13.parameter([1, height, width, 3], np.uint8)
    x = opset13.transpose(frame, np.array([0, 3, 1, 2]))
    x = _padded(x, "edge", after=(padded_side(height) - height, padded_side(width) - width))
    if isinstance(network, QuarterNet):
        pixels, block = _quarter_net(layers, x, network), MULTIPLE
    else:
        build = _ghiasi_net if network.size.family == "ghiasi" else _johnson_net
        pixels, block = build(layers, x, network), 2
    # Rounded before the map is written: bfloat16 holds the 256 levels exactly, and little between the upper ones.
    levels = opset13.clamp(opset13.round(pixels, "half_to_even"), 0.0, 255.0)
    painted = opset13.depth_to_space(opset13.convert(levels, np.uint8), "blocks_first", block)
    painted = opset13.transpose(_cut(painted, (0, 0), (height, width)), np.array([0, 2, 3, 1]))
    return openvino.Model([painted], [frame])  # pyright: ignore[reportGeneralTypeIssues]  # its stub names another self


def _johnson_net(layers: "_Layers", x: Node, network: TransformerNet) -> Node:
    """The four pixels of each square as channels, of uint8 ``x``."""
    x = layers.converted(x)
    x = layers.normalise(layers.convolve(x, "conv1"), "in1", rectified=True)
    x = layers.normalise(layers.convolve(x, "conv2", stride=2), "in2", rectified=True)
    x = layers.normalise(layers.convolve(x, "conv3", stride=2), "in3", rectified=True)
    x = _residual_blocks(layers, x, network)
    x = layers.normalise(layers.double_and_convolve(x, "deconv1"), "in4", rectified=True)
    x = layers.normalise(layers.double_and_convolve(x, "deconv2"), "in5", rectified=True)
    return layers.convolve_in_squares(x, "deconv3")


def _ghiasi_net(layers: "_Layers", x: Node, network: TransformerNet) -> Node:
    """The four pixels of each square as channels, of uint8 ``x``.

    All that the network computes at full size it computes here in squares, at half of it.
    """
    x = opset13.relu(layers.convolve_picture(x, "conv1"))
    x = opset13.relu(layers.halve(x, "conv2"))
    x = opset13.relu(layers.convolve(x, "conv3", stride=2))
    x = _residual_blocks(layers, x, network)
    x = layers.normalise(layers.double_exactly(x, "deconv1"), "in4", rectified=True)
    x = layers.normalise_squares(layers.double_in_squares(x, "deconv2"), "in5")
    return layers.normalise_colors(layers.convolve_squares(x, "deconv3"), "in6")


def _residual_blocks(layers: "_Layers", x: Node, network: TransformerNet) -> Node:
    for name in network.residuals:
        branch = layers.normalise(layers.convolve(x, f"{name}.conv1"), f"{name}.in1", rectified=True)
        x = opset13.add(layers.normalise(layers.convolve(branch, f"{name}.conv2"), f"{name}.in2"), x)
    return x


def _quarter_net(layers: "_Layers", x: Node, network: QuarterNet) -> Node:
    """The pixels of each block of 4x4 as channels, of uint8 ``x``: all channels of a pixel before those of the next.

    In this order bytes are copied fastest; see :func:`_pixels_first`.
    """
    x = layers.converted(opset13.space_to_depth(x, "blocks_first", MULTIPLE))
    x = layers.normalise(layers.convolve(x, "conv1"), "in1", rectified=True)
    for number in range(1, network.size.blocks + 1):
        branch = layers.separable(x, f"res{number}.first", rectified=True)
        x = opset13.add(layers.separable(branch, f"res{number}.second"), x)
    return layers.normalise_colors(layers.convolve(x, "conv2"), "in2")


def _pixels_first(values: Weights, axis: int) -> Weights:
    """Entries of ``axis``, colors of the pixels of a block, in the order of ``blocks_first``; torch has the other."""
    shape = (*values.shape[:axis], 3, MULTIPLE**2, *values.shape[axis + 1 :])
    return values.reshape(shape).swapaxes(axis, axis + 1).reshape(values.shape)


class _Layers:
    """The layers of a network by the names of their weights; maps have the type of the weights."""

    def __init__(self, network: StyleNet) -> None:
        self._weights = {key: tensor.detach().float().cpu().numpy() for key, tensor in network.state_dict().items()}
        self._epsilon = next(norm.eps for norm in network.modules() if isinstance(norm, nn.InstanceNorm2d))
        self._type = _TYPES[network.conv1.conv2d.weight.dtype]
        if isinstance(network, QuarterNet):
            for name, axis in (("conv1.conv2d.weight", 1), ("conv2.conv2d.weight", 0)):
                self._weights[name] = _pixels_first(self._weights[name], axis)

    def converted(self, x: Node) -> Node:
        """In the type of the maps."""
        return opset13.convert(x, self._type)

    def convolve(self, x: Node, name: str, stride: int = 1) -> Node:
        kernel = self._weights[f"{name}.conv2d.weight"]
        x = self._convolved(_reflected(x, kernel.shape[-1] // 2), kernel, stride)
        return opset13.add(x, self._bias(name)) if f"{name}.conv2d.bias" in self._weights else x

    def convolve_picture(self, x: Node, name: str) -> Node:
        """A convolution of uint8 ``x`` that gives squares."""
        kernel = self._weights[f"{name}.conv2d.weight"]
        x = opset13.space_to_depth(_reflected(x, kernel.shape[-1] // 2), "blocks_first", 2)
        kernel = _changed(kernel, lambda kernels: unshuffled_kernels(square_kernels(kernels)))
        return opset13.add(self._convolved(self.converted(x), kernel, stride=1), self._bias(name, times=4))

    def halve(self, x: Node, name: str) -> Node:
        """A 3x3 convolution of squares with a stride of 2; no square before the first is needed whole."""
        kernel = _changed(
            self._weights[f"{name}.conv2d.weight"], lambda kernels: unshuffled_kernels(F.pad(kernels, (1, 0, 1, 0)))
        )
        x = _padded(x, "edge", before=(1, 1), after=(0, 0))
        return opset13.add(self._convolved(x, kernel, stride=1), self._bias(name))

    def double_in_squares(self, x: Node, name: str) -> Node:
        """Doubling and a 3x3 kernel in one; gives squares."""
        kernel = self._weights[f"{name}.conv2d.weight"]
        x = _padded(x, "edge", before=(1, 1), after=(1, 1))
        x = self._convolved(x, _changed(kernel, aligned_doubling_kernels), stride=1)
        return opset13.add(x, self._bias(name, times=4))

    def convolve_squares(self, x: Node, name: str) -> Node:
        """From squares to squares."""
        kernel = self._weights[f"{name}.conv2d.weight"]
        x = _reflected_squares(x, kernel.shape[-1] // 4)
        kernel = _changed(kernel, lambda kernels: unshuffled_kernels(square_kernels(kernels)))
        return opset13.add(self._convolved(x, kernel, stride=1), self._bias(name, times=4))

    def separable(self, x: Node, name: str, *, rectified: bool = False) -> Node:
        """See :class:`quarter_network.SeparableLayer`."""
        kernel = self._weights[f"{name}.depthwise.conv2d.weight"][:, None]
        x = _reflected(x, kernel.shape[-1] // 2)
        x = opset13.group_convolution(x, self._constant(kernel), [1, 1], [0, 0], [0, 0], [1, 1])
        x = self._convolved(x, self._weights[f"{name}.pointwise.conv2d.weight"], stride=1)
        return self.normalise(x, f"{name}.norm", rectified=rectified)

    def convolve_in_squares(self, x: Node, name: str) -> Node:
        """A convolution to few channels that gives four pixels at once, see :func:`_squares_taken_apart`."""
        kernel = self._weights[f"{name}.conv2d.weight"]
        x = self._convolved(_reflected(x, kernel.shape[-1] // 2), _changed(kernel, square_kernels), stride=2)
        return opset13.add(x, self._bias(name, times=4))

    def double_and_convolve(self, x: Node, name: str) -> Node:
        """Doubling and a 3x3 kernel in one."""
        kernel = self._weights[f"{name}.conv2d.weight"]
        x = _padded(x, "edge", before=(1, 1), after=(1, 1))
        x = opset13.add(self._convolved(x, _changed(kernel, doubling_kernels), stride=1), self._bias(name, times=4))
        return _cut(_squares_taken_apart(x), (1, 1), (-1, -1))

    def double_exactly(self, x: Node, name: str) -> Node:
        """As :meth:`double_and_convolve`; in float32 as it is written.

        There the weights that are added up beforehand are rounded, and of a frame of one color nothing else is left:
        three normalizations in a row would make it a pattern of ten levels. The first of them must be given none.
        """
        if self._type != "f32":
            return self.double_and_convolve(x, name)
        return self.convolve(_squares_taken_apart(opset13.concat([x] * 4, axis=1)), name)

    def normalise(self, x: Node, name: str, *, rectified: bool = False) -> Node:
        """Left out where the network has no such normalisation."""
        if f"{name}.weight" not in self._weights:
            return opset13.relu(x) if rectified else x
        gain, offset = _per_channel(self._weights[f"{name}.weight"]), _per_channel(self._weights[f"{name}.bias"])
        _, _, height, width = x.get_output_shape(0)
        if f"{name}.running_mean" in self._weights:  # frozen, see shot_statistics.py
            mean, variance = (_per_channel(self._weights[f"{name}.running_{key}"]) for key in ("mean", "var"))
            factor = gain / np.sqrt(variance + self._epsilon)
            x = opset13.add(opset13.multiply(_float32(x), factor), offset - mean * factor)
        elif height * width > _MVN_PIXELS:
            x, variance = _centred(_float32(x))
            factor = opset13.divide(gain, opset13.sqrt(opset13.add(variance, np.float32(self._epsilon))))
            x = opset13.add(opset13.multiply(x, factor), offset)
        else:
            x = opset13.mvn(x, _ROWS_AND_COLUMNS, True, self._epsilon, "inside_sqrt")
            x = opset13.add(opset13.multiply(x, self._constant(gain)), self._constant(offset))
        return self.converted(opset13.relu(x) if rectified else x)

    def normalise_squares(self, x: Node, name: str) -> Node:
        """Rectified; the pixels of a square are one map, and share its statistics."""
        return self.converted(opset13.relu(self._normalised_pixels(x, name)))

    def normalise_colors(self, x: Node, name: str) -> Node:
        """To levels, in float32; the pixels of a block are one map, and share its statistics."""
        return opset13.multiply(opset13.sigmoid(self._normalised_pixels(x, name)), np.float32(255))

    def _normalised_pixels(self, x: Node, name: str) -> Node:
        """In float32; ``x`` holds the channels of several pixels, all channels of one before those of the next."""
        num_pixels = x.get_output_shape(0)[1] // len(self._weights[f"{name}.weight"])
        values = {key: self._tiled(name, key, num_pixels) for key in ("weight", "bias", "running_mean", "running_var")}
        gain, offset, mean, variance = values.values()
        if mean is not None:
            factor = gain / np.sqrt(variance + self._epsilon)
            return opset13.add(opset13.multiply(_float32(x), factor), offset - mean * factor)
        x, variance = _centred(_float32(x), num_pixels)
        factor = opset13.divide(gain, opset13.sqrt(opset13.add(variance, np.float32(self._epsilon))))
        return opset13.add(opset13.multiply(x, factor), offset)

    def _tiled(self, name: str, key: str, times: int) -> Any:
        values = self._weights.get(f"{name}.{key}")
        return None if values is None else _per_channel(np.tile(values, times))

    def _convolved(self, x: Node, kernel: Weights, stride: int) -> Node:
        """Without padding."""
        return opset13.convolution(x, self._constant(kernel), [stride] * 2, [0, 0], [0, 0], [1, 1])

    def _bias(self, name: str, *, times: int = 1) -> Node:
        return self._constant(_per_channel(np.tile(self._weights[f"{name}.conv2d.bias"], times)))

    def _constant(self, values: Weights) -> Node:
        return self.converted(opset13.constant(np.ascontiguousarray(values)))


def _changed(kernel: Weights, change: Callable[[torch.Tensor], torch.Tensor]) -> Weights:
    return change(torch.from_numpy(kernel)).numpy()


def _centred(x: Node, num_pixels: int = 1) -> tuple[Node, Node]:
    """``x`` less the mean of its channel, and the variance; see :func:`_over_pixels` for ``num_pixels``.

    What the first mean left over is taken away, too: in a picture of one colour it is all there is.
    """
    width = np.float32(x.get_output_shape(0)[3])
    x = opset13.subtract(x, _over_pixels(_mean(x), num_pixels))
    squares = opset13.divide(opset13.power(opset13.reduce_l2(x, _COLUMNS, True), np.float32(2)), width)
    rest = _over_pixels(_mean(x), num_pixels)
    squares = _over_pixels(opset13.reduce_mean(squares, _ROWS, True), num_pixels)
    return opset13.subtract(x, rest), opset13.subtract(squares, opset13.multiply(rest, rest))


def _mean(x: Node) -> Node:
    """Of every channel; of each row first, so that no sum has many addends."""
    return opset13.reduce_mean(opset13.reduce_mean(x, _COLUMNS, True), _ROWS, True)


def _over_pixels(means: Node, num_pixels: int) -> Node:
    """Means ``(1, num_pixels C, 1, 1)``, all channels of a pixel before those of the next, over the pixels."""
    if num_pixels == 1:
        return means
    by_pixel = opset13.reshape(means, np.array([num_pixels, -1]), special_zero=False)
    mean = opset13.reduce_mean(by_pixel, np.array([0]), True)
    return opset13.reshape(opset13.tile(mean, np.array([num_pixels, 1])), np.array([1, -1, 1, 1]), special_zero=False)


def _float32(x: Node) -> Node:
    return opset13.convert(x, np.float32)


def _squares_taken_apart(x: Node) -> Node:
    """``(1, 4 C, H, W)`` to ``(1, C, 2 H, 2 W)``; all channels of a pixel come before those of the next.

    In this order they are copied in one piece.
    """
    return opset13.depth_to_space(x, "blocks_first", 2)


def _reflected(x: Node, reach: int) -> Node:
    """The picture mirrored on all four borders."""
    return _padded(x, "reflect", before=(reach, reach), after=(reach, reach))


def _reflected_squares(x: Node, reach: int) -> Node:
    """The picture mirrored on all four borders by ``reach`` squares, pixel by pixel.

    Mirrored without its edge, the first pixel of a square comes from the first of another square; the second comes from
    one square nearer to the border, where there is one of its own to mirror.
    """
    for axis in (2, 3):
        size = x.get_output_shape(0)[axis]
        before = _of_first_and_second(x, axis, _backwards(x, axis, reach, reach), _backwards(x, axis, reach - 1, reach))
        last = size - 1
        after = _of_first_and_second(x, axis, _backwards(x, axis, last, reach), _backwards(x, axis, last - 1, reach))
        x = opset13.concat([before, x, after], axis)
    return x


def _backwards(x: Node, axis: int, start: int, count: int) -> Node:
    """``count`` rows (axis 2) or columns (3) from ``start`` on towards the first."""
    stop = start - count if start >= count else -1 - x.get_output_shape(0)[axis]
    return opset13.slice(x, np.array([start]), np.array([stop]), np.array([-1]), np.array([axis]))


def _of_first_and_second(x: Node, axis: int, first: Node, second: Node) -> Node:
    """``first`` for the pixels of the squares ``x`` that come first along ``axis``, ``second`` for the others."""
    is_second = np.zeros((2, 2, x.get_output_shape(0)[1] // 4), np.float32)
    is_second[(slice(None),) * (axis - 2) + (1,)] = 1
    mask = _per_channel(is_second.ravel())
    chosen = opset13.add(opset13.multiply(_float32(first), 1 - mask), opset13.multiply(_float32(second), mask))
    return opset13.convert(chosen, x.get_output_element_type(0).get_type_name())


def _padded(x: Node, mode: str, *, before: tuple[int, int] = (0, 0), after: tuple[int, int]) -> Node:
    """Rows and columns added before and after."""
    if not any(before + after):
        return x
    return opset13.pad(x, np.array([0, 0, *before]), np.array([0, 0, *after]), mode)


def _cut(x: Node, start: tuple[int, int], stop: tuple[int, int]) -> Node:
    """Rows and columns ``[start, stop)``; a negative ``stop`` counts from the end."""
    return opset13.slice(x, np.array(start), np.array(stop), np.array([1, 1]), _ROWS_AND_COLUMNS)


def _per_channel(values: Weights) -> Weights:
    return values.reshape(1, -1, 1, 1)
