"""The style network as an OpenVINO model for one size of frames: uint8 in, uint8 out.

Written with OpenVINO's operations rather than traced from torch: 25 ms instead of two seconds, and the doubling layers
and the last one take a shorter way.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import openvino
import torch
from openvino import Node, opset13

from dagster_project.style_transfer.kernels import doubling_kernels, square_kernels
from dagster_project.style_transfer.network import TransformerNet, padded_side

Weights = npt.NDArray[np.float32]

_TYPES = {torch.float32: "f32", torch.bfloat16: "bf16"}

_EPSILON = 1e-5
"""Of torch's InstanceNorm2d."""

_ROWS, _COLUMNS = np.array([2]), np.array([3])
_ROWS_AND_COLUMNS = np.array([2, 3])

_MVN_PIXELS = 2**17
"""Up to here OpenVINO's own normalisation is exact enough. It adds up all squares one after another in float32: of
normally distributed values the sum of 130,000 is 2e-5 too small, of eight million 1 %: pictures were 23 levels off."""


def build_model(network: TransformerNet, *, height: int, width: int) -> openvino.Model:
    """A model that repaints one uint8 RGB frame ``(1, height, width, 3)`` of any size from 1x1, like ``repaint``.

    The arithmetic is that of the network's weights, float32 or bfloat16, where OpenVINO is told to choose no other.
    """
    layers = _Layers(network)
    frame = opset13.parameter([1, height, width, 3], np.uint8)
    x = layers.converted(opset13.transpose(frame, np.array([0, 3, 1, 2])))
    x = _padded(x, "edge", after=(padded_side(height) - height, padded_side(width) - width))
    x = layers.normalise(layers.convolve(x, "conv1"), "in1", rectified=True)
    x = layers.normalise(layers.convolve(x, "conv2", stride=2), "in2", rectified=True)
    x = layers.normalise(layers.convolve(x, "conv3", stride=2), "in3", rectified=True)
    for name in network.residuals:
        branch = layers.normalise(layers.convolve(x, f"{name}.conv1"), f"{name}.in1", rectified=True)
        x = opset13.add(layers.normalise(layers.convolve(branch, f"{name}.conv2"), f"{name}.in2"), x)
    x = layers.normalise(layers.double_and_convolve(x, "deconv1"), "in4", rectified=True)
    x = layers.normalise(layers.double_and_convolve(x, "deconv2"), "in5", rectified=True)
    # Rounded before the map is written: bfloat16 holds the 256 levels exactly, and little between the upper ones.
    levels = opset13.clamp(opset13.round(layers.convolve_in_squares(x, "deconv3"), "half_to_even"), 0.0, 255.0)
    painted = opset13.convert(_cut(_squares_taken_apart(levels), (0, 0), (height, width)), np.uint8)
    painted = opset13.transpose(painted, np.array([0, 2, 3, 1]))
    return openvino.Model([painted], [frame])  # pyright: ignore[reportGeneralTypeIssues]  # its stub names another self


class _Layers:
    """The layers of a ``TransformerNet`` by the names of their weights; maps have the type of the weights."""

    def __init__(self, network: TransformerNet) -> None:
        self._weights = {key: tensor.detach().float().cpu().numpy() for key, tensor in network.state_dict().items()}
        self._type = _TYPES[network.conv1.conv2d.weight.dtype]

    def converted(self, x: Node) -> Node:
        """In the type of the maps."""
        return opset13.convert(x, self._type)

    def convolve(self, x: Node, name: str, stride: int = 1) -> Node:
        kernel = self._weights[f"{name}.conv2d.weight"]
        x = _reflected(x, kernel.shape[-1] // 2)
        return opset13.add(self._convolved(x, kernel, stride), self._bias(name))

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

    def normalise(self, x: Node, name: str, *, rectified: bool = False) -> Node:
        gain, offset = _per_channel(self._weights[f"{name}.weight"]), _per_channel(self._weights[f"{name}.bias"])
        _, _, height, width = x.get_output_shape(0)
        if f"{name}.running_mean" in self._weights:  # frozen, see shot_statistics.py
            mean, variance = (_per_channel(self._weights[f"{name}.running_{key}"]) for key in ("mean", "var"))
            factor = gain / np.sqrt(variance + _EPSILON)
            x = opset13.add(opset13.multiply(_float32(x), factor), offset - mean * factor)
        elif height * width > _MVN_PIXELS:
            x, variance = _centred(_float32(x))
            factor = opset13.divide(gain, opset13.sqrt(opset13.add(variance, np.float32(_EPSILON))))
            x = opset13.add(opset13.multiply(x, factor), offset)
        else:
            x = opset13.mvn(x, _ROWS_AND_COLUMNS, True, _EPSILON, "inside_sqrt")
            x = opset13.add(opset13.multiply(x, self._constant(gain)), self._constant(offset))
        return self.converted(opset13.relu(x) if rectified else x)

    def _convolved(self, x: Node, kernel: Weights, stride: int) -> Node:
        """Without padding."""
        return opset13.convolution(x, self._constant(kernel), [stride] * 2, [0, 0], [0, 0], [1, 1])

    def _bias(self, name: str, *, times: int = 1) -> Node:
        return self._constant(_per_channel(np.tile(self._weights[f"{name}.conv2d.bias"], times)))

    def _constant(self, values: Weights) -> Node:
        return self.converted(opset13.constant(np.ascontiguousarray(values)))


def _changed(kernel: Weights, change: Callable[[torch.Tensor], torch.Tensor]) -> Weights:
    return change(torch.from_numpy(kernel)).numpy()


def _centred(x: Node) -> tuple[Node, Node]:
    """``x`` less the mean of its channel, and the variance.

    What the first mean left over is taken away, too: in a picture of one colour it is all there is.
    """
    width = np.float32(x.get_output_shape(0)[3])
    x = opset13.subtract(x, _mean(x))
    squares = opset13.divide(opset13.power(opset13.reduce_l2(x, _COLUMNS, True), np.float32(2)), width)
    rest = _mean(x)
    variance = opset13.subtract(opset13.reduce_mean(squares, _ROWS, True), opset13.multiply(rest, rest))
    return opset13.subtract(x, rest), variance


def _mean(x: Node) -> Node:
    """Of every channel; of each row first, so that no sum has many addends."""
    return opset13.reduce_mean(opset13.reduce_mean(x, _COLUMNS, True), _ROWS, True)


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
