"""The network as torch's engines run it paints what the network as it is written paints."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from stylize.style.checkpoint import load_checkpoint
from stylize.style.engines import inference_network
from stylize.style.engines.inference_network import InferenceNet
from stylize.style.engines.shot_statistics import freeze_statistics, measure_statistics
from stylize.style.engines.torch_engine import prepare
from stylize.style.library import MODEL_FILE
from stylize.style.network.network import repaint
from stylize.style.network.style_network import StyleNet
from tests.unit.style.test_library import RETIRED

LARGEST_ERROR = {"fp32": 0.01, "bf16": 4, "fp16": 0.5}


def load(style: str = "scream") -> StyleNet:
    return load_checkpoint(RETIRED / style / MODEL_FILE)


def noise(height: int, width: int, *, num_frames: int = 1) -> torch.Tensor:
    """Values of 0..255, another brightness in every frame: normalised together they would look different."""
    generator = torch.Generator().manual_seed(height * width)
    frames = torch.rand(num_frames, 3, height, width, generator=generator)
    return (frames * torch.linspace(255, 40, num_frames).view(-1, 1, 1, 1)).round()


@torch.inference_mode()
def painted(network: torch.nn.Module, frames: torch.Tensor) -> torch.Tensor:
    return repaint(network, frames.contiguous(memory_format=torch.channels_last)).float().clamp(0, 255)


def inference_net(precision: str = "fp32") -> InferenceNet:
    return InferenceNet(prepare(load(), device="cpu", precision=precision))


@pytest.mark.parametrize("precision", LARGEST_ERROR)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 12), (13, 29), (64, 36)])
def test_it_paints_what_the_network_paints(height: int, width: int, precision: str) -> None:
    frames = noise(height, width, num_frames=3)
    network = inference_net(precision)
    expected = painted(load(), frames)
    assert (painted(network, frames.to(network.dtype)) - expected).abs().max() < LARGEST_ERROR[precision]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_statistics_can_be_left_to_torch_as_on_a_gpu(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    """On few pixels torch's sums are exact on the CPU, too."""
    frames, network = noise(24, 32, num_frames=2), inference_net(precision)
    expected = painted(network, frames.to(network.dtype))
    monkeypatch.setattr(inference_network, "mean_and_variance", lambda frame: (None, None))
    assert (painted(network, frames.to(network.dtype)) - expected).abs().max() < LARGEST_ERROR[precision]


@pytest.mark.parametrize("precision", LARGEST_ERROR)
def test_frozen_statistics_are_used_and_may_change_later(precision: str) -> None:
    network = prepare(load(), device="cpu", precision=precision)
    runs_it, written = InferenceNet(network), load()
    for shot in (noise(32, 32), noise(40, 40) / 2):
        statistics = measure_statistics(load(), shot.to(torch.uint8).permute(0, 2, 3, 1).numpy())
        freeze_statistics(network, statistics)
        freeze_statistics(written, statistics)
        frames = noise(24, 40, num_frames=2)
        expected = painted(written, frames)
        assert (painted(runs_it, frames.to(runs_it.dtype)) - expected).abs().max() < LARGEST_ERROR[precision]


@pytest.mark.parametrize("style", sorted(path.parent.name for path in RETIRED.glob(f"*/{MODEL_FILE}")))
@pytest.mark.parametrize("precision", LARGEST_ERROR)
def test_a_frame_of_one_colour_stays_one(style: str, precision: str) -> None:
    """In fp16, too, which no CPU engine offers, and which is what a T4 paints with."""
    network = InferenceNet(prepare(load(style), device="cpu", precision=precision))
    frame = painted(network, torch.full((1, 3, 180, 320), 16.0, dtype=network.dtype))
    assert (frame == frame[..., :1, :1]).all()


class Operations(TorchDispatchMode):
    """Notes which operations run, and the convolutions that were given or gave planes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.planes: list[torch.Size] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.names.add(func.overloadpacket.__name__)
        if func.overloadpacket is torch.ops.aten.conv2d:
            maps = (args[0], result)
            self.planes += [x.shape for x in maps if not x.is_contiguous(memory_format=torch.channels_last)]
        return result


@pytest.mark.parametrize("precision", LARGEST_ERROR)
def test_no_map_changes_its_layout(precision: str) -> None:
    """On a GPU every change is a copy of the map, and torch's padding, of whatever layout, is one."""
    network = inference_net(precision)
    with Operations() as operations:
        frames = painted(network, noise(32, 48, num_frames=2).to(network.dtype))
    assert frames.is_contiguous(memory_format=torch.channels_last)
    assert "conv2d" in operations.names
    assert not operations.planes
    assert precision == "fp32" or not {name for name in operations.names if "pad" in name}
