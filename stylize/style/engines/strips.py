"""Repaint one picture in horizontal strips and get what the whole picture gives.

For frames that do not fit into memory whole. Instance normalisation looks at all of a picture, so independent tiles
would each be painted differently and show seams. Here every layer runs over all strips before the next one begins: the
strips of a layer overlap by what its kernel reaches, the statistics are those of the whole picture, and the borders
are reflected only where the picture ends.

A map is a :class:`Rows`: rows are computed when they are read. Maps of half and quarter size are computed once and kept
on the host. Those of full size, by far the largest, are never held: they are computed twice, once for their statistics
and once for the layer that reads them.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from stylize.frame_transform import Picture
from stylize.style.network.moments import Moments
from stylize.style.network.network import MULTIPLE, ConvLayer, TransformerNet, padded_side
from stylize.style.network.quarter_network import QuarterNet, SeparableLayer
from stylize.style.network.style_network import StyleNet


class Rows(Protocol):
    """A map of the network, read by rows; ``height`` and ``width`` are in its own pixels."""

    @property
    def height(self) -> int:
        """Number of rows."""
        ...

    @property
    def width(self) -> int:
        """Number of columns."""
        ...

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Rows ``[start, stop)`` on the device, ``(1, channels, stop - start, width)``; not to be written to."""
        ...


@torch.inference_mode()
def repaint_in_strips(network: StyleNet, frame: Picture, num_strips: int) -> Picture:
    """Repaint one RGB frame ``(H, W, 3)``; the result has the same shape.

    It equals the whole picture's result to within one level of 255: the statistics are summed up in another order. In
    16 bits, where that order decides how a map is rounded, a few values in a million differ by more. Memory on the
    device grows with the height of a strip, memory on the host with three maps of quarter size.
    """
    strips = _Strips(num_strips)
    last = _repainted(network, frame, strips)
    height, width = frame.shape[:2]
    repainted = np.empty_like(frame, order="C")
    for start, stop in strips.of(height):
        repainted[start:stop] = to_levels(last.read(start, stop))[0, :, :width].cpu().numpy()
    return repainted


@torch.inference_mode()
def measure_moments(network: StyleNet, frame: Picture, num_strips: int) -> dict[str, Moments]:
    """Of what every normalisation of the network is given when it repaints ``frame`` ``(H, W, 3)``, by its name."""
    strips = _Strips(num_strips)
    _repainted(network, frame, strips)
    names = {module: name for name, module in network.named_modules()}
    return {names[norm]: moments for norm, moments in strips.measured}


def _repainted(network: StyleNet, frame: Picture, strips: "_Strips") -> Rows:
    """The picture that ``network`` gives, padded."""
    picture = _PictureRows(torch.from_numpy(np.array(frame, order="C")), network.conv1.conv2d.weight)
    # In 16 bits the upper levels would be rounded twice; OpenVINO does not do that, either.
    if isinstance(network, QuarterNet):
        last = _ConvolvedRows(_last_blocks(network, picture, strips), copy.deepcopy(network.conv2).float())
        return strips.colored(_ShuffledRows(last), network.in2)
    last = _ConvolvedRows(_last_map(network, picture, strips), copy.deepcopy(network.deconv3).float())
    return strips.colored(last, network.in6) if isinstance(network.in6, nn.InstanceNorm2d) else last


def _last_blocks(network: QuarterNet, picture: Rows, strips: "_Strips") -> Rows:
    """What the last convolution is given."""
    x = strips.keep_normalised(_ConvolvedRows(_UnshuffledRows(picture), network.conv1), network.in1)
    for block in network.blocks:
        branch = strips.keep_normalised(_separated(x, block.first), block.first.norm)
        x = strips.add_residual(x, _separated(branch, block.second), block.second.norm)
    return x


def _separated(x: Rows, layer: SeparableLayer) -> Rows:
    return _ConvolvedRows(_ConvolvedRows(x, layer.depthwise), layer.pointwise)


def _last_map(network: TransformerNet, picture: Rows, strips: "_Strips") -> Rows:
    """What the last convolution is given."""
    x = strips.normalise(_ConvolvedRows(picture, network.conv1), network.in1)
    x = strips.keep_normalised(_ConvolvedRows(x, network.conv2), network.in2)
    x = strips.keep_normalised(_ConvolvedRows(x, network.conv3), network.in3)
    for block in network.blocks:
        branch = strips.keep_normalised(_ConvolvedRows(x, block.conv1), block.in1)
        x = strips.add_residual(x, _ConvolvedRows(branch, block.conv2), block.in2)
    x = strips.keep_normalised(_DoubledRows(x, network.deconv1), network.in4)
    return strips.normalise(_DoubledRows(x, network.deconv2), network.in5)


