"""The engine: bytes in, bytes out, the same for every batch composition."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stylize.errors import StyleError
from stylize.frame_transform import FrameTransform
from stylize.style.checkpoint import save_checkpoint
from stylize.style.engines import engine
from stylize.style.engines.cuda_engine import PASSES_BEFORE_GRAPH
from stylize.style.engines.engine import EngineChoice, StyleTransform, choose_engine
from stylize.style.engines.engine_choice import Precision
from stylize.style.engines.machine import has_fast_bf16
from stylize.style.network.network import RETIRED_SIZE, NetworkSize, repaint
from stylize.style.network.quarter_network import QuarterSize
from tests.unit.style.networks import OF_QUALITIES, random_network, with_uneven_norms

SMALL = NetworkSize(widths=(4, 6, 8), blocks=1)
FP32 = EngineChoice(device="cpu", precision="fp32", num_streams=2)
BF16 = EngineChoice(device="cpu", precision="bf16", num_streams=2)
OPENVINO = EngineChoice(device="cpu", precision="fp32", engine="openvino", num_streams=2)
OPENVINO_BF16 = EngineChoice(device="cpu", precision="bf16", engine="openvino", num_streams=2)

HAS_OPENVINO = importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="needs openvino, which is not installed")
needs_fast_bf16 = pytest.mark.skipif(not has_fast_bf16(), reason="needs a CPU with bfloat16 instructions")
SIXTEEN_BITS = [
    pytest.param(BF16, id="torch-bf16"),
    pytest.param(OPENVINO_BF16, id="openvino-bf16", marks=[needs_openvino, needs_fast_bf16]),
]
ENGINES = [
    pytest.param(FP32, id="torch-fp32"),
    pytest.param(OPENVINO, id="openvino-fp32", marks=needs_openvino),
    *SIXTEEN_BITS,
]


def transform(choice: EngineChoice = FP32, size: NetworkSize | QuarterSize = SMALL) -> StyleTransform:
    return StyleTransform(random_network(size), weights_digest="0" * 64, choice=choice)


def frames_of(count: int, height: int = 30, width: int = 45) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_a_frame_comes_out_as_the_network_paints_it_rounded_and_clipped() -> None:
    frames = frames_of(2)
    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        wanted = repaint(random_network(SMALL), pictures).permute(0, 2, 3, 1).numpy()
    assert wanted.min() < 0
    assert wanted.max() > 255
    repainted = transform()(frames)
    assert repainted.dtype == np.uint8
    assert np.abs(repainted - wanted.clip(0, 255)).max() <= 0.51


def test_the_transform_is_what_the_graph_expects() -> None:
    fits: FrameTransform = transform()
    assert (fits.batch_size, fits.device, fits.memory_rung) == (8, "cpu", "2 frames at once")
    assert len(fits.digest) == 64


@pytest.mark.parametrize("size", [RETIRED_SIZE, *OF_QUALITIES.values()], ids=["default", *OF_QUALITIES])
@pytest.mark.parametrize("choice", ENGINES)
def test_every_batch_composition_gives_the_same_bits(choice: EngineChoice, size: NetworkSize | QuarterSize) -> None:
    frames = frames_of(7, 61, 97)
    apply = transform(choice, size)
    together = apply(frames)
    alone = np.concatenate([apply(frame[None]) for frame in frames])
    uneven = np.concatenate([apply(frames[:5]), apply(frames[5:])])
    backwards = apply(frames[::-1])[::-1]
    for other in (alone, uneven, backwards):
        assert np.array_equal(together, other)


IN_ANOTHER_PROCESS = """
import json, sys
import numpy as np
from stylize.style.engines.cuda_engine import PASSES_BEFORE_GRAPH
from stylize.style.engines.engine import EngineChoice
from tests.unit.style.networks import OF_QUALITIES
from tests.unit.style.test_engine import frames_of, transform

for quality, size in OF_QUALITIES.items():
    apply = transform(EngineChoice.from_dict(json.loads(sys.argv[1])), size)
    apply(frames_of(1, 20, 20))
    np.save(f"{sys.argv[2]}/{quality}.npy", apply(frames_of(3, 61, 97)))
