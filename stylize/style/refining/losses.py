"""Distances that refining makes smaller: of statistics, of edges, of colors, and of two views of one thing.

Distances from a target are relative (divided by the target's own energy): activations differ by orders of magnitude
between the layers of a network, and a painting in pastels counts as much as one in black and white.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from stylize.style.looks.hatch import BLOCK, FLAT_LEVELS, MIN_BLOCKS, UNSEEN_LEVELS, rings
from stylize.style.refining.crops import Box

EPSILON = 1e-8
"""Keeps a layer that is silent for the target (all zero) from dividing by zero."""

LUMINANCE = (0.299, 0.587, 0.114)
"""Rec. ITU-R BT.601 weights of R, G and B."""

COARSE_PIXELS = 8
"""Side of the squares over which colors are averaged: about a brush stroke, so that strokes themselves stay free."""

FACE_GRIDS = (12, 24)
"""Squares each way in which faces are compared: a mouth and an eye are two to four of the larger ones."""

PATTERN_PEAK = 2.5
"""Times the median of its ring above which power is a pattern's; below what ``looks.hatch`` finds."""

PALETTE_PIXELS = 4
"""Side of the squares over which colors are averaged before palettes are compared."""

PALETTE_SIDE = 160
"""The painting is reduced to so many pixels each way: strokes are averaged away, areas stay."""

DIRECTIONS = tuple(
    (math.sin(tilt) * math.cos(turn), math.sin(tilt) * math.sin(turn), math.cos(tilt))
    for tilt, turn in ((math.acos(1 - (2 * i + 1) / 24), math.pi * (1 + 5**0.5) * i) for i in range(12))
)
"""Unit vectors, evenly over half of the sphere of colors: a Fibonacci lattice. The other half would say the same."""


