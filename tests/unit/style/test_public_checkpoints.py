"""The public checkpoints of fast_neural_style: whatever torch wrote them where, they paint what their authors saw."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bench.published_network import PublishedNet
from stylize.style.checkpoint import load_checkpoint
from stylize.style.network.network import REFERENCE_SIZE, repaint


def published_net(*, keep_statistics: bool) -> PublishedNet:
    """Random weights that paint values of about 0..255, and statistics that would spoil the picture if used."""
    torch.manual_seed(11)
    network = PublishedNet(keep_statistics=keep_statistics).requires_grad_(False)
    for parameter in network.parameters():  # normalisation starts as the identity, which would hide a mix-up
        parameter += 0.05 * torch.randn_like(parameter)
    network.deconv3.conv2d.weight.mul_(60)
    network.deconv3.conv2d.bias.fill_(120)
    for name, statistics in network.named_buffers():
        statistics.fill_(7 if name.endswith("num_batches_tracked") else 1000)
    return network


def painted(network: nn.Module, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(height * width)
    with torch.no_grad():
        return repaint(network, torch.rand(1, 3, height, width, generator=generator) * 255)


def save_as_public(
    state: Any, path: Path, monkeypatch: pytest.MonkeyPatch, *, legacy: bool = False, gpu: bool = False
) -> None:
    """``torch.save`` in the format of old or new torch; a file from a GPU only differs in where it says it lay."""
    with monkeypatch.context() as patch:
        if gpu:
            patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        torch.save(state, path, _use_new_zipfile_serialization=not legacy)


@pytest.mark.parametrize("gpu", [False, True], ids=["cpu", "gpu"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("keep_statistics", [False, True], ids=["bare", "running"])
def test_a_public_checkpoint_paints_what_the_published_network_paints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep_statistics: bool, legacy: bool, gpu: bool
) -> None:
    published = published_net(keep_statistics=keep_statistics)
    state = published.state_dict()
    assert any("running_var" in key for key in state) == keep_statistics
    path = tmp_path / "mosaic.pth"
    save_as_public(state, path, monkeypatch, legacy=legacy, gpu=gpu)
    loaded = load_checkpoint(path)
    assert loaded.size == REFERENCE_SIZE
    for height, width in ((8, 12), (64, 48), (36, 100)):
        expected = painted(published, height, width)
        assert expected.std() > 10
        assert torch.allclose(painted(loaded, height, width), expected, rtol=0, atol=1e-2), (height, width)


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a machine with a CUDA device the file would load anyway")
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_file_that_was_saved_on_a_gpu_does_ask_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, legacy: bool
) -> None:
    save_as_public({"weight": torch.ones(2)}, tmp_path / "gpu.pth", monkeypatch, legacy=legacy, gpu=True)
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(tmp_path / "gpu.pth", weights_only=True)


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
@pytest.mark.parametrize("suffix", [".pt", ".model"])
def test_a_training_script_may_have_wrapped_or_renamed_the_weights(tmp_path: Path, suffix: str, wrapped: bool) -> None:
    published = published_net(keep_statistics=False)
    path = tmp_path / f"candy{suffix}"
    torch.save({"epoch": 2, "state_dict": published.state_dict()} if wrapped else published.state_dict(), path)
    assert torch.allclose(painted(load_checkpoint(path), 24, 32), painted(published, 24, 32), rtol=0, atol=1e-2)