"""


@pytest.mark.parametrize("choice", ENGINES)
def test_another_process_with_more_streams_gives_the_same_bits(choice: EngineChoice, tmp_path: Path) -> None:
    recorded = json.dumps(choice.to_dict() | {"num_streams": 3})
    subprocess.run([sys.executable, "-c", IN_ANOTHER_PROCESS, recorded, str(tmp_path)], check=True)
    for quality, size in OF_QUALITIES.items():
        assert np.array_equal(np.load(tmp_path / f"{quality}.npy"), transform(choice, size)(frames_of(3, 61, 97)))


@needs_openvino
@pytest.mark.parametrize("size", [RETIRED_SIZE, SMALL, *OF_QUALITIES.values()], ids=["default", "small", *OF_QUALITIES])
@pytest.mark.parametrize(("height", "width"), [(61, 97), (1, 9), (64, 40)])
def test_both_engines_paint_the_same_picture(size: NetworkSize | QuarterSize, height: int, width: int) -> None:
    frames = frames_of(2, height, width)
    by_torch, by_openvino = (
        StyleTransform(with_uneven_norms(random_network(size)), weights_digest="", choice=choice)(frames).astype(int)
        for choice in (FP32, OPENVINO)
    )
    assert by_torch.std() > 20
    assert np.abs(by_torch - by_openvino).max() <= 1


@needs_openvino
def test_frames_of_changing_size_are_painted_by_one_transform() -> None:
    apply = transform(OPENVINO)
    for height, width in ((30, 45), (20, 64), (30, 45)):
        frames = frames_of(2, height, width)
        assert np.array_equal(apply(frames), transform(OPENVINO)(frames))


@needs_openvino
def test_openvino_tells_nobody_that_it_is_used() -> None:
    imports = "import sys, stylize.style.engines.openvino_engine"
    code = f"{imports}; print(sys.modules.get('openvino_telemetry', 'free'))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "None\n"


@pytest.mark.parametrize("choice", SIXTEEN_BITS)
def test_sixteen_bit_arithmetic_looks_the_same(choice: EngineChoice) -> None:
    frames = frames_of(1, 64, 64)
    rounded = StyleTransform(random_network(SMALL).bfloat16().float(), weights_digest="0" * 64, choice=FP32)
    exact, fast = rounded(frames).astype(float), transform(choice)(frames).astype(float)
    assert 0.1 < np.abs(exact - fast).mean() < 3, "less would be 32 bits with rounded weights"


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 16), (2, 3), (5, 7), (8, 8), (16, 1), (15, 17), (33, 34)])
def test_tiny_and_odd_frames_keep_their_size(height: int, width: int) -> None:
    frames = frames_of(2, height, width)
    assert transform()(frames).shape == frames.shape
    assert transform(BF16)(frames).shape == frames.shape


def test_no_frames_give_no_frames() -> None:
    assert transform()(frames_of(0)).shape == (0, 30, 45, 3)


def test_frames_that_may_not_be_written_and_views_are_taken() -> None:
    frames = frames_of(2)
    mirrored = frames[:, :, ::-1]
    frames.setflags(write=False)
    assert np.array_equal(transform()(mirrored), transform()(np.ascontiguousarray(mirrored)))


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 4), np.uint8),
        np.zeros((1, 4, 4, 3)),
        np.zeros((1, 0, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused_by_shape_and_type(frames: np.ndarray) -> None:
    with pytest.raises(StyleError, match="must be uint8"):
        transform()(frames)


def test_the_digest_changes_with_weights_precision_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(weights: str = "a" * 64, choice: EngineChoice = FP32) -> str:
        return StyleTransform(random_network(SMALL), weights_digest=weights, choice=choice).digest

    original = digest()
    assert digest() == original
    more_frames = EngineChoice(device="cpu", precision="fp32", num_streams=9)
    assert digest(choice=more_frames) == original
    changed = {digest(weights="b" * 64), digest(choice=BF16)}
    monkeypatch.setattr(engine.code_versions, "STYLE", "next")
    assert len(changed | {digest(), original}) == 4


def test_a_checkpoint_becomes_a_transform(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(random_network(SMALL), path)
    frames = frames_of(1)
    assert np.array_equal(StyleTransform.from_checkpoint(path, FP32)(frames), transform()(frames))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch sees none")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_gpu_paints_what_the_cpu_paints(precision: str) -> None:
    choice = choose_engine(device="cuda", precision=precision, width=640, height=360)
    frames = frames_of(3, 64, 96)
    on_gpu, on_cpu = transform(choice)(frames).astype(float), transform(FP32)(frames).astype(float)
    assert np.abs(on_gpu - on_cpu).mean() < 3
    assert precision != "fp32" or np.abs(on_gpu - on_cpu).max() <= 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch sees none")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_long_clip_on_a_gpu_does_not_change_when_its_passes_are_recorded(precision: Precision) -> None:
    choice = EngineChoice(device="cuda", precision=precision, batch_size=2)
    frames = frames_of(2 * PASSES_BEFORE_GRAPH + 5, 64, 96)
    together = transform(choice)(frames).astype(int)
    alone = np.concatenate([transform(choice)(frame[None]) for frame in frames])
    assert np.abs(together - alone).max() <= 1
