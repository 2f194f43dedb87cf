"""The style prediction network: a picture of a painting in, the 100 numbers that are its style out.

The published network of Ghiasi et al., "Exploring the structure of a real-time, arbitrary neural artistic stylization
network" (2017): a MobileNet v2 (Sandler et al., 2018) with its normalizations folded in, trained by Magenta to see
style. Nothing here trains it. Its features also judge strokes when a network is tuned.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import nn

WEIGHTS = Path(__file__).parents[1] / "weights" / "style_prediction.safetensors"

VECTOR_SIZE = 100
"""Numbers that say a style."""

INPUT_SIDE = 256
"""The painting is squeezed to a square of so many pixels, as when the network was trained."""

_BLOCKS = (
    *((16, 1, 1),),
    *((24, 2, 6), (24, 1, 6)),
    *((32, 2, 6), (32, 1, 6), (32, 1, 6)),
    *((64, 2, 6), (64, 1, 6), (64, 1, 6), (64, 1, 6)),
    *((96, 1, 6), (96, 1, 6), (96, 1, 6)),
    *((160, 2, 6), (160, 1, 6), (160, 1, 6)),
    *((320, 1, 6),),
)
"""Channels, stride and expansion of the inverted residual blocks: table 2 of Sandler et al."""


class _SameConv(nn.Conv2d):
    """Padded as TensorFlow's SAME does: of an odd number of rows, the one more lies below."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # torch's name
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        missing = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in input.shape[-2:]]
        top, left = missing[0] // 2, missing[1] // 2
        return super().forward(F.pad(input, (left, missing[1] - left, top, missing[0] - top)))


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; added to the input where the shape stays."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        """The hidden channels are ``expansion`` times the input's; 1 leaves the expansion out."""
        super().__init__()
        hidden = in_channels * expansion
        self.expand = _SameConv(in_channels, hidden, 1) if expansion > 1 else None
        self.depthwise = _SameConv(hidden, hidden, 3, stride, groups=hidden)
        self.project = _SameConv(hidden, out_channels, 1)
        self.is_residual = stride == 1 and in_channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, in_channels, H, W)`` to ``(N, out_channels, ceil(H / stride), ceil(W / stride))``."""
        hidden = x if self.expand is None else F.relu6(self.expand(x))
        projected = self.project(F.relu6(self.depthwise(hidden)))
        return x + projected if self.is_residual else projected


class StylePredictor(nn.Module):
    """``(N, 3, H, W)`` pictures, values 0..1, to ``(N, 100)`` style vectors."""

    def __init__(self) -> None:
        """Without weights: see :func:`load_predictor`."""
        super().__init__()
        self.stem = _SameConv(3, 32, 3, stride=2)
        channels, blocks = 32, []
        for out_channels, stride, expansion in _BLOCKS:
            blocks.append(InvertedResidual(channels, out_channels, stride, expansion))
            channels = out_channels
        self.blocks = nn.ModuleList(blocks)
        self.head = _SameConv(channels, 1280, 1)
        self.vector = nn.Linear(1280, VECTOR_SIZE, bias=False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Style vectors."""
        x = F.relu6(self.stem(pictures))
        for block in self.blocks:
            x = block(x)
        return self.vector(F.relu6(self.head(x)).mean(dim=(2, 3)))

    def features(self, pictures: torch.Tensor, blocks: Collection[int]) -> list[torch.Tensor]:
        """What the stem and the named inverted residual blocks (counted from 0) give; stops after the last."""
        x = F.relu6(self.stem(pictures))
        found = [x]
        for number in range(max(blocks) + 1):
            x = self.blocks[number](x)
            if number in blocks:
                found.append(x)
        return found


def load_predictor() -> StylePredictor:
    """The published network; its weights are 8-bit integers with a scale per output channel, as they were published.

    ``bench/networks/published.py`` took them out of the published file.
    """
    stored = load_file(WEIGHTS)
    tensors = {}
    for name, values in stored.items():
        if name.endswith(".weight"):
            scale = stored[name.removesuffix("weight") + "scale"]
            tensors[name] = values.float() * scale.view(-1, *[1] * (values.dim() - 1))
        elif name.endswith(".bias"):
            tensors[name] = values
    with torch.device("meta"):
        predictor = StylePredictor()
    predictor.load_state_dict(tensors, assign=True)
    return predictor.eval().requires_grad_(False)


@torch.inference_mode()
def predict_style(predictor: StylePredictor, painting: npt.NDArray[np.uint8]) -> torch.Tensor:
    """The style vector ``(100,)`` of a painting, uint8 RGB ``(H, W, 3)``, of any size and shape."""
    square = Image.fromarray(np.ascontiguousarray(painting)).resize((INPUT_SIDE, INPUT_SIDE), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1)[None].float() / 255
    return predictor(pixels)[0].clone()
