"""Cuts are found, and what only looks like one is not taken for one."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from av.video.frame import VideoFrame

from stylize.sandbox.limits import DecodeLimits
from stylize.video.measure.shots import ShotFinder
from stylize.video.source.scan import scan
from tests.clips import run_ffmpeg

Picture = npt.NDArray[np.uint8]
SCENES = ("testsrc2", "mandelbrot", "smptebars")


def _scene(number: int, num_frames: int) -> list[Picture]:
    """A textured picture that drifts by three pixels a frame."""
    generator = np.random.default_rng(number)
    coarse = generator.integers(0, 256, (9, 16, 3), dtype=np.uint8).repeat(20, axis=0).repeat(20, axis=1)
    return [np.roll(coarse, 3 * index, axis=1) for index in range(num_frames)]


def _starts(pictures: list[Picture]) -> tuple[int, ...]:
    finder = ShotFinder()
    for picture in pictures:
        finder.add(VideoFrame.from_ndarray(picture, format="rgb24"))
    return finder.starts


def test_a_cut_begins_a_shot() -> None:
    assert _starts(_scene(1, 30) + _scene(2, 20) + _scene(3, 25)) == (0, 30, 50)


def test_motion_and_a_dissolve_are_no_cuts() -> None:
    before, after = _scene(1, 60), _scene(2, 60)
    shares = np.clip((np.arange(60) - 20) / 24, 0, 1)
    dissolve = [
        (a * (1 - share) + b * share).astype(np.uint8) for a, b, share in zip(before, after, shares, strict=True)
    ]
    assert _starts(dissolve) == (0,)


def test_a_flash_makes_no_shot_of_one_frame() -> None:
    pictures = _scene(1, 60)
    pictures[30] = np.full_like(pictures[30], 255)
    assert _starts(pictures) in {(0,), (0, 30)}


@pytest.mark.parametrize("size", [(2, 2), (3, 5), (1920, 2)])
def test_pictures_of_any_shape_are_compared(size: tuple[int, int]) -> None:
    width, height = size
    black, white = np.zeros((height, width, 3), np.uint8), np.full((height, width, 3), 255, np.uint8)
    assert _starts([black] * 20 + [white] * 20) == (0, 20)


def test_the_scan_of_a_file_writes_them_down(tmp_path: Path) -> None:
    inputs = [argument for scene in SCENES for argument in ("-f", "lavfi", "-t", "1", "-i", f"{scene}=s=160x90:r=25")]
    film = tmp_path / "film.mp4"
    run_ffmpeg(*inputs, "-filter_complex", "concat=n=3", "-pix_fmt", "yuv420p", film)
    assert scan(film, limits=DecodeLimits()).video.shots == (0, 25, 50)