def to_levels(pictures: torch.Tensor) -> torch.Tensor:
    """``(N, 3, H, W)`` of any floating type to uint8 ``(N, H, W, 3)``: rounded half to even, clipped to 0..255."""
    return pictures.float().round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


@dataclass(frozen=True, slots=True)
class _PictureRows:
    """The picture itself, padded as :func:`network.repaint` pads it; ``like`` has the network's device and type."""

    frame: torch.Tensor
    like: torch.Tensor

    @property
    def height(self) -> int:
        return padded_side(self.frame.shape[0])

    @property
    def width(self) -> int:
        return padded_side(self.frame.shape[1])

    def read(self, start: int, stop: int) -> torch.Tensor:
        rows = self.frame[torch.arange(start, stop).clamp_(max=self.frame.shape[0] - 1)]
        picture = rows.to(self.like.device).permute(2, 0, 1)[None].to(self.like.dtype)
        return F.pad(picture, (0, self.width - self.frame.shape[1], 0, 0), mode="replicate")


@dataclass(frozen=True, slots=True)
class _ConvolvedRows:
    source: Rows
    layer: ConvLayer

    @property
    def height(self) -> int:
        return -(-self.source.height // self.layer.conv2d.stride[0])

    @property
    def width(self) -> int:
        return -(-self.source.width // self.layer.conv2d.stride[0])

    def read(self, start: int, stop: int) -> torch.Tensor:
        stride, reach = self.layer.conv2d.stride[0], self.layer.padding
        first, last = start * stride - reach, (stop - 1) * stride + reach + 1
        top, bottom = max(0, -first), max(0, last - self.source.height)
        x = self.source.read(first + top, last - bottom).to(self.layer.conv2d.weight.dtype)
        return self.layer.conv2d(F.pad(x, (reach, reach, top, bottom), mode="reflect"))


@dataclass(frozen=True, slots=True)
class _DoubledRows:
    """:class:`network.UpsampleConvLayer` by rows: see there why the small map is padded, and the result cut."""

    source: Rows
    layer: ConvLayer

    @property
    def height(self) -> int:
        return 2 * self.source.height

    @property
    def width(self) -> int:
        return 2 * self.source.width

    def read(self, start: int, stop: int) -> torch.Tensor:
        first, last = start // 2 - 1, -(-stop // 2) + 1
        top, bottom = max(0, -first), max(0, last - self.source.height)
        x = F.pad(self.source.read(first + top, last - bottom), (1, 1, top, bottom), mode="replicate")
        x = F.interpolate(x.contiguous(memory_format=torch.channels_last), scale_factor=2, mode="nearest")
        surplus = start - 2 * first - 1
        return self.layer.conv2d(x)[..., surplus : surplus + stop - start, 1:-1]


@dataclass(frozen=True, slots=True)
class _UnshuffledRows:
    """``torch.nn.functional.pixel_unshuffle`` of a picture, by rows."""

    source: Rows

    @property
    def height(self) -> int:
        return self.source.height // MULTIPLE

    @property
    def width(self) -> int:
        return self.source.width // MULTIPLE

    def read(self, start: int, stop: int) -> torch.Tensor:
        return F.pixel_unshuffle(self.source.read(MULTIPLE * start, MULTIPLE * stop), MULTIPLE)


@dataclass(frozen=True, slots=True)
class _ShuffledRows:
    """``torch.nn.functional.pixel_shuffle``, by rows."""

    source: Rows

    @property
    def height(self) -> int:
        return self.source.height * MULTIPLE

    @property
    def width(self) -> int:
        return self.source.width * MULTIPLE

    def read(self, start: int, stop: int) -> torch.Tensor:
        first, last = start // MULTIPLE, -(-stop // MULTIPLE)
        pixels = F.pixel_shuffle(self.source.read(first, last), MULTIPLE)[:, :, start - first * MULTIPLE :]
        return pixels[:, :, : stop - start].contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, slots=True)
class _RectifiedRows:
    """Negative values cut, where a network has no normalisation."""

    source: Rows

    @property
    def height(self) -> int:
        return self.source.height

    @property
    def width(self) -> int:
        return self.source.width

    def read(self, start: int, stop: int) -> torch.Tensor:
        return self.source.read(start, stop).relu()


@dataclass(frozen=True, slots=True)
class _ColoredRows:
    """Levels 0..255 of normalised colors."""

    source: Rows

    @property
    def height(self) -> int:
        return self.source.height

    @property
    def width(self) -> int:
        return self.source.width

    def read(self, start: int, stop: int) -> torch.Tensor:
        return self.source.read(start, stop).sigmoid().mul_(255)


@dataclass(frozen=True, slots=True)
class _KeptRows:
    """A map that lies on the host; channels_last, so that rows are contiguous."""

    values: torch.Tensor
    device: torch.device

    @property
    def height(self) -> int:
        return self.values.shape[2]

    @property
    def width(self) -> int:
        return self.values.shape[3]

    def read(self, start: int, stop: int) -> torch.Tensor:
        return self.values[:, :, start:stop].to(self.device)


@dataclass(frozen=True, slots=True)
class _ScaledRows:
    """``source * gain + offset`` per channel, in float32; negative values cut if ``rectified``."""

    source: Rows
    gain: torch.Tensor
    offset: torch.Tensor
    rectified: bool

    @property
    def height(self) -> int:
        return self.source.height

    @property
    def width(self) -> int:
        return self.source.width

    def read(self, start: int, stop: int) -> torch.Tensor:
        x = self.source.read(start, stop)
        scaled = torch.addcmul(self.offset, x.float(), self.gain)
        return (scaled.relu_() if self.rectified else scaled).to(x.dtype)


def _normalised(
    source: Rows, norm: nn.InstanceNorm2d, mean: torch.Tensor, variance: torch.Tensor, *, rectified: bool
) -> _ScaledRows:
    gain = norm.weight.double() / (variance.double() + norm.eps).sqrt()
    offset = norm.bias.double() - mean.double() * gain
    return _ScaledRows(source, gain.float().view(1, -1, 1, 1), offset.float().view(1, -1, 1, 1), rectified)


class _Strips:
    """Runs over the rows of a map in at most ``num_strips`` strips.

    Attributes:
        measured: the normalisations that were passed, in order, and what each was given; none that is frozen.
    """

    def __init__(self, num_strips: int) -> None:
        self._num_strips = num_strips
        self.measured: list[tuple[nn.InstanceNorm2d, Moments]] = []

    def of(self, height: int) -> Iterator[tuple[int, int]]:
        """Half-open row ranges that cover ``[0, height)``."""
        rows = -(-height // self._num_strips)
        return ((start, min(start + rows, height)) for start in range(0, height, rows))

    def normalise(self, source: Rows, norm: nn.Module, *, rectified: bool = True) -> Rows:
        """Normalised, without keeping the map: whoever reads it computes it again."""
        if not isinstance(norm, nn.InstanceNorm2d):
            return _RectifiedRows(source)
        moments = Moments()
        for start, stop in () if norm.track_running_stats else self.of(source.height):
            moments.add(source.read(start, stop))
        return self._scaled(source, norm, moments, rectified=rectified)

    def colored(self, source: Rows, norm: nn.InstanceNorm2d) -> Rows:
        """The last normalisation, and levels."""
        return _ColoredRows(self.normalise(source, norm, rectified=False))

    def keep_normalised(self, source: Rows, norm: nn.Module) -> Rows:
        """Normalised and rectified when read; the map itself is kept."""
        kept, moments = self._keep(source)
        if not isinstance(norm, nn.InstanceNorm2d):
            return _RectifiedRows(kept)
        return self._scaled(kept, norm, moments, rectified=True)

    def add_residual(self, x: Rows, branch: Rows, norm: nn.InstanceNorm2d) -> Rows:
        """``x`` plus ``branch``, normalised; written over the map of the branch, strip by strip."""
        kept, moments = self._keep(branch)
        normalised = self._scaled(kept, norm, moments, rectified=False)
        for start, stop in self.of(kept.height):
            kept.values[:, :, start:stop] = normalised.read(start, stop) + x.read(start, stop)
        return kept

    def _scaled(self, source: Rows, norm: nn.InstanceNorm2d, moments: Moments, *, rectified: bool) -> _ScaledRows:
        """By the statistics that the normalisation is frozen to, else by those of its map."""
        if norm.running_mean is not None and norm.running_var is not None:
            return _normalised(source, norm, norm.running_mean, norm.running_var, rectified=rectified)
        self.measured.append((norm, moments))
        return _normalised(source, norm, moments.mean, moments.variance, rectified=rectified)

    def _keep(self, source: Rows) -> tuple[_KeptRows, Moments]:
        """The map, whole, on the host; and its moments."""
        kept, moments = None, Moments()
        for start, stop in self.of(source.height):
            rows = source.read(start, stop)
            moments.add(rows)
            if kept is None:
                shape = (1, rows.shape[1], source.height, source.width)
                values = torch.empty(shape, dtype=rows.dtype, memory_format=torch.channels_last)
                kept = _KeptRows(values, rows.device)
            kept.values[:, :, start:stop] = rows
        if kept is None:
            raise ValueError("a map without rows")
        return kept, moments
