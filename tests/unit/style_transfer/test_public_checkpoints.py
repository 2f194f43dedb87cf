"""The public checkpoints of fast_neural_style: whatever torch wrote them where, they paint what their authors saw."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dagster_project.style_transfer.checkpoint import load_checkpoint
from dagster_project.style_transfer.network import REFERENCE_SIZE, repaint


class Convolution(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, upsample: int = 1) -> None:
        super().__init__()
        self.upsample = upsample
        self.reflection_pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(channels_in, channels_out, kernel, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.upsample > 1:
            x = F.interpolate(x, mode="nearest", scale_factor=self.upsample)
        return self.conv2d(self.reflection_pad(x))


class Residual(nn.Module):
    def __init__(self, channels: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.conv1, self.in1 = Convolution(channels, channels, 3), norm(channels)
        self.conv2, self.in2 = Convolution(channels, channels, 3), norm(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.in2(self.conv2(torch.relu(self.in1(self.conv1(x)))))


class PublishedNet(nn.Module):
    """The published network as its authors wrote it, without any of this project's short cuts.

    With ``keep_statistics`` its state has the entries that torch before 0.4 saved for instance normalisation. Nothing
    was ever normalised by them: in training mode, in which this network stays, every picture is by its own statistics.
    """

    def __init__(self, *, keep_statistics: bool) -> None:
        super().__init__()

        def norm(channels: int) -> nn.Module:
            return nn.InstanceNorm2d(channels, affine=True, track_running_stats=keep_statistics)

        self.conv1, self.in1 = Convolution(3, 32, 9), norm(32)
        self.conv2, self.in2 = Convolution(32, 64, 3, stride=2), norm(64)
        self.conv3, self.in3 = Convolution(64, 128, 3, stride=2), norm(128)
        for number in range(1, 6):
            self.add_module(f"res{number}", Residual(128, norm))
        self.deconv1, self.in4 = Convolution(128, 64, 3, upsample=2), norm(64)
        self.deconv2, self.in5 = Convolution(64, 32, 3, upsample=2), norm(32)
        self.deconv3 = Convolution(32, 3, 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.in1(self.conv1(x)))
        x = torch.relu(self.in2(self.conv2(x)))
        x = torch.relu(self.in3(self.conv3(x)))
        for number in range(1, 6):
            x = self.get_submodule(f"res{number}")(x)
        x = torch.relu(self.in4(self.deconv1(x)))
        x = torch.relu(self.in5(self.deconv2(x)))
        return self.deconv3(x)


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
