"""Read and write the weights of style networks.

Ours are safetensors. The public checkpoints of ``fast_neural_style`` are pickles, which can carry code: they are read
by torch's restricted unpickler, which builds tensors and plain containers and refuses everything else without running
it.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from dagster_project.errors import StyleError
from dagster_project.style_transfer.network import NetworkSize, TransformerNet

PICKLE_SUFFIXES = (".pth", ".pt", ".model")

EXPECTED = "expected a fast_neural_style TransformerNet as .safetensors, or as .pth, .pt or .model of plain tensors"

_OLD_STATISTICS = re.compile(r"\.(running_mean|running_var|num_batches_tracked)$")
"""Entries that torch before 0.4 saved for instance normalisation and never used; current torch refuses them."""


def load_checkpoint(path: Path) -> TransformerNet:
    """Read a style network from ``.safetensors`` or a public ``.pth``; its widths and depth follow from the tensors.

    Returns:
        The network on the CPU, float32, in evaluation mode, without gradients.

    Raises:
        StyleError: the file is missing or damaged, holds something else, holds code (which is not run), or has weights
            that are not finite.
    """
    tensors = _only_tensors(path, _read(path))
    network = _build(path, tensors)
    return network.eval().requires_grad_(False)


def save_checkpoint(network: TransformerNet, path: Path, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write safetensors with the network's size and ``metadata`` in the header; readers never see half a file."""
    header = {
        "architecture": "fast_neural_style TransformerNet, RGB 0..255",
        "widths": ",".join(map(str, network.size.widths)),
        "blocks": str(network.size.blocks),
        **(metadata or {}),
    }
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in network.state_dict().items()}
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


def _infer_size(path: Path, tensors: Mapping[str, torch.Tensor]) -> NetworkSize:
    """Channels from the three convolutions that go down, depth from the names of the residual blocks."""
    shapes = [tuple(tensors[key].shape) for key in (f"conv{n}.conv2d.weight" for n in (1, 2, 3)) if key in tensors]
    if len(shapes) != 3 or any(len(shape) != 4 for shape in shapes):
        raise _refusal(path, "the convolutions conv1, conv2 and conv3 are missing")
    full, half, quarter = (shape[0] for shape in shapes)
    blocks = {key.split(".")[0] for key in tensors if re.match(r"res\d+\.", key)}
    return NetworkSize(widths=(full, half, quarter), blocks=len(blocks))


def _build(path: Path, tensors: Mapping[str, torch.Tensor]) -> TransformerNet:
    """The network that has exactly these tensors."""
    with torch.device("meta"):  # shapes only: nothing is allocated for a file that claims an absurd size
        network = TransformerNet(_infer_size(path, tensors))
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
