"""Flicker is told from motion, and what cannot be followed is not called flicker."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from stylize.video.measure.flicker import FLICKER_THRESHOLD, FlickerMeter, Picture, compare_pair, estimate_motion
from stylize.video.source.manifest import VideoTrack

WIDTH, HEIGHT = 240, 160


def look_at(name: str, *, right: float, down: float, noise: float = 0.0, seed: int = 0) -> Picture:
    """A camera's view of a photograph, moved by fractions of a pixel."""
    image = Image.fromarray(getattr(skimage.data, name)())
    box = (40 + 1.5 * right, 30 + 1.5 * down, 40 + 1.5 * (right + WIDTH), 30 + 1.5 * (down + HEIGHT))
    view = np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, box=box), dtype=np.float64)
    view = view + np.random.default_rng(seed).normal(scale=noise, size=view.shape)
    return np.rint(view).clip(0, 255).astype(np.uint8)


def negative(picture: Picture) -> Picture:
    """A style that is as steady as its source."""
    return 255 - picture


def brighter(picture: Picture, levels: int) -> Picture:
    return (picture.astype(int) + levels).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["coffee", "astronaut", "chelsea"])
@pytest.mark.parametrize(("right", "down"), [(0.0, 0.0), (1.3, 0.7), (-6.5, 4.0), (14.0, 0.0)])
def test_a_style_that_moves_with_its_source_does_not_flicker(name: str, right: float, down: float) -> None:
    sources = look_at(name, right=0, down=0, noise=2), look_at(name, right=right, down=down, noise=2, seed=1)
    pair = compare_pair(1, sources=sources, styled=(negative(sources[0]), negative(sources[1])))
    assert pair is not None
    assert pair.styled_error == pytest.approx(pair.source_error, rel=0.01)
    assert pair.styled_error < 0.25 * FLICKER_THRESHOLD
    assert pair.compared_share > 0.7


@pytest.mark.parametrize(("right", "down"), [(1.3, 0.7), (-6.5, 4.0)])
def test_the_motion_of_a_pan_is_found(right: float, down: float) -> None:
    later, earlier = look_at("coffee", right=right, down=down), look_at("coffee", right=0, down=0)
    motion = estimate_motion(later, earlier)[20:-20, 20:-20].reshape(-1, 2)
    assert np.median(motion, axis=0) == pytest.approx([right, down], abs=0.15)


def test_a_jump_of_brightness_and_strokes_that_stay_while_the_source_moves_are_flicker() -> None:
    sources = look_at("coffee", right=0, down=0), look_at("coffee", right=5, down=3)
    jump = compare_pair(1, sources=sources, styled=(negative(sources[0]), brighter(negative(sources[1]), -25)))
    stuck = compare_pair(1, sources=sources, styled=(negative(sources[0]), negative(sources[0])))
    assert jump is not None
    assert stuck is not None
    assert jump.styled_error > FLICKER_THRESHOLD
    assert stuck.styled_error > FLICKER_THRESHOLD
    assert jump.source_error < 0.1 * FLICKER_THRESHOLD


def test_the_error_of_a_jump_is_its_square() -> None:
    source = look_at("chelsea", right=0, down=0)
    flat = np.full_like(source, 100)
    pair = compare_pair(1, sources=(source, source), styled=(flat, brighter(flat, 51)))
    assert pair is not None
    assert pair.styled_error == pytest.approx(0.2**2)
    assert pair.source_error == 0


def test_a_cut_is_no_flicker() -> None:
    sources = look_at("coffee", right=0, down=0), look_at("astronaut", right=0, down=0)
    assert compare_pair(1, sources=sources, styled=sources) is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (4, 900, 3), (12, 40, 3), (47, 64, 3), (64, 3000, 3)])
def test_frames_too_small_to_be_followed_say_nothing(shape: tuple[int, int, int]) -> None:
    meter = FlickerMeter([1])
    for frame in (0, 1):
        meter.add(frame, np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))
    assert (meter.report().pairs, meter.report().num_skipped) == ((), 1)


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (640, 1138), (48, 48), (49, 200)])
def test_frames_of_any_other_size_are_compared(size: tuple[int, int]) -> None:
    picture = np.asarray(Image.fromarray(skimage.data.coffee()).resize(size))
    meter = FlickerMeter([1])
    for frame in (0, 1):
        meter.add(frame, picture, picture)
    (pair,) = meter.report().pairs
    assert (pair.styled_error, pair.compared_share) == (0, 1)


def film(num_frames: int) -> list[Picture]:
    return [look_at("coffee", right=2.0 * frame, down=0, noise=1, seed=frame) for frame in range(num_frames)]


def test_a_meter_measures_exactly_the_chosen_pairs_as_the_film_passes() -> None:
    pictures = film(8)
    painted = [negative(picture) for picture in pictures]
    painted[5] = brighter(painted[5], -40)
    meter = FlickerMeter([12, 15, 16])
    passed = list(meter.sources(pictures, start=10))
    styled = list(meter.styled(iter(painted), start=10))
    assert all(np.array_equal(a, b) for a, b in zip(passed + styled, pictures + painted, strict=True))
    report = meter.report()
    assert [pair.frame for pair in report.pairs] == [12, 15, 16]
    assert [pair.styled_error > FLICKER_THRESHOLD for pair in report.pairs] == [False, True, True]


def test_a_pair_whose_earlier_frame_is_missing_is_not_measured() -> None:
    pictures = film(3)
    meter = FlickerMeter([1, 5])
    for frame in (1, 3, 5):
        meter.add(frame, pictures[frame // 2], pictures[frame // 2])
    assert (meter.report().pairs, meter.report().num_skipped) == ((), 0)


def test_the_summary_names_the_worst_pair_and_when_it_is_shown(manifest) -> None:
    track: VideoTrack = manifest("constant_rate").video
    pictures = film(4)
    meter = FlickerMeter([1, 2, 3])
    for frame, picture in enumerate(pictures):
        meter.add(frame, picture, brighter(negative(picture), -60 if frame >= 2 else 0))
    summary = meter.report().to_dict(track)
    assert summary["pairs_compared"] == 3
    assert summary["worst_frame"] == 2
    assert summary["worst_frame_seconds"] == pytest.approx(2 / 24, abs=1e-3)
    assert summary["worst_error"] > summary["threshold"] > summary["median_error"]
    assert FlickerMeter([1]).report().to_dict(track).keys() == {"pairs_compared", "pairs_skipped", "threshold"}
