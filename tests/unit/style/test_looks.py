"""Measures of looks: each sees what it is for, on pictures that the test makes."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image, ImageFilter

from stylize.errors import StyleError
from stylize.style.looks import table
from stylize.style.looks.color import color_change, oklab, transfer_colors
from stylize.style.looks.faces import face_structure, faces_kept, find_faces
from stylize.style.looks.hatch import hatch
from stylize.style.looks.legibility import legibility, text_card
from stylize.style.looks.motion import follow, pan_error, sized_pan, warping_error
from stylize.style.looks.nearness import TextureJudge, nearness
from stylize.style.looks.structure import gradient_correlation
from stylize.style.looks.table import BOUNDS, LooksRow, failures
from stylize.style.pictures import Picture

ASTRONAUT: Picture = skimage.data.astronaut()
GOOD = LooksRow(
    name="good",
    quality="best",
    faces_kept=0.95,
    face_structure=0.8,
    structure=0.65,
    legibility=0.7,
    nearness=0.6,
    color_change_faces=0.15,
    color_change_outside=0.18,
    hatch=0.05,
    pan_error_360p=0.5e-3,
    pan_error_720p=0.5e-3,
    warping_error=1e-3,
)


def measured(value: float | None) -> float:
    assert value is not None
    return value


def measured_hatch(source: Picture, styled: Picture) -> float:
    return measured(hatch(source, styled))


def blurred(picture: Picture, pixels: float) -> Picture:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(pixels)))


def flat_picture() -> Picture:
    """Gray, slowly getting lighter from left to right."""
    return np.repeat(np.linspace(90, 140, 640).astype(np.uint8)[None, :, None], 360, axis=0).repeat(3, axis=2)


def with_texture(picture: Picture, texture: np.ndarray, levels: float) -> Picture:
    """``texture`` ``(H, W)`` added with a standard deviation of ``levels``."""
    added = texture * (levels / texture.std())
    return np.rint(picture + added[..., None]).clip(0, 255).astype(np.uint8)


def stripes(*, period: float) -> np.ndarray:
    rows, columns = np.indices((360, 640))
    return np.sin(2 * np.pi * (columns + 0.6 * rows) / period)


def test_an_unchanged_picture_keeps_its_face_and_its_structure() -> None:
    boxes = find_faces(ASTRONAUT)
    assert len(boxes) == 1
    left, top, right, bottom, score = boxes[0]
    assert 150 < left < right < 300
    assert 30 < top < bottom < 200
    assert score > 0.8
    assert faces_kept([boxes], [ASTRONAUT]) == 1
    assert face_structure(boxes, ASTRONAUT, ASTRONAUT) == pytest.approx([1])
    assert gradient_correlation(ASTRONAUT, ASTRONAUT) == pytest.approx(1)


def test_a_face_that_is_painted_over_is_lost_and_the_rest_is_not() -> None:
    boxes = find_faces(ASTRONAUT)
    left, top, right, bottom = boxes[0, :4].astype(int)
    painted = ASTRONAUT.copy()
    painted[top:bottom, left:right] = 128
    assert faces_kept([boxes], [painted]) == 0
    assert face_structure(boxes, ASTRONAUT, painted)[0] < 0.5
    assert gradient_correlation(ASTRONAUT, painted) > 0.9


def test_noise_in_the_place_of_a_face_has_nothing_of_its_structure() -> None:
    """The detector tells heads by what is around them, too; this measure does not."""
    boxes = find_faces(ASTRONAUT)
    left, top, right, bottom = boxes[0, :4].astype(int)
    painted = ASTRONAUT.copy()
    painted[top:bottom, left:right] = np.random.default_rng(0).integers(0, 256, (bottom - top, right - left, 3))
    assert abs(face_structure(boxes, ASTRONAUT, painted)[0]) < 0.1


def test_a_face_somewhere_else_is_not_the_same_face() -> None:
    boxes = find_faces(ASTRONAUT)
    assert faces_kept([boxes], [np.roll(ASTRONAUT, 150, axis=1)]) == 0
    assert faces_kept([boxes], [np.roll(ASTRONAUT, 10, axis=1)]) == 1


def test_pictures_without_faces_have_no_share_of_faces() -> None:
    coffee = skimage.data.coffee()
    assert faces_kept([find_faces(coffee)], [coffee]) is None


def test_structure_is_that_of_edges_and_not_of_contrast() -> None:
    paler = (ASTRONAUT * 0.5 + 60).astype(np.uint8)
    assert gradient_correlation(ASTRONAUT, paler) > 0.99
    assert gradient_correlation(ASTRONAUT, 255 - ASTRONAUT) < -0.99
    assert abs(gradient_correlation(ASTRONAUT, np.rot90(ASTRONAUT).copy())) < 0.1


def test_letters_get_harder_to_read_the_more_they_are_blurred() -> None:
    card = text_card()
    found = [legibility(card, card), *(legibility(card, blurred(card, pixels)) for pixels in (1, 2, 4, 8))]
    assert found[0] == pytest.approx(1)
    assert all(after < 0.85 * before for before, after in itertools.pairwise(found))
    assert legibility(card, 255 - card) > 0.99, "light on dark is as easy to read"
    assert legibility(card, np.roll(card, 360, axis=1)) < 0.1, "other letters than those are not read"


def test_a_hatch_over_flat_areas_is_worse_than_noise_of_the_same_energy() -> None:
    source, noise = flat_picture(), np.random.default_rng(0).normal(size=(360, 640))
    with_noise = measured_hatch(source, with_texture(source, noise, 4))
    assert with_noise < 0.05
    for period in (3, 5, 9):
        assert measured_hatch(source, with_texture(source, stripes(period=period), 4)) > 0.5
    both = measured_hatch(source, with_texture(source, noise + 0.7 * stripes(period=5), 4))
    assert 0.1 < both < 0.5


def test_a_hatch_is_only_looked_for_where_the_source_is_flat() -> None:
    busy = with_texture(flat_picture(), np.random.default_rng(0).normal(size=(360, 640)), 60)
    assert hatch(busy, flat_picture()) is None
    assert measured_hatch(flat_picture(), flat_picture()) < 0.05


def test_strokes_that_differ_from_place_to_place_are_no_hatch() -> None:
    grain = np.random.default_rng(0).normal(size=(360, 640)).astype(np.float32)
    spectrum = np.fft.rfft2(grain)
    length = np.hypot(np.fft.fftfreq(360)[:, None], np.fft.rfftfreq(640)[None])
    strokes = np.fft.irfft2(spectrum * np.exp(-((length * 8) ** 2)), grain.shape)
    assert measured_hatch(flat_picture(), with_texture(flat_picture(), strokes, 10)) < 0.1


def test_a_color_transfer_matches_mean_and_covariance() -> None:
    generator = np.random.default_rng(0)
    photograph = generator.normal((120, 100, 90), (20, 12, 8), (64, 64, 3)).clip(0, 255).astype(np.uint8)
    mixed = generator.normal(0, 1, (64, 64, 3)) @ np.array([[12, 6, 0], [0, 10, 4], [0, 0, 8]]) + (130, 140, 110)
    painting = mixed.clip(0, 255).astype(np.uint8)
    moved = transfer_colors(photograph, painting).reshape(-1, 3)
    wanted = painting.reshape(-1, 3)
    np.testing.assert_allclose(moved.mean(axis=0), wanted.mean(axis=0), atol=0.2)
    np.testing.assert_allclose(np.cov(moved.T), np.cov(wanted.T), atol=1.5)
    assert np.abs(np.cov(photograph.reshape(-1, 3).T) - np.cov(wanted.T)).max() > 50


def test_oklab_knows_white_red_and_black() -> None:
    colors = np.array([[[255, 255, 255], [255, 0, 0], [0, 0, 0]]], np.uint8)
    expected = [[1, 0, 0], [0.62796, 0.22486, 0.12585], [0, 0, 0]]
    np.testing.assert_allclose(oklab(colors)[0], expected, atol=1e-4)


def test_the_change_of_colors_is_told_for_faces_and_for_the_rest() -> None:
    source = np.full((80, 120, 3), 128, np.uint8)
    styled = source.copy()
    styled[20:60, 40:80] = (200, 60, 60)
    box = np.array([[40, 20, 80, 60, 0.9]], np.float32)
    inside, outside = color_change(source, styled, box)
    assert measured(inside) > 0.1
    assert outside == 0
    assert color_change(source, styled, np.zeros((0, 5), np.float32))[0] is None


def test_a_still_camera_has_the_error_of_its_noise_and_a_trembling_style_has_more() -> None:
    pan = sized_pan(skimage.data.coffee(), width=320, height=180)
    assert pan.shape == (7, 180, 320, 3)
    noise = 2 * (2 / 255) ** 2
    assert noise < pan_error(lambda frames: frames, pan) < 1.6 * noise
    trembling = np.where(np.arange(7) % 2, 20, 0)[:, None, None, None]
    assert pan_error(lambda frames: np.clip(frames + trembling, 0, 255).astype(np.uint8), pan) > (15 / 255) ** 2


def test_clips_are_followed_and_what_changes_with_them_is_an_error() -> None:
    pan = sized_pan(skimage.data.coffee(), width=320, height=180)
    clip = follow(pan[:3])
    assert [pair[0] for pair in clip.pairs] == [1, 2]
    calm = warping_error(lambda frames: frames, [clip])
    assert 0 < measured(calm) < 1e-3
    lit = np.array([0, 30, 0])[:, None, None, None]
    flashing = warping_error(lambda frames: np.clip(frames + lit, 0, 255).astype(np.uint8), [clip])
    assert measured(flashing) > 5e-3
    assert warping_error(lambda frames: frames, [follow(np.stack([pan[0], 255 - pan[0]]))]) is None


def test_what_changes_in_the_source_is_no_error_of_the_style() -> None:
    frame = sized_pan(skimage.data.coffee(), width=320, height=180)[0]
    flashing = frame.copy()
    flashing[40:80, 100:160] = 255 - flashing[40:80, 100:160]
    clip = follow(np.stack([frame, flashing]))
    assert 0.8 < clip.pairs[0][2].mean() < 1
    assert measured(warping_error(lambda frames: frames, [clip])) < 1e-4


@pytest.fixture
def judge(tmp_path: Path) -> TextureJudge:
    """With random weights: any convolutions see textures."""
    torch.manual_seed(0)
    from safetensors.torch import save_file

    from stylize.style.looks.nearness import _layers

    path = tmp_path / "squeezenet.safetensors"
    save_file({f"features.{name}": tensor for name, tensor in _layers().state_dict().items()}, path)
    return TextureJudge(path)


def test_nearness_is_none_for_the_photograph_and_one_for_the_painting(judge: TextureJudge) -> None:
    photograph, painting = judge.textures(ASTRONAUT), judge.textures(skimage.data.coffee())
    assert nearness(photograph, photograph=photograph, painting=painting) == 0
    assert nearness(painting, photograph=photograph, painting=painting) == 1
    noisy = np.random.default_rng(0).integers(0, 256, ASTRONAUT.shape, dtype=np.uint8)
    assert nearness(judge.textures(noisy), photograph=photograph, painting=painting) < 0


def test_a_file_of_something_else_is_no_judge_of_textures(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(StyleError, match=r"other\.safetensors: expected the features of SqueezeNet"):
        TextureJudge(path)


def test_a_good_row_passes_and_the_verdict_names_every_column_that_fails() -> None:
    assert GOOD.passes
    bad = replace(GOOD, faces_kept=0.5, hatch=0.9)
    assert not bad.passes
    assert failures(bad) == [
        f"faces_kept is 0.5, at least {BOUNDS['faces_kept'][0]:g} is needed",
        f"hatch is 0.9, at most {BOUNDS['hatch'][1]:g} is allowed",
    ]
    assert failures(bad, exempt=("hatch",)) == failures(bad)[:1]


@pytest.mark.parametrize("column", BOUNDS)
def test_each_bound_can_be_missed_alone(column: str) -> None:
    smallest, largest = BOUNDS[column]
    outside = smallest - 0.01 if smallest is not None else measured(largest) * 1.01
    row = replace(GOOD, **{column: outside})
    assert [failure.split()[0] for failure in failures(row)] == [column]
    assert row.to_dict()["passes"] is False


def test_what_could_not_be_measured_fails_nothing() -> None:
    assert not failures(LooksRow(name="empty", quality="best"))
    assert set(BOUNDS) <= set(table.MEASURES)
