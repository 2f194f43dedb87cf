"""Read and write the weights of style networks.

Ours are safetensors: of one network, or of one for each quality, whose tensors are named ``best.conv1.conv2d.weight``.
The public checkpoints of ``fast_neural_style`` are pickles, which can carry code: they are read by torch's restricted
unpickler, which builds tensors and plain containers and refuses everything else without running it.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch
from safetensors import SafetensorError

from stylize.errors import StyleError
from stylize.style.controls.quality import QUALITIES, Quality
from stylize.style.network.network import NetworkSize, TransformerNet
from stylize.style.network.quarter_network import QuarterNet, QuarterSize
from stylize.style.network.style_network import StyleNet

PICKLE_SUFFIXES = (".pth", ".pt", ".model")

EXPECTED = "expected a fast_neural_style TransformerNet as .safetensors, or as .pth, .pt or .model of plain tensors"

_OLD_STATISTICS = re.compile(r"\.(running_mean|running_var|num_batches_tracked)$")
"""Entries that torch before 0.4 saved for instance normalisation and never used; current torch refuses them."""


def load_checkpoint(path: Path, quality: Quality = "best") -> StyleNet:
    """Read a style network from ``.safetensors`` or a public ``.pth``; its family and size follow from the tensors.

    Args:
        path: of the file.
        quality: which of its networks; a file that holds a single one has no other.

    Returns:
        The network on the CPU, float32, in evaluation mode, without gradients.

    Raises:
        StyleError: the file is missing or damaged, holds something else, holds code (which is not run), or has weights
            that are not finite.
    """
    tensors = _of_quality(_only_tensors(path, _read(path)), quality)
    network = _build(path, tensors)
    return network.eval().requires_grad_(False)


def load_networks(path: Path) -> StyleNet | dict[Quality, StyleNet]:
    """All networks of a file: one, or one for each quality; see :func:`load_checkpoint`."""
    tensors = _only_tensors(path, _read(path))
    if not any(key.startswith(f"{QUALITIES[0]}.") for key in tensors):
        return load_checkpoint(path)
    return {quality: load_checkpoint(path, quality) for quality in QUALITIES}


def save_checkpoint(
    networks: StyleNet | Mapping[Quality, StyleNet],
    path: Path,
    *,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write safetensors with the networks' sizes and ``metadata`` in the header; readers never see half a file.

    Args:
        networks: one, or one for each quality.
        path: of the file.
        metadata: more entries of the header.
        dtype: of the weights in the file.
    """
    named = {f"{quality}.": network for quality, network in networks.items()} if isinstance(networks, Mapping) else {}
    header, tensors = dict(metadata or {}), {}
    for prefix, network in (named or {"": cast("StyleNet", networks)}).items():
        header[f"{prefix}architecture"] = f"{type(network).__name__} {json.dumps(network.size.to_dict())}, RGB 0..255"
        for key, tensor in network.state_dict().items():
            tensors[prefix + key] = tensor.detach().cpu().to(dtype).contiguous()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    content = _repeatable(safetensors.torch.save(tensors, metadata=header))
    temporary.write_bytes(content)  # save_file would make it private (0600)
    temporary.replace(path)


def _repeatable(content: bytes) -> bytes:
    """The same safetensors with the metadata in order: the library writes it in another order in every process.

    A header is eight bytes of length and that much JSON, padded with spaces to a multiple of eight:
    https://github.com/huggingface/safetensors#format
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def checkpoint_digest(path: Path) -> str:
    """SHA-256 (hex) of the file.

    Raises:
        StyleError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}") from error


def _read(path: Path) -> Any:
    """Whatever the file holds, without running any of it."""
    if not path.is_file():
        raise _refusal(path, "there is no such file")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        if path.suffix in PICKLE_SUFFIXES:
            # Public checkpoints were saved from GPUs: without map_location they would not load elsewhere.
            return torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise _refusal(path, "damaged, or not a safetensors file") from error
    except Exception as error:
        if "weights_only" in str(error).lower():
            raise _refusal(path, "holds more than tensors; it may carry code and was not executed") from error
        raise _refusal(path, "damaged, or not a file of torch.save") from error
    raise _refusal(path, f"unknown ending {path.suffix!r}")


def _only_tensors(path: Path, document: Any) -> dict[str, torch.Tensor]:
    """The state dict in ``document`` (or under its key ``state_dict``) as float32, less what old torch left."""
    if isinstance(document, dict) and isinstance(document.get("state_dict"), dict):
        document = document["state_dict"]
    if not isinstance(document, dict):
        raise _refusal(path, f"holds a {type(document).__name__}, not a dictionary of weights")
    tensors = {}
    for key, value in document.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise _refusal(path, f"the entry {str(key)!r} is not a tensor")
        if _OLD_STATISTICS.search(key):
            continue
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise _refusal(path, f"the weights in {key!r} are not finite numbers")
        tensors[key] = value.float()
    return tensors


def _of_quality(tensors: dict[str, torch.Tensor], quality: Quality) -> dict[str, torch.Tensor]:
    """Those of one network."""
    prefix = f"{quality}."
    own = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
    return own or tensors


def _empty_network(path: Path, tensors: Mapping[str, torch.Tensor]) -> StyleNet:
    """Of the family and size that the names and shapes say, without weights."""
    depthwise = {key: tensor for key, tensor in tensors.items() if key.endswith("depthwise.conv2d.weight")}
    with torch.device("meta"):  # shapes only: nothing is allocated for a file that claims an absurd size
        if not depthwise:
            return TransformerNet(_infer_size(path, tensors))
        channels = next(iter(depthwise.values())).shape[:1].numel()
        return QuarterNet(QuarterSize(channels=channels, blocks=len({key.split(".")[0] for key in depthwise})))


def _infer_size(path: Path, tensors: Mapping[str, torch.Tensor]) -> NetworkSize:
    """Channels from the three convolutions that go down, depth from the names of the residual blocks."""
    shapes = [tensors[key].shape for key in (f"conv{n}.conv2d.weight" for n in (1, 2, 3)) if key in tensors]
    if len(shapes) != 3 or any(len(shape) != 4 for shape in shapes):
        raise _refusal(path, "the convolutions conv1, conv2 and conv3 are missing")
    full, half, quarter = (shape[0] for shape in shapes)
    blocks = {key.split(".")[0] for key in tensors if re.match(r"res\d+\.", key)}
    family = "ghiasi" if "in6.weight" in tensors else "johnson"
    kernel = shapes[0][-1]
    return NetworkSize(widths=(full, half, quarter), blocks=len(blocks), family=family, outer_kernel=kernel)


def _build(path: Path, tensors: Mapping[str, torch.Tensor]) -> StyleNet:
    """The network that has exactly these tensors."""
    network = _empty_network(path, tensors)
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            wanted, got = (table.get(key, "nothing") for table in (expected, found))
            raise _refusal(path, f"{key!r} should be {wanted} and is {got}")
    network.load_state_dict(dict(tensors), assign=True)
    return network


def _refusal(path: Path, reason: str) -> StyleError:
    return StyleError(f"{path}: {reason}; {EXPECTED}")
