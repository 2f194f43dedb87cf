"""Find out which loss network a file holds, and load it; or let torchvision download one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from dagster_project.errors import StyleError
from dagster_project.style_transfer.features import (
    LossFeatures,
    import_torchvision_models,
    squeezenet_features,
    squeezenet_layers,
    vgg16_features,
)

SUFFIXES = (".safetensors", ".pth", ".pt")

EXPECTED = (
    "expected the weights of torchvision's VGG-16 (vgg16-397923af.pth), or SqueezeNet 1.0 features, "
    "as .safetensors, .pth or .pt"
)

_NAME_BY_FIRST_KERNEL: dict[tuple[int, ...], str] = {(64, 3, 3, 3): "vgg16", (96, 3, 7, 7): "squeezenet1_0"}
"""Shape of ``features.0.weight``."""


def load_loss_network(path: Path) -> LossFeatures:
    """Read VGG-16 or SqueezeNet 1.0, whichever the file holds; weights are converted to float32.

    Raises:
        StyleError: the file is missing or damaged, holds code (which is not run), or is neither.
    """
    tensors = {key: tensor.float() for key, tensor in _convolutions(path).items()}
    name = _NAME_BY_FIRST_KERNEL.get(tuple(tensors["0.weight"].shape)) if "0.weight" in tensors else None
    if name is None:
        raise StyleError(f"{path}: holds neither VGG-16 nor SqueezeNet 1.0; {EXPECTED}")
    layers, tapped = (
        (squeezenet_layers(), squeezenet_features) if name == "squeezenet1_0" else (_vgg16_layers(), vgg16_features)
    )
    try:
        absent, unknown = layers.load_state_dict(tensors, assign=True, strict=False)
    except RuntimeError as error:
        raise StyleError(f"{path}: is not {name} ({str(error).splitlines()[-1].strip()}); {EXPECTED}") from error
    features = tapped(layers)  # which leaves off the layers behind the last tap
    needed = [key for key in absent if int(key.split(".")[0]) < len(features.layers)]
    if needed or unknown:
        raise StyleError(f"{path}: is not {name} ({[*needed, *unknown][0]!r} does not fit); {EXPECTED}")
    return features


def download_vgg16() -> LossFeatures:
    """VGG-16 with the ImageNet weights that torchvision downloads (528 MB) and keeps in torch's cache.

    Raises:
        StyleError: the download failed.
    """
    models: Any = import_torchvision_models()
    try:
        layers = models.vgg16(weights=models.VGG16_Weights.IMAGENET1K_V1).features
    except Exception as error:  # whatever the network, the disk or the digest check of the download leads to
        raise StyleError(f"VGG-16 could not be downloaded ({str(error).splitlines()[0]}); {EXPECTED}") from error
    return vgg16_features(layers)


def save_loss_network(features: LossFeatures, path: Path) -> None:
    """Write the used layers as safetensors, a fifteenth of torchvision's file, for :func:`load_loss_network`."""
    tensors = {f"features.{key}": tensor.contiguous() for key, tensor in features.layers.state_dict().items()}
    path.write_bytes(safetensors.torch.save(tensors, metadata={"network": features.name}))


def _vgg16_layers() -> nn.Sequential:
    models: Any = import_torchvision_models()
    with torch.device("meta"):  # nothing is allocated for the classifier, nine tenths of the network
        return models.vgg16().features


def _convolutions(path: Path) -> Mapping[str, torch.Tensor]:
    """The tensors of the part that is called ``features``, by their names within it."""
    if not path.is_file():
        raise StyleError(f"{path}: there is no such file; {EXPECTED}")
    if path.suffix not in SUFFIXES:
        raise StyleError(f"{path}: unknown ending {path.suffix!r}; {EXPECTED}")
    try:
        if path.suffix == ".safetensors":
            document: Any = safetensors.torch.load_file(path)
        else:
            document = torch.load(path, map_location="cpu", weights_only=True)
        return {
            key.removeprefix("features."): tensor
            for key, tensor in document.items()
            if isinstance(tensor, torch.Tensor) and not key.startswith("classifier.")
        }
    except Exception as error:  # torch.load raises whatever the damage leads to
        raise StyleError(f"{path}: damaged, or not a file of weights; {EXPECTED}") from error
