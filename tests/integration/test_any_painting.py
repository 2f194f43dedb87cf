"""A picture of a painting is a style at once: by the command, as an upload, and for a clip that has another."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.conftest import Restyle, Stylize

Clip = Callable[[str], Path]


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    rows = np.arange(180)[:, None, None] // 9 % 2
    stripes = np.broadcast_to(np.where(rows, (220, 60, 30), (30, 30, 110)), (180, 200, 3)).astype(np.uint8)
    path = tmp_path / "Red Stripes.jpg"
    Image.fromarray(stripes).save(path, quality=95)
    return path


def test_a_video_is_painted_like_a_picture_that_nobody_trained_from(
    painting: Path, clip: Clip, restyle: Restyle, stylize: Stylize, home: Path
) -> None:
    report = restyle(clip("constant_rate"), "--style", painting, "--home", home)
    assert report["style"] == "red-stripes"
    again = restyle(clip("constant_rate"), "--style", painting, "--home", home)
    assert again["segments"]["styled"] == 0, "the same picture is the same style"
    listed = stylize("styles", "--home", home)
    assert "red-stripes" in listed.stdout
    assert "From the picture red-stripes.jpg." in listed.stdout


def test_every_quality_is_a_look_of_its_own(painting: Path, clip: Clip, restyle: Restyle, home: Path) -> None:
    looks = set()
    for quality in ("fast", "best", "standard"):
        restyle(clip("constant_rate"), "--style", painting, "--quality", quality, "--home", home)
        (settings,) = (home / "store").glob("clips/*/settings.json")
        document = json.loads(settings.read_text())
        assert document["quality"] == quality
        (receipt,) = {path.read_bytes() for path in (home / "store").glob("delivery/*/latest.json")}
        looks.add(receipt)
    assert len(looks) == 3


def test_a_clip_keeps_its_model_when_only_its_strength_changes(
    painting: Path, clip: Clip, restyle: Restyle, home: Path
) -> None:
    """The picture may have become another meanwhile, and a style may be shipped no more."""
    restyle(clip("constant_rate"), "--style", painting, "--home", home)
    (settings,) = (home / "store").glob("clips/*/settings.json")
    before = json.loads(settings.read_text())
    Image.new("RGB", (200, 180), "teal").effect_spread(3).save(
        home / "store" / "landing" / "styles" / "red-stripes.jpg"
    )
    restyle(clip("constant_rate"), "--strength", "0.5", "--home", home)
    after = json.loads(settings.read_text())
    assert after["strength"] == 0.5
    assert after["model_sha256"] == before["model_sha256"]


def test_a_picture_that_is_no_painting_is_refused_in_one_line(
    clip: Clip, stylize: Stylize, home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "white.png"
    Image.new("RGB", (300, 300), "white").save(path)
    refused = stylize("video", clip("constant_rate"), "--style", path, "--home", home)
    assert refused.returncode == 2
    assert refused.stderr.strip().splitlines()[-1].count("one colo") == 1


def test_styles_are_chosen_by_looking(painting: Path, clip: Clip, stylize: Stylize, home: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jpg"
    command = ("preview", clip("constant_rate"), "--style", painting, "--output", sheet, "--home", home)
    finished = stylize(*command)
    assert finished.returncode == 0, finished.stderr
    with Image.open(sheet) as picture:
        before, after = (np.asarray(picture.convert("RGB").crop((8 + 408 * i, 8, 400 + 408 * i, 200))) for i in (0, 1))
        assert picture.width == 2 * 408 + 8
    assert np.abs(before.mean((0, 1)) - after.mean((0, 1))).max() > 5


def test_pictures_of_a_brand_are_one_style_between_theirs(
    painting: Path, clip: Clip, restyle: Restyle, stylize: Stylize, home: Path, tmp_path: Path
) -> None:
    teal = tmp_path / "teal.png"
    grain = np.random.default_rng(0).integers(0, 40, (180, 200, 1))
    Image.fromarray((grain + np.array([0, 110, 110])).astype(np.uint8)).save(teal)
    made = stylize("combine", painting, teal, "--name", "acme", "--home", home)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("style acme, from 2 pictures")
    assert "Acme. From 2 pictures." in stylize("styles", "--home", home).stdout
    frames = {}
    for style in (painting, "acme", teal):
        report = restyle(clip("one_frame"), "--style", style, "--home", home)
        with av.open(str(report["output"])) as container:
            frames[str(style)] = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    stripes, acme, plain = frames.values()
    assert np.abs(acme - stripes).mean() < np.abs(plain - stripes).mean()
    assert np.abs(acme - plain).mean() < np.abs(plain - stripes).mean()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("missing.png", "--name", "acme"), "expected 2 to 100; a single one is a style by itself"),
        (("missing.png", "none.png", "--name", "acme"), "missing.png': there is no such picture"),
        (("missing.png", "none.png", "--name", "scream"), "'scream' is a shipped style"),
    ],
)
def test_what_cannot_be_combined_is_one_line(
    arguments: tuple[str, ...], expected: str, stylize: Stylize, home: Path
) -> None:
    result = stylize("combine", *arguments, "--home", home)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert expected in result.stderr
