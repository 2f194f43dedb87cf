"""Loss networks are told apart by their weights, and whoever has none is told where to put which file."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from dagster_project.errors import StyleError
from dagster_project.style_transfer.features import import_torchvision_models, squeezenet_layers
from dagster_project.style_transfer.loss_networks import load_loss_network, save_loss_network
from resources.folder_store import FolderStore
from resources.training_material import find_loss_network


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in half precision, named as torchvision names them."""
    path = tmp_path_factory.mktemp("features") / "mine.safetensors"
    tensors = {f"features.{key}": value.half() for key, value in squeezenet_layers().state_dict().items()}
    safetensors.torch.save_file(tensors, path)
    return path


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in a file of torch.save, with a part of the classifier."""
    models = import_torchvision_models()
    layers = models.vgg16(weights=None, init_weights=False).features
    path = tmp_path_factory.mktemp("features") / "weights.pth"
    tensors = {f"features.{key}": value for key, value in layers.state_dict().items()}
    torch.save(tensors | {"classifier.6.bias": torch.zeros(1000)}, path)
    return path


def test_squeezenet_is_recognised_and_has_its_taps(squeezenet: Path) -> None:
    features = load_loss_network(squeezenet)
    activations = features(torch.rand(1, 3, 65, 65) * 255)
    assert features.name == "squeezenet1_0"
    assert [activations[tap].shape[1] for tap in (1, 3, 4, 5, 7, 9)] == [96, 128, 128, 256, 256, 384]


def test_vgg16_is_recognised_beside_a_cpu_build_of_torch_and_passes_gradients(vgg16: Path, tmp_path: Path) -> None:
    features = load_loss_network(vgg16)
    picture = (torch.rand(1, 3, 32, 32) * 255).requires_grad_()
    activations = features(picture)
    assert features.name == "vgg16"
    assert [activations[tap].shape[1] for tap in (3, 8, 15, 22)] == [64, 128, 256, 512]
    activations[22].mean().backward()
    assert picture.grad is not None
    kept = tmp_path / "kept.safetensors"
    save_loss_network(features, kept)
    assert load_loss_network(kept).digest() == features.digest()
    assert kept.stat().st_size < vgg16.stat().st_size


def test_what_is_no_loss_network_is_refused_by_name(squeezenet: Path, tmp_path: Path) -> None:
    other = tmp_path / "style.safetensors"
    safetensors.torch.save_file({"conv1.conv2d.weight": torch.ones(2)}, other)
    partial = tmp_path / "partial.safetensors"
    tensors = safetensors.torch.load_file(squeezenet)
    safetensors.torch.save_file({"features.0.weight": tensors["features.0.weight"]}, partial)
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(b"PK nothing")
    evil = tmp_path / "evil.pth"
    evil.write_bytes(b"cposix\nsystem\n(S'touch " + str(tmp_path / "executed").encode() + b"'\ntR.")
    cases = {
        other: "holds neither VGG-16 nor SqueezeNet",
        partial: "is not squeezenet1_0",
        damaged: "damaged",
        evil: "damaged",
        tmp_path / "none.pth": "no such file",
        tmp_path / "weights.bin": "no such file",
    }
    for path, complaint in cases.items():
        with pytest.raises(StyleError, match=f"{path.name}: .*{complaint}.*expected the weights of torchvision"):
            load_loss_network(path)
    assert not (tmp_path / "executed").exists()


def test_auto_takes_what_lies_in_the_store_and_a_name_takes_that_network(
    squeezenet: Path, vgg16: Path, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path)
    store.put("models/features/a-squeezenet.safetensors", squeezenet)
    assert find_loss_network(store, "auto", tmp_path).name == "squeezenet1_0"
    store.put("models/features/b-vgg.pth", vgg16)
    assert find_loss_network(store, "vgg16", tmp_path).name == "vgg16"
    assert find_loss_network(store, str(vgg16), tmp_path).name == "vgg16"


def test_without_a_loss_network_the_message_says_where_to_put_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_arguments: object, **_options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torch.hub.download_url_to_file", no_network)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    store = FolderStore(tmp_path / "store")
    for wish, complaint in {
        "auto": "no route to host",
        "vgg16": "no route to host",
        "squeezenet": "no SqueezeNet",
    }.items():
        with pytest.raises(StyleError, match=complaint) as refusal:
            find_loss_network(store, wish, tmp_path)
        assert f"{tmp_path}/store/models/features" in str(refusal.value)
        assert "--features" in str(refusal.value)
    with pytest.raises(StyleError, match="unknown loss network 'resnet': expected auto, vgg16, squeezenet"):
        find_loss_network(store, "resnet", tmp_path)
