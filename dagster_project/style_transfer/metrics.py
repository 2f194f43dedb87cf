"""Measure how good a trained style is: how near to the painting, and how calm in motion."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from dagster_project.style_transfer import losses
from dagster_project.style_transfer.features import LossFeatures
from dagster_project.style_transfer.network import TransformerNet, repaint
from dagster_project.style_transfer.pictures import Picture
from dagster_project.style_transfer.style_target import style_target, to_tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleMetrics:
    """How good a trained style is.

    Attributes:
        style_loss_ratio: style loss of repainted photographs divided by that of the photographs themselves; 0 is best.
        content_loss: relative content loss of the repainted photographs.
        warping_error: mean squared difference (values 0..1) between a photograph repainted as it stands and repainted
            after the camera moved by 1, 2 and 3 pixels, brought back into place. 0 does not flicker.
    """

    style_loss_ratio: float
    content_loss: float
    warping_error: float

    def to_dict(self) -> dict[str, float]:
        """JSON-ready form, as written to style cards."""
        return asdict(self)


@torch.no_grad()
def measure_style(
    network: TransformerNet,
    *,
    painting: Picture,
    photographs: Sequence[Picture],
    features: LossFeatures,
    style_side: int,
) -> StyleMetrics:
    """Measure a trained style on photographs; on ones that it was not trained with, the figures are honest."""
    target = style_target(painting, features, style_side)
    before, after, content, warping = [], [], [], []
    for picture in photographs:
        photograph = to_tensor(picture).to(features.mean.device)
        repainted = repaint(network, photograph).clamp(0, 255)
        plain, styled = features(photograph), features(repainted)
        before.append(losses.style_loss(plain, target).item())
        after.append(losses.style_loss(styled, target).item())
        content.append(losses.content_loss(styled[features.content_tap], plain[features.content_tap]).item())
        warping.append(pan_error(network, photograph))
    return StyleMetrics(
        style_loss_ratio=sum(after) / sum(before),
        content_loss=float(np.mean(content)),
        warping_error=float(np.mean(warping)),
    )


@torch.no_grad()
def pan_error(network: TransformerNet, photograph: torch.Tensor, shifts: Sequence[int] = (1, 2, 3)) -> float:
    """Mean squared error (values 0..1) between frames of a diagonal pan over ``(1, 3, H, W)``, motion compensated."""
    height, width = (side - max(shifts) for side in photograph.shape[-2:])
    still = repaint(network, photograph[..., :height, :width]).clamp(0, 255) / 255
    errors = []
    for shift in shifts:
        window = photograph[..., shift : shift + height, shift : shift + width]
        moved = repaint(network, window).clamp(0, 255) / 255
        errors.append(losses.shift_error(still, moved, down=shift, right=shift).item())
    return float(np.mean(errors))
