"""What training minimises: distance from the painting's style and the photograph's content, roughness and flicker.

Style and content losses are relative (divided by the target's own energy): activations of loss networks differ by
orders of magnitude between layers and between networks, and relative losses make one set of weights serve all of them.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F

Activations = Mapping[int, torch.Tensor]

EPSILON = 1e-8
"""Keeps a layer that is silent for the target (all zero) from dividing by zero."""

LUMINANCE = (0.299, 0.587, 0.114)
"""Rec. ITU-R BT.601 weights of R, G and B."""

TONE_PIXELS = 8
"""Side of the squares over which luminance is averaged: about a brush stroke, so that strokes themselves stay free."""


PALETTE_PIXELS = 4
"""Side of the squares over which colours are averaged before palettes are compared."""

PALETTE_SIDE = 160
"""The painting is reduced to so many pixels each way: strokes are averaged away, areas stay."""

DIRECTIONS = tuple(
    (math.sin(tilt) * math.cos(turn), math.sin(tilt) * math.sin(turn), math.cos(tilt))
    for tilt, turn in ((math.acos(1 - (2 * i + 1) / 24), math.pi * (1 + 5**0.5) * i) for i in range(12))
)
"""Unit vectors, evenly over half of the sphere of colours: a Fibonacci lattice. The other half would say the same."""


def gram_matrix(activation: torch.Tensor) -> torch.Tensor:
    """Correlations between channels: ``(N, C, H, W)`` of any type to float32 ``(N, C, C)``.

    ``G = F F^T / (H W)`` of Gatys et al., "Image Style Transfer Using CNNs", 2016. Always float32: activations reach
    7e3, so their products leave the range of half precision and the resolution of bfloat16. Divided by the number of
    positions, so that crops and the painting compare whatever their sizes.
    """
    flat = activation.float().flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def gram_matrices(activations: Activations, taps: tuple[int, ...]) -> dict[int, torch.Tensor]:
    """The Gram matrix of every style layer."""
    return {tap: gram_matrix(activations[tap]) for tap in taps}


def style_loss(activations: Activations, target: Mapping[int, torch.Tensor]) -> torch.Tensor:
    """Mean over layers and pictures of ``|G - G_target|^2 / |G_target|^2``; 0 is the painting's style exactly.

    Args:
        activations: of the repainted pictures.
        target: Gram matrices ``(1, C, C)`` of the painting, for the layers to compare.
    """
    losses = []
    for tap, wanted in target.items():
        difference = (gram_matrix(activations[tap]) - wanted).square().sum(dim=(1, 2))
        losses.append(difference.mean() / (wanted.square().sum() + EPSILON))
    return torch.stack(losses).mean()


def content_loss(activation: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """``|F - F_target|^2 / |F_target|^2`` for activations ``(N, C, H, W)``, in float32."""
    return (activation.float() - target.float()).square().sum() / (target.float().square().sum() + EPSILON)


def tone_loss(pictures: torch.Tensor, originals: torch.Tensor) -> torch.Tensor:
    """``1 - r``, with ``r`` the correlation of coarse luminance between ``(N, 3, H, W)`` pictures and their originals.

    0 where all that was light is light and all that was dark is dark, whatever the palette and the contrast. Style
    losses alone are as happy with a negative: with strong ones, faces turned black and shadows bright.
    """
    tones = []
    for images in (pictures, originals):
        luminance = (images * images.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        tones.append(F.avg_pool2d(luminance, TONE_PIXELS).flatten(1))
    centred = [tone - tone.mean(dim=1, keepdim=True) for tone in tones]
    return (1 - F.cosine_similarity(*centred, dim=1, eps=1e-4)).mean()


def palette(painting: torch.Tensor) -> torch.Tensor:
    """What :func:`palette_loss` compares with: colours of ``(1, 3, H, W)`` along each direction, in rising order."""
    colors = F.interpolate(painting, size=(PALETTE_SIDE, PALETTE_SIDE), mode="area")
    return _along_directions(colors)


def palette_loss(pictures: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """How far the colours of ``(N, 3, H, W)`` pictures, all together, are from those of a painting, wherever they are.

    The sliced Wasserstein distance of Rabin et al., "Wasserstein Barycenter and Its Application to Texture Mixing",
    2011, squared, of values 0..1. Gram matrices say little about even areas: without it these came out gray, and
    paintings lost the rarer of their colours.

    Args:
        pictures: values 0..255; strokes are averaged away, their mean is what counts.
        wanted: from :func:`palette`.
    """
    found = _along_directions(F.avg_pool2d(pictures, PALETTE_PIXELS))
    ranks = torch.linspace(0, wanted.shape[1] - 1, found.shape[1], device=found.device).round().long()
    return F.mse_loss(found, wanted[:, ranks]) / 255**2


def _along_directions(pictures: torch.Tensor) -> torch.Tensor:
    """``(N, 3, H, W)`` to ``(directions, N H W)``: the colours seen from several sides, sorted."""
    colors = pictures.float().transpose(0, 1).flatten(1)
    return (colors.new_tensor(DIRECTIONS) @ colors).sort(dim=1).values


def total_variation(pictures: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference between neighbouring pixels of ``(N, 3, H, W)`` pictures with values 0..1."""
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).abs().mean()
    across = (pictures[..., :, 1:] - pictures[..., :, :-1]).abs().mean()
    return down + across


def shift_error(first: torch.Tensor, second: torch.Tensor, *, down: int, right: int) -> torch.Tensor:
    """Mean squared difference of two repainted windows of one picture where they show the same.

    Flicker comes from the phase of the network's stride-4 sampling: the same stroke is painted differently when the
    camera moves by one pixel. This measures it in training; ``metrics.pan_error`` measures it afterwards.

    Args:
        first: ``(N, 3, H, W)``, values 0..1, of the window at (0, 0).
        second: the same shape, of the window that begins ``down`` rows below and ``right`` columns further on.
        down: 0 or more.
        right: 0 or more.
    """
    height, width = first.shape[-2:]
    return F.mse_loss(second[..., : height - down, : width - right], first[..., down:, right:])
