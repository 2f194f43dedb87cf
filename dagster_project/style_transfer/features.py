"""Loss networks: trained image classifiers whose inner activations describe what a picture shows and how it is painted.

Two are supported: SqueezeNet 1.0, which is small (1.5 MB), and VGG-16, the network of the publications. Both are
frozen; only the pictures that go in receive gradients. ``loss_networks`` reads their weights.
"""

import hashlib
import importlib
from collections.abc import Mapping
from types import ModuleType

import torch
from torch import nn

SQUEEZENET_MEAN = (123.0, 117.0, 104.0)
SQUEEZENET_STYLE_TAPS = (1, 3, 4, 5, 7, 9)
SQUEEZENET_CONTENT_TAP = 5

VGG16_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
VGG16_SCALE = (0.229 * 255, 0.224 * 255, 0.225 * 255)
VGG16_STYLE_TAPS = (3, 8, 15, 22)
VGG16_CONTENT_TAP = 8


class LossFeatures(nn.Module):
    """The activations of a frozen classifier at a few layers.

    Attributes:
        name: what style cards call it.
        style_taps: indices into ``layers`` whose Gram matrices describe brush work and palette.
        content_tap: index into ``layers`` that describes what the picture shows.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        layers: nn.Sequential,
        *,
        name: str,
        style_taps: tuple[int, ...],
        content_tap: int,
        mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
        scale: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        """Freeze ``layers``; pictures go in as ``(RGB 0..255 - mean) / scale``."""
        super().__init__()
        self.name, self.style_taps, self.content_tap = name, style_taps, content_tap
        used = list(layers)[: max(*style_taps, content_tap) + 1]
        self.layers = nn.ModuleList(used).eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(scale).view(1, 3, 1, 1))

    def digest(self) -> str:
        """SHA-256 (hex) of the weights."""
        return digest_of_tensors(self.state_dict())

    def forward(self, pictures: torch.Tensor) -> dict[int, torch.Tensor]:
        """Activations of ``(N, 3, H, W)`` pictures, RGB 0..255, by index of the layer, each ``(N, C, H', W')``."""
        x = (pictures - self.mean) / self.scale
        activations = {}
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.style_taps or index == self.content_tap:
                activations[index] = x
        return activations


def digest_of_tensors(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 (hex) of tensors with their names, on whatever device they lie."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class Fire(nn.Module):
    """SqueezeNet's block: few 1x1 channels, expanded by 1x1 and 3x3 convolutions side by side (Iandola, 2016)."""

    def __init__(self, in_channels: int, squeeze: int, expand: int) -> None:
        """From ``in_channels`` through ``squeeze`` to ``2 * expand`` channels."""
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, in_channels, H, W)`` to ``(N, 2 * expand, H, W)``."""
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], dim=1)


def squeezenet_layers() -> nn.Sequential:
    """The convolutional part of SqueezeNet 1.0, untrained, with the indices of torchvision's ``features``."""
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    early = [nn.Conv2d(3, 96, 7, 2), nn.ReLU(), pool, Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128)]
    middle = [pool, Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256)]
    return nn.Sequential(*early, *middle, pool, Fire(512, 64, 256))


def squeezenet_features(layers: nn.Sequential) -> LossFeatures:
    """Tap ``layers`` where the tables of SqueezeNet styles are: both ends of every resolution."""
    return LossFeatures(
        layers,
        name="squeezenet1_0",
        style_taps=SQUEEZENET_STYLE_TAPS,
        content_tap=SQUEEZENET_CONTENT_TAP,
        mean=SQUEEZENET_MEAN,
    )


def vgg16_features(layers: nn.Sequential) -> LossFeatures:
    """Tap VGG-16 after the last rectifier of its first four stages, as Johnson et al. do."""
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False  # or it would overwrite the convolution's output, which its gradient needs intact
    return LossFeatures(
        layers,
        name="vgg16",
        style_taps=VGG16_STYLE_TAPS,
        content_tap=VGG16_CONTENT_TAP,
        mean=VGG16_MEAN,
        scale=VGG16_SCALE,
    )


_schemas: list[torch.library.Library] = []
"""A library's operators live as long as the object: it is kept here."""


def import_torchvision_models() -> ModuleType:
    """Import ``torchvision.models``; the one place where torchvision is imported.

    The wheel of torchvision on the registry is a CUDA build. Beside a CPU build of torch its compiled part does not
    load, and the import fails because the operators that it would have declared are missing. Models need none of them,
    so declaring their schemas is enough.
    """
    try:
        return importlib.import_module("torchvision.models")
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _schemas.append(library)
        return importlib.import_module("torchvision.models")
