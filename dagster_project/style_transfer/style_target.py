"""What a painting asks of a picture: the Gram matrices of its activations in the loss network."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from dagster_project.style_transfer import losses
from dagster_project.style_transfer.features import LossFeatures
from dagster_project.style_transfer.pictures import Picture

MAX_WINDOW_ASPECT = 4
"""A painting that is longer than this many times its width is looked at in pieces, or its activations fill memory."""


@dataclass(frozen=True, slots=True)
class StyleTarget:
    """What of a painting is compared with pictures.

    Attributes:
        grams: Gram matrices ``(1, C, C)`` by layer of the loss network.
        palette: see :func:`losses.palette`.
    """

    grams: dict[int, torch.Tensor]
    palette: torch.Tensor


def training_target(painting: Picture, features: LossFeatures, style_side: int) -> StyleTarget:
    """All that training compares with."""
    palette = losses.palette(to_tensor(painting)).to(features.mean.device)
    return StyleTarget(style_target(painting, features, style_side), palette)


def style_target(painting: Picture, features: LossFeatures, style_side: int) -> dict[int, torch.Tensor]:
    """Gram matrices of the painting with its shorter side resized to ``style_side`` pixels."""
    height, width = painting.shape[:2]
    num_pieces = -(-max(height, width) // (MAX_WINDOW_ASPECT * min(height, width)))
    grams = [
        _gram_matrices(piece, features, style_side)
        for piece in np.array_split(painting, num_pieces, axis=int(width > height))
    ]
    return {tap: torch.stack([gram[tap] for gram in grams]).mean(dim=0) for tap in features.style_taps}


@torch.no_grad()
def _gram_matrices(painting: Picture, features: LossFeatures, style_side: int) -> dict[int, torch.Tensor]:
    picture = to_tensor(painting)
    scale = style_side / min(picture.shape[-2:])
    resized = F.interpolate(picture, scale_factor=scale, mode="bilinear", antialias=True).to(features.mean.device)
    return losses.gram_matrices(features(resized), features.style_taps)


def to_tensor(picture: Picture) -> torch.Tensor:
    """``(H, W, 3)`` uint8 to float32 ``(1, 3, H, W)``, values 0..255."""
    return torch.from_numpy(np.array(picture, order="C")).permute(2, 0, 1).unsqueeze(0).float()
