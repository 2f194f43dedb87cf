"""Statistics that are frozen for a shot, in every engine."""

import json
from pathlib import Path

import numpy as np
import pytest

from stylize.frame_transform import Picture
from stylize.style.checkpoint import load_checkpoint
from stylize.style.controls.controlled import ControlledTransform
from stylize.style.controls.controls import Controls
from stylize.style.engines.engine import EngineChoice, StyleTransform
from stylize.style.engines.engine_choice import EngineName
from stylize.style.engines.shot_statistics import freeze_statistics, measure_statistics
from stylize.style.engines.strips import repaint_in_strips

CHECKPOINT = Path(__file__).parents[3] / "styles" / "retired" / "starry-night" / "model.safetensors"
HEIGHT, WIDTH = 96, 160
ENGINES: tuple[EngineName, ...] = ("torch", "openvino")


def painter(engine: EngineName) -> StyleTransform:
    return StyleTransform.from_checkpoint(CHECKPOINT, EngineChoice(device="cpu", precision="fp32", engine=engine))


def scenery() -> Picture:
    numbers = np.random.default_rng(3)
    coarse = numbers.integers(30, 225, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


def with_something_large_entered(picture: Picture) -> Picture:
    entered = picture.copy()
    entered[:, : WIDTH // 2] = 250
    return entered


def change(before: Picture, after: Picture) -> float:
    """In levels, of what stood still: the part of the picture that no stroke of the object reaches."""
    far = 3 * WIDTH // 4
    return float(np.abs(before[..., far:, :].astype(int) - after[..., far:, :]).mean())


@pytest.mark.parametrize("engine", ENGINES)
def test_what_stands_still_keeps_its_paint_when_something_large_enters(engine: EngineName) -> None:
    transform, still = painter(engine), scenery()
    frames = np.stack([still, with_something_large_entered(still)])
    before, after = transform(frames)
    assert change(before, after) > 3

    transform.freeze_shot(transform.measure_shot(still[None]))
    before, after = transform(frames)
    assert change(before, after) < 0.3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_frame_painted_by_its_own_statistics_looks_as_if_nothing_were_frozen(engine: EngineName) -> None:
    transform, frame = painter(engine), scenery()[None]
    free = transform(frame)
    transform.freeze_shot(transform.measure_shot(frame))
    assert np.abs(transform(frame).astype(int) - free).max() <= 1


@pytest.mark.parametrize("engine", ENGINES)
def test_statistics_are_measured_the_same_whatever_the_shot_before_was(engine: EngineName) -> None:
    transform, still = painter(engine), scenery()
    fresh = transform.measure_shot(still[None])
    transform.freeze_shot(transform.measure_shot(255 - still[None]))
    assert transform.measure_shot(still[None]) == fresh


def test_statistics_survive_a_record_bit_for_bit() -> None:
    transform, still = painter("openvino"), scenery()
    statistics = transform.measure_shot(still[None])
    transform.freeze_shot(statistics)
    measured_here = transform(still[None])
    elsewhere = painter("openvino")
    elsewhere.freeze_shot(json.loads(json.dumps(statistics)))
    assert np.array_equal(elsewhere(still[None]), measured_here)


def test_strips_are_painted_by_the_frozen_statistics_too() -> None:
    """On the last rungs of the memory ladder."""
    transform, still = painter("torch"), scenery()
    statistics = transform.measure_shot(255 - still[None])
    transform.freeze_shot(statistics)
    network = load_checkpoint(CHECKPOINT)
    freeze_statistics(network, statistics[0])
    in_strips = repaint_in_strips(network, still, 4)
    assert np.abs(in_strips.astype(int) - transform(still[None])[0]).max() <= 1


def test_the_statistics_of_two_frames_are_those_of_both_taken_as_one_sample() -> None:
    network, still = load_checkpoint(CHECKPOINT), scenery()
    frames = np.stack([still, 255 - still])
    together = measure_statistics(network, frames)
    alone = [measure_statistics(network, frame[None]) for frame in frames]
    for name, (mean, variance) in together.items():
        means, variances = (np.array([statistics[name][part] for statistics in alone]) for part in (0, 1))
        np.testing.assert_allclose(mean, means.mean(0), rtol=1e-9)
        np.testing.assert_allclose(variance, variances.mean(0) + means.var(0), rtol=1e-9)


def test_both_styles_of_a_blend_are_frozen_at_the_size_they_are_shown() -> None:
    first, second = painter("openvino"), painter("openvino")
    controls = Controls(share=0.5, style_scale=0.2)
    transform, still = ControlledTransform(first, controls, second), scenery()
    frames = np.stack([still, with_something_large_entered(still)])
    free = change(*transform(frames))
    statistics = transform.measure_shot(still[None])
    assert len(statistics) == 2
    transform.freeze_shot(statistics)
    assert change(*transform(frames)) < free / 3