def centered_gram(activation: torch.Tensor) -> torch.Tensor:
    """Covariances of channels: ``(N, C, H, W)`` to ``(N, C, C)``.

    The Gram matrix of Gatys et al., "Image Style Transfer Using CNNs", 2016, of activations whose means were taken off:
    with them it mostly says how bright the picture is. Divided by the number of positions, so that crops and the
    painting compare whatever their sizes.
    """
    flat = (activation - activation.mean(dim=(2, 3), keepdim=True)).flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def relative_distance(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """``|found - wanted|^2 / |wanted|^2``; a tensor of one number."""
    return (found - wanted).square().sum() / (wanted.square().sum() + EPSILON)


def edge_distance(pictures: torch.Tensor, originals: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of luminance, as a multiple of its spread, of ``(N, 3, H, W)``, values 0..1.

    0 where the structure is that of the original, whatever the palette and the contrast: it keeps faces.
    """
    return (_structure(pictures) - _structure(originals)).abs().mean()


def _luminance(pictures: torch.Tensor) -> torch.Tensor:
    """``(N, 3, H, W)`` to ``(N, 1, H, W)``."""
    return (pictures * pictures.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def _structure(pictures: torch.Tensor) -> torch.Tensor:
    luminance = _luminance(pictures)
    luminance = luminance - luminance.mean(dim=(2, 3), keepdim=True)
    spread = (luminance.var(dim=(2, 3), keepdim=True) + 1e-4).sqrt() + 0.05
    return F.avg_pool2d(luminance, 2) / spread


def face_distance(pictures: torch.Tensor, originals: torch.Tensor, faces: Sequence[Box | None]) -> torch.Tensor:
    """How far painted faces are built otherwise than the faces, 0 to 2: mean over the faces; 0 if there are none.

    One minus the correlation of luminance and of its gradients in grids of ``FACE_GRIDS`` squares: the same for a face
    of 30 pixels as for one of 200, whatever its colors and its contrast.

    Args:
        pictures: ``(N, 3, H, W)``, values 0..1.
        originals: the same shape.
        faces: where each has one.
    """
    found, wanted = _luminance(pictures), _luminance(originals)
    distances = [
        _unlikeness(
            found[index : index + 1, :, top:bottom, left:right], wanted[index : index + 1, :, top:bottom, left:right]
        )
        for index, face in enumerate(faces)
        if face is not None
        for left, top, right, bottom in [face]
    ]
    return torch.stack(distances).mean() if distances else pictures.new_zeros(())


def _unlikeness(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Of two faces ``(1, 1, H, W)``."""
    distances = []
    for side in FACE_GRIDS:
        grids = [F.adaptive_avg_pool2d(face, side) for face in (found, wanted)]
        distances += [1 - _correlation(*(grid - grid.mean() for grid in grids))]
        distances += [1 - _correlation(*map(_gradients, grids))]
    return torch.stack(distances).mean()


def _gradients(grid: torch.Tensor) -> torch.Tensor:
    corner = grid[..., :-1, :-1]
    return torch.stack([grid[..., 1:, :-1] - corner, grid[..., :-1, 1:] - corner])


def _correlation(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first * second).sum() / (first.square().sum() * second.square().sum() + EPSILON).sqrt()


def pattern(pictures: torch.Tensor, originals: torch.Tensor) -> torch.Tensor:
    """Share 0..1 of the fine texture of ``(N, 3, H, W)`` pictures, values 0..1, that is a regular pattern.

    As :mod:`looks.hatch` measures it, where the originals are flat; 0 if too little of them is. Its blocks overlap
    here, for crops have few, and peaks count from ``PATTERN_PEAK`` on.
    """
    if min(pictures.shape[-2:]) < BLOCK:
        return pictures.new_zeros(())
    flat = F.avg_pool2d(_blocks(originals)[:, None], 2).flatten(1).std(dim=1) < FLAT_LEVELS / 255
    if int(flat.sum()) < MIN_BLOCKS:
        return pictures.new_zeros(())
    blocks = _blocks(pictures)[flat]
    window = torch.hann_window(BLOCK, device=pictures.device)
    window = torch.outer(window, window)
    centered = blocks - blocks.mean(dim=(1, 2), keepdim=True)
    power = torch.fft.fft2(centered * window).abs().square().mean(dim=0)
    power = power + (UNSEEN_LEVELS / 255) ** 2 * window.square().sum()
    of_rings = [power[torch.from_numpy(ring).to(power.device)] for ring in rings()]
    peaks = [F.relu(of_ring - PATTERN_PEAK * of_ring.detach().median()).sum() for of_ring in of_rings]
    return torch.stack(peaks).sum() / torch.cat(of_rings).sum()


def _blocks(pictures: torch.Tensor) -> torch.Tensor:
    """Luminance of squares that overlap by half: ``(B, BLOCK, BLOCK)``."""
    squares = _luminance(pictures)[:, 0].unfold(1, BLOCK, BLOCK // 2).unfold(2, BLOCK, BLOCK // 2)
    return squares.reshape(-1, BLOCK, BLOCK)


def color_distance(pictures: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of coarse colors of ``(N, 3, H, W)`` pictures."""
    return (F.avg_pool2d(pictures, COARSE_PIXELS) - F.avg_pool2d(wanted, COARSE_PIXELS)).abs().mean()


def palette(painting: torch.Tensor) -> torch.Tensor:
    """What :func:`palette_loss` compares with: colors of ``(1, 3, H, W)`` along each direction, in rising order."""
    colors = F.interpolate(painting, size=(PALETTE_SIDE, PALETTE_SIDE), mode="area")
    return _along_directions(colors)


def palette_loss(pictures: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """How far the colors of ``(N, 3, H, W)`` pictures, all together, are from those of a painting, wherever they are.

    The sliced Wasserstein distance of Rabin et al., "Wasserstein Barycenter and Its Application to Texture Mixing",
    2011, squared, of values 0..1. Gram matrices say little about even areas: without it these came out gray, and
    paintings lost the rarer of their colors.

    Args:
        pictures: values 0..255; strokes are averaged away, their mean is what counts.
        wanted: from :func:`palette`.
    """
    found = _along_directions(F.avg_pool2d(pictures, PALETTE_PIXELS))
    ranks = torch.linspace(0, wanted.shape[1] - 1, found.shape[1], device=found.device).round().long()
    return F.mse_loss(found, wanted[:, ranks]) / 255**2


def _along_directions(pictures: torch.Tensor) -> torch.Tensor:
    """``(N, 3, H, W)`` to ``(directions, N H W)``: the colors seen from several sides, sorted."""
    colors = pictures.float().transpose(0, 1).flatten(1)
    return (colors.new_tensor(DIRECTIONS) @ colors).sort(dim=1).values


def shift_errors(first: torch.Tensor, second: torch.Tensor, *, down: int, right: int) -> torch.Tensor:
    """Mean squared difference, of each of N pictures, of two repainted windows where they show the same.

    Flicker comes from the phase of the network's stride-4 sampling: the same stroke is painted differently when the
    camera moves by one pixel. This measures it while a network is refined, ``metrics.pan_error`` afterwards.

    Args:
        first: ``(N, 3, H, W)``, values 0..1, of the windows at (0, 0).
        second: the same shape, of windows that begin ``down`` rows below and ``right`` columns further on.
        down: 0 or more.
        right: 0 or more.
    """
    height, width = first.shape[-2:]
    difference = second[..., : height - down, : width - right] - first[..., down:, right:]
    return difference.square().mean(dim=(1, 2, 3))
