"""Which engine is chosen where, and what is refused."""

import json
from typing import Any

import pytest
import torch

from stylize.errors import StyleError
from stylize.style.engines import engine_choice
from stylize.style.engines.engine import EngineChoice, choose_engine
from tests.unit.style.test_engine import BF16, FP32, OPENVINO, transform


@pytest.mark.parametrize(
    "change",
    [
        {"device": "tpu"},
        {"precision": "int8"},
        {"precision": "fp16"},
        {"engine": "jax"},
        {"device": "cuda", "engine": "openvino"},
        {"batch_size": 0},
        {"batch_size": 2},
        {"num_streams": 0},
        {"threads_per_stream": 0},
        {"colour": "red"},
    ],
    ids=str,
)
def test_choices_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(StyleError):
        EngineChoice.from_dict(FP32.to_dict() | change)


def test_a_recorded_choice_is_read_back() -> None:
    for choice in (FP32, BF16, OPENVINO):
        assert EngineChoice.from_dict(json.loads(json.dumps(choice.to_dict()))) == choice


@pytest.mark.parametrize(("fast", "precision"), [(True, "bf16"), (False, "fp32")])
def test_the_cpu_computes_in_16_bits_only_where_that_is_fast(
    monkeypatch: pytest.MonkeyPatch, fast: bool, precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": fast})
    assert choose_engine(device="cpu", width=640, height=360).precision == precision
    assert choose_engine(device="cpu", precision="fp32", width=640, height=360).precision == "fp32"


@pytest.mark.parametrize(
    ("installed", "fast", "precision", "expected"),
    [
        (True, False, "fp32", "openvino"),
        (True, True, "bf16", "openvino"),
        (True, False, "bf16", "torch"),
        (False, True, "bf16", "torch"),
    ],
)
def test_openvino_computes_what_it_is_able_to(
    monkeypatch: pytest.MonkeyPatch, installed: bool, fast: bool, precision: str, expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": fast})
    monkeypatch.setattr(engine_choice, "_has_openvino", lambda: installed)
    assert choose_engine(device="cpu", precision=precision, width=640, height=360).engine == expected


def test_a_machine_that_cannot_do_what_was_recorded_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    monkeypatch.setattr(engine_choice, "_has_openvino", lambda: True)
    with pytest.raises(StyleError, match="no instructions for it"):
        transform(EngineChoice(device="cpu", precision="bf16", engine="openvino"))
    monkeypatch.setattr(engine_choice, "_has_openvino", lambda: False)
    with pytest.raises(StyleError, match="pip install openvino"):
        transform(OPENVINO)


@pytest.mark.parametrize(
    ("cores", "gib", "width", "height", "streams"),
    [(4, 16, 640, 360, 4), (16, 8, 1920, 1080, 4), (2, 1, 7680, 4320, 1), (1, 64, 640, 360, 1)],
)
def test_there_are_as_many_streams_as_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch, cores: int, gib: int, width: int, height: int, streams: int
) -> None:
    monkeypatch.setattr(engine_choice, "_has_openvino", lambda: True)
    monkeypatch.setattr(engine_choice, "usable_cores", lambda: cores)
    monkeypatch.setattr(engine_choice, "available_bytes", lambda: gib * 2**30)
    choice = choose_engine(device="cpu", precision="fp32", width=width, height=height)
    assert (choice.num_streams, choice.threads_per_stream, choice.batch_size) == (streams, 1, 1)


@pytest.mark.parametrize("wrong", [{"device": "tpu"}, {"precision": "int8"}])
def test_unknown_devices_and_precisions_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(StyleError, match="expected 'cpu' or 'cuda' with 'fp32' or 'bf16' or 'fp16'"):
        choose_engine(width=8, height=8, **wrong)


@pytest.mark.parametrize(("build", "advice"), [(None, "install a CUDA build"), ("12.8", "nvidia-smi")])
def test_demanding_a_missing_gpu_says_what_to_check(
    monkeypatch: pytest.MonkeyPatch, build: str | None, advice: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", build)
    with pytest.raises(StyleError, match=advice):
        choose_engine(device="cuda", width=8, height=8)
    with pytest.raises(StyleError, match=advice):
        transform(EngineChoice(device="cuda", precision="bf16", batch_size=1))
    assert choose_engine(width=8, height=8).device == "cpu"
