"""Checkpoints: ours and the public ones load, everything else is refused in one clear line."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch

from stylize.errors import StyleError
from stylize.style.checkpoint import checkpoint_digest, load_checkpoint, save_checkpoint
from stylize.style.controls.quality import Quality
from stylize.style.network.network import REFERENCE_SIZE, NetworkSize, TransformerNet
from stylize.style.network.style_network import StyleNet
from tests.unit.style.networks import OF_QUALITIES, random_network

SIZE = NetworkSize(widths=(4, 6, 8), blocks=3)


@pytest.fixture
def network() -> TransformerNet:
    torch.manual_seed(2)
    return TransformerNet(SIZE).eval()


def same_weights(first: StyleNet, second: StyleNet) -> bool:
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def refused(path: Path) -> str:
    with pytest.raises(StyleError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert "expected a fast_neural_style TransformerNet" in message
    return message


def test_what_is_saved_loads_with_the_same_size_and_weights(network: TransformerNet, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(network, path, metadata={"style": "test"})
    loaded = load_checkpoint(path)
    assert loaded.size == SIZE
    assert same_weights(loaded, network)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    with safetensors.safe_open(path, "pt") as file:
        assert '"widths": [4, 6, 8]' in file.metadata()["architecture"]
        assert file.metadata()["style"] == "test"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_file_holds_a_network_for_each_quality(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    networks: dict[Quality, StyleNet] = {quality: random_network(size) for quality, size in OF_QUALITIES.items()}
    save_checkpoint(networks, path)
    for quality, network in networks.items():
        loaded = load_checkpoint(path, quality)
        assert loaded.size == network.size
        assert same_weights(loaded, network)


def test_a_file_with_one_network_has_it_for_every_quality(network: TransformerNet, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(network, path)
    assert same_weights(load_checkpoint(path, "fast"), network)


def test_the_reference_size_is_inferred(tmp_path: Path) -> None:
    path = tmp_path / "reference.pth"
    torch.save(TransformerNet(REFERENCE_SIZE).state_dict(), path)
    assert load_checkpoint(path).size == REFERENCE_SIZE


def test_half_precision_weights_become_float32(network: TransformerNet, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    safetensors.torch.save_file({key: value.half() for key, value in network.state_dict().items()}, path)
    assert {parameter.dtype for parameter in load_checkpoint(path).parameters()} == {torch.float32}


class Bomb:
    """Unpickled by the ordinary unpickler, it creates a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_pickle_with_code_is_refused_and_not_executed(network: TransformerNet, tmp_path: Path, legacy: bool) -> None:
    mark, path = tmp_path / "executed", tmp_path / "evil.pth"
    torch.save({**network.state_dict(), "bomb": Bomb(mark)}, path, _use_new_zipfile_serialization=not legacy)
    assert "not executed" in refused(path)
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists(), "the bomb of this test is a dud"


def test_a_bare_pickle_with_code_is_refused_and_not_executed(tmp_path: Path) -> None:
    mark, path = tmp_path / "executed", tmp_path / "evil.model"
    path.write_bytes(pickle.dumps(Bomb(mark)))
    refused(path)
    assert not mark.exists()


def test_a_whole_pickled_network_is_refused(network: TransformerNet, tmp_path: Path) -> None:
    path = tmp_path / "whole.pth"
    torch.save(network, path)
    refused(path)


@pytest.mark.parametrize("name", ["noise.safetensors", "noise.pth", "empty.safetensors", "empty.pth"])
def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"" if name.startswith("empty") else bytes(range(256)) * 40)
    refused(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_cut_file_is_refused(network: TransformerNet, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut{suffix}"
    if suffix == ".pth":
        torch.save(network.state_dict(), path)
    else:
        save_checkpoint(network, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path)


def test_a_missing_file_and_an_unknown_ending_are_named(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "nowhere.pth")
    (tmp_path / "model.onnx").write_bytes(b"x")
    assert "'.onnx'" in refused(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda state: state.pop("in3.bias"), "'in3.bias' should be (8,) and is nothing"),
        (lambda state: state.update({"extra.weight": torch.ones(2)}), "'extra.weight' should be nothing and is (2,)"),
        (lambda state: state.update({"res2.in1.weight": torch.ones(9)}), "'res2.in1.weight' should be (8,)"),
        (lambda state: state.pop("conv2.conv2d.weight"), "conv1, conv2 and conv3 are missing"),
        (lambda state: state.update({"in1.bias": torch.full((4,), float("nan"))}), "'in1.bias' are not finite"),
        (lambda state: state.update({"in1.bias": torch.ones(4, dtype=torch.int64)}), "'in1.bias' are not finite"),
        (lambda state: state.update({"in1.bias": 3}), "'in1.bias' is not a tensor"),
        (lambda state: state.update({"res4.conv1.conv2d.weight": torch.ones(8, 8, 3, 3)}), "res4"),
    ],
)
def test_wrong_weights_are_refused_by_name(
    network: TransformerNet, tmp_path: Path, change: Callable[[dict[str, Any]], Any], complaint: str
) -> None:
    state = dict(network.state_dict())
    change(state)
    path = tmp_path / "wrong.pth"
    torch.save(state, path)
    assert complaint in refused(path)


def test_another_network_and_a_list_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    assert "conv1, conv2 and conv3 are missing" in refused(path)
    torch.save([torch.ones(2)], path)
    assert "holds a list" in refused(path)


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(b"abc")
    assert checkpoint_digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(StyleError, match="nowhere"):
        checkpoint_digest(tmp_path / "nowhere")
