"""How near the texture of a picture is to that of a painting, as seen by a network that no style was trained against.

Texture is what goes together: the correlations between feature maps. They are the Gram matrices of Gatys et al., "Image
Style Transfer Using Convolutional Neural Networks", 2016, less the means and divided by the deviations, so that colors,
light and contrast say little. With plain Gram matrices the published network would be further from a painting of large
smooth shapes than a photograph with its colors is. The features are those of SqueezeNet 1.0 (Iandola et al., 2016),
trained to tell objects apart.
"""

from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from stylize.errors import StyleError
from stylize.style.pictures import Picture

HEIGHT: Final = 360
"""Pixels to which pictures are reduced before they are compared: strokes that are seen in a film, not its grain."""

_TAPS: Final = (1, 3, 4, 5, 7)
"""Layers whose maps are compared; the deeper ones tell objects rather than strokes."""

_MEAN: Final = (123.0, 117.0, 104.0)
"""RGB that is taken off, of 255."""


class _Fire(nn.Module):
    """Few 1x1 channels, expanded by 1x1 and 3x3 convolutions side by side."""

    def __init__(self, in_channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], dim=1)


def _layers() -> nn.Sequential:
    """Up to the last tap, with the indices of torchvision's ``squeezenet1_0().features``."""
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    early = [nn.Conv2d(3, 96, 7, 2), nn.ReLU(), pool, _Fire(96, 16, 64), _Fire(128, 16, 64), _Fire(128, 32, 128)]
    return nn.Sequential(*early, pool, _Fire(256, 32, 128))


class TextureJudge:
    """Compares textures."""

    def __init__(self, weights: Path) -> None:
        """Read ``squeezenet1_0_features.safetensors``.

        Raises:
            StyleError: the file holds something else.
        """
        self._layers = _layers()
        stored = {name.removeprefix("features."): tensor.float() for name, tensor in load_file(weights).items()}
        try:
            self._layers.load_state_dict({name: stored[name] for name in self._layers.state_dict()})
        except (KeyError, RuntimeError) as error:
            raise StyleError(f"{weights}: expected the features of SqueezeNet 1.0 ({error})") from error
        self._layers.eval().requires_grad_(False)

    @torch.inference_mode()
    def textures(self, picture: Picture) -> list[torch.Tensor]:
        """Correlations between the maps of each tap, ``(C, C)``, of RGB ``(H, W, 3)`` of any size."""
        x = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
        size = (HEIGHT, max(1, round(picture.shape[1] * HEIGHT / picture.shape[0])))
        x = F.interpolate(x, size, mode="bilinear", antialias=True) - torch.tensor(_MEAN).view(1, 3, 1, 1)
        matrices = []
        for index, layer in enumerate(self._layers):
            x = layer(x)
            if index in _TAPS:
                matrices.append(_correlations(x.flatten(2)[0]))
        return matrices


def nearness(textures: list[torch.Tensor], *, photograph: list[torch.Tensor], painting: list[torch.Tensor]) -> float:
    """How much of the way from the photograph's texture to the painting's is gone: 1 is all, 0 none, below 0 away.

    One less the distance to the painting as a share of the photograph's; all three are :meth:`TextureJudge.textures`.
    """
    return 1 - texture_distance(textures, painting) / texture_distance(photograph, painting)


def texture_distance(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    """Mean squared difference of the correlations, mean over the taps; 0 is the same."""
    return float(np.mean([(ours - theirs).square().mean().item() for ours, theirs in zip(one, other, strict=True)]))


def _correlations(maps: torch.Tensor) -> torch.Tensor:
    """Of ``(C, positions)`` with each other; a map that is the same everywhere has none."""
    centered = maps - maps.mean(dim=1, keepdim=True)
    deviation = centered.square().mean(dim=1, keepdim=True).clamp_min(1e-6).sqrt()
    normed = centered / deviation
    return normed @ normed.T / maps.shape[1]
