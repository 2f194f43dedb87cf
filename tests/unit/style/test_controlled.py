"""The controls as one transform of frames, around real networks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylize.frame_transform import FrameTransform, Picture
from stylize.style.controls.color_mixing import luma
from stylize.style.controls.controlled import ControlledTransform
from stylize.style.controls.controls import Controls
from stylize.style.engines.engine import EngineChoice, StyleTransform

STYLES = Path(__file__).parents[3] / "styles" / "retired"


def style(name: str) -> StyleTransform:
    choice = EngineChoice(device="cpu", precision="fp32")
    return StyleTransform.from_checkpoint(STYLES / name / "model.safetensors", choice)


@pytest.fixture(scope="module")
def wave() -> StyleTransform:
    return style("great-wave")


@pytest.fixture(scope="module")
def scream() -> StyleTransform:
    return style("scream")


def scenery(height: int, width: int, count: int = 1) -> Picture:
    """Coloured discs of all sizes, the same picture at any resolution."""
    numbers = np.random.default_rng(5)
    row, column = np.mgrid[: height * 2, : width * 2] / (2 * height)
    picture = np.stack([90 + 90 * column, 130 + 60 * row, 190 - 80 * column], -1)
    for radius in np.geomspace(0.4, 0.02, 60):
        y, x = numbers.uniform(0, 1), numbers.uniform(0, width / height)
        picture[np.hypot(row - y, column - x) < radius] = numbers.uniform(10, 245, 3)
    small = Image.fromarray(picture.astype(np.uint8)).resize((width, height), Image.Resampling.BOX)
    return np.stack([np.roll(np.asarray(small), 7 * index, axis=1) for index in range(count)])


def levels(first: Picture, second: Picture) -> float:
    return float(np.abs(first.astype(int) - second).mean())


class _NeverRuns:
    batch_size, device, digest, memory_rung = 1, "cpu", "0" * 64, "1 frame at once"

    def __call__(self, frames: Picture) -> Picture:
        raise AssertionError("the network ran")


def test_strength_0_gives_the_source_and_runs_no_network() -> None:
    frames = scenery(48, 64, count=2)
    assert np.array_equal(ControlledTransform(_NeverRuns(), Controls(strength=0, keep_colors=True))(frames), frames)


def test_the_weaker_the_nearer_to_the_source(wave: StyleTransform) -> None:
    frames = scenery(48, 64)
    painted = wave(frames)
    away = [levels(ControlledTransform(wave, Controls(strength=s))(frames), frames) for s in (0.01, 0.25, 0.5, 0.75)]
    assert away == sorted(away)
    assert away[0] < 2
    assert away[2] == pytest.approx(levels(painted, frames) / 2, abs=0.5)
    full = ControlledTransform(wave, Controls(strength=1.0, style_scale=0.2))(scenery(60, 80))
    assert np.array_equal(full, wave(scenery(60, 80)))  # 60 rows are what 0.2 shows to the network


def test_colors_are_kept_in_hue_while_brightness_is_painted(scream: StyleTransform) -> None:
    frames = scenery(72, 96)
    kept = ControlledTransform(scream, Controls(keep_colors=True))(frames)

    def plane(pictures: Picture) -> np.ndarray:
        return luma(torch.from_numpy(pictures).permute(0, 3, 1, 2).float()).numpy()

    assert np.abs(plane(kept) - plane(scream(frames))).max() < 1
    source_hsv, kept_hsv = (
        np.asarray(Image.fromarray(picture[0]).convert("HSV")).astype(int) for picture in (frames, kept)
    )
    colourful = kept[0].astype(int).max(-1) - kept[0].min(-1) > 40
    turn = np.abs(source_hsv[..., 0] - kept_hsv[..., 0])
    assert colourful.mean() > 0.3
    assert np.minimum(turn, 256 - turn)[colourful].max() <= 4  # of 256, that is 6 degrees, rounding included


def test_two_styles_are_mixed_by_share(wave: StyleTransform, scream: StyleTransform) -> None:
    frames = scenery(48, 64)
    first, second = wave(frames).astype(float), scream(frames).astype(float)
    mixed = ControlledTransform(wave, Controls(share=0.3), second=scream)(frames)
    assert np.abs(mixed - (0.7 * first + 0.3 * second)).max() <= 0.51


def test_one_style_scale_looks_alike_at_every_resolution(wave: StyleTransform) -> None:
    small, large = scenery(96, 128), scenery(216, 288)

    def at_small_size(frames: Picture) -> Picture:
        return np.asarray(Image.fromarray(frames[0]).resize((128, 96), Image.Resampling.BOX))

    scaled = ControlledTransform(wave, Controls(style_scale=0.125))
    alike = levels(at_small_size(scaled(large)), scaled(small)[0])
    as_they_come = levels(at_small_size(wave(large)), wave(small)[0])
    assert alike < 8 < 1.5 * 8 < as_they_come


def test_a_brush_finer_than_the_frame_is_painted_larger_and_reduced(wave: StyleTransform) -> None:
    frames = scenery(48, 64)
    finer = ControlledTransform(wave, Controls(style_scale=0.14))(frames)
    assert finer.shape == frames.shape
    assert levels(finer, wave(frames)) > 1


@pytest.mark.parametrize("style_scale", [None, 0.1, 0.2])
def test_a_frame_comes_out_the_same_whatever_comes_with_it(
    wave: StyleTransform, scream: StyleTransform, style_scale: float | None
) -> None:
    frames = scenery(72, 90, count=3)
    frames.setflags(write=False)
    controls = Controls(strength=0.8, keep_colors=True, style_scale=style_scale, share=0.4)
    apply = ControlledTransform(wave, controls, second=scream)
    alone = np.concatenate([apply(frame[None]) for frame in frames])
    assert np.array_equal(apply(frames), alone)
    assert apply(frames[:0]).shape == (0, 72, 90, 3)


def test_the_transform_is_what_the_graph_expects_and_its_digest_covers_the_controls(
    wave: StyleTransform, scream: StyleTransform
) -> None:
    fits: FrameTransform = ControlledTransform(wave, Controls(strength=0.5))
    assert (fits.batch_size, fits.device, fits.memory_rung) == (4, "cpu", "1 frame at once")
    others = [
        ControlledTransform(wave, Controls(strength=0.6)),
        ControlledTransform(scream, Controls(strength=0.5)),
        ControlledTransform(wave, Controls(strength=0.5, keep_colors=True)),
        ControlledTransform(wave, Controls(strength=0.5, style_scale=0.1)),
        ControlledTransform(wave, Controls(strength=0.5, share=0.5), second=scream),
        ControlledTransform(wave, Controls(strength=0.5, share=0.5), second=style("minotaur")),
    ]
    assert len({fits.digest, wave.digest, *(other.digest for other in others)}) == 8
    assert ControlledTransform(wave, Controls(strength=0.5)).digest == fits.digest


def test_at_the_size_of_the_frame_a_style_scale_changes_nothing(wave: StyleTransform) -> None:
    frames = scenery(72, 128, count=2)
    same_size = ControlledTransform(wave, Controls(style_scale=round(12 / 72, 5)))
    assert np.array_equal(same_size(frames), wave(frames))
