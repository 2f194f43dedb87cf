"""Statistics of a shot for instance normalisation, instead of those of each frame.

Instance normalisation (Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016)
scales every map by its mean and variance over the whole frame. When something large enters the picture these change,
and with them the painting of everything that did not move. Taken from a few frames of a shot and then held, they
change at cuts only.
"""

import copy
from collections.abc import Mapping

import torch
from torch import nn

from stylize.frame_transform import Picture
from stylize.style.engines.strips import measure_moments
from stylize.style.network.moments import Moments
from stylize.style.network.style_network import StyleNet

MeanAndVariance = tuple[list[float], list[float]]
NormStatistics = dict[str, MeanAndVariance]
"""Mean and variance per channel of what each normalisation of a network is given, by the name of its module."""

PIXELS_PER_STRIP = 2**20
"""Bounds the memory of measuring; follows from the size of the frames alone, and so the result does."""


def measure_statistics(network: StyleNet, frames: Picture) -> NormStatistics:
    """The statistics of several frames together, computed in 32-bit floating point.

    Each frame passes the network by its own statistics, as it would be painted alone; what its normalisations see is
    then taken as one sample with that of the other frames. For one frame the result is exactly its own statistics.

    Args:
        network: on any device, in any precision, not frozen; left as it is.
        frames: uint8 RGB ``(N, H, W, 3)``, at least one.
    """
    network = copy.deepcopy(network).float()
    num_strips = -(-frames.shape[1] * frames.shape[2] // PIXELS_PER_STRIP)
    merged: dict[str, Moments] = {}
    for frame in frames:
        for name, moments in measure_moments(network, frame, num_strips).items():
            merged.setdefault(name, Moments()).merge(moments)
    return {name: (moments.mean.tolist(), moments.variance.tolist()) for name, moments in merged.items()}


def freeze_statistics(network: StyleNet, statistics: Mapping[str, MeanAndVariance]) -> None:
    """Let ``network``, in evaluation mode, normalise by ``statistics`` from now on; an empty mapping thaws it.

    They become what torch calls running statistics, in float32 whatever the weights are.

    Raises:
        KeyError: a normalisation of the network has none.
    """
    for name, norm in network.named_modules():
        if not isinstance(norm, nn.InstanceNorm2d):
            continue
        norm.track_running_stats = bool(statistics)
        if statistics:
            mean, variance = (torch.tensor(values, device=norm.weight.device) for values in statistics[name])
            norm.register_buffer("running_mean", mean)
            norm.register_buffer("running_var", variance)
        else:
            norm.register_buffer("running_mean", None)
            norm.register_buffer("running_var", None)
