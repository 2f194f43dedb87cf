"""Mixed pictures lie between the two, and kept colours keep their hue and the painted brightness."""

import colorsys

import pytest
import torch

from stylize.style.controls.color_mixing import keep_chroma, luma, mix


def pictures_of(seed: int, *, lowest: float = 0, highest: float = 255) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, 40, 50, generator=generator) * (highest - lowest) + lowest


def hues(pictures: torch.Tensor) -> torch.Tensor:
    """In turns, as HSV defines it."""
    pixels = (pictures[0] / 255).flatten(1).T.tolist()
    return torch.tensor([colorsys.rgb_to_hsv(*pixel)[0] for pixel in pixels])


def test_luma_is_that_of_bt709() -> None:
    primaries = torch.eye(3).reshape(1, 3, 1, 3) * 255
    assert luma(primaries).flatten().tolist() == pytest.approx([54.213, 182.376, 18.411])
    assert luma(torch.full((1, 3, 1, 1), 200.0)).item() == pytest.approx(200)


def test_a_share_of_nothing_is_the_first_picture_and_a_whole_share_the_second() -> None:
    first, second = pictures_of(1), pictures_of(2)
    assert torch.equal(mix(first, second, 0.0), first)
    assert torch.allclose(mix(first, second, 1.0), second, atol=1e-3)
    assert torch.allclose(mix(first, second, 0.25), 0.75 * first + 0.25 * second, atol=1e-3)


@pytest.mark.parametrize(("lowest", "highest"), [(0, 255), (0, 20), (235, 255)])
def test_kept_colors_have_the_hue_of_the_source_and_the_luma_of_the_paint(lowest: float, highest: float) -> None:
    source, painted = pictures_of(3), pictures_of(4, lowest=lowest, highest=highest)
    kept = keep_chroma(painted, source)
    assert kept.min() >= -0.01
    assert kept.max() <= 255.01
    assert torch.allclose(luma(kept), luma(painted), atol=0.01)
    turn = (hues(kept) - hues(source)).abs()
    colourful = (kept.amax(1) - kept.amin(1)).flatten() > 5
    assert colourful.sum() > 100
    assert torch.minimum(turn, 1 - turn)[colourful].max() < 0.001


def test_kept_colors_of_a_gray_source_are_gray_and_no_color_gets_stronger() -> None:
    gray, painted = luma(pictures_of(5)).expand(1, 3, -1, -1), pictures_of(6)
    assert torch.allclose(keep_chroma(painted, gray), luma(painted).expand(1, 3, -1, -1), atol=0.01)
    source = pictures_of(7)
    spread = keep_chroma(painted, source)
    assert ((spread.amax(1) - spread.amin(1)) <= (source.amax(1) - source.amin(1)) + 0.01).all()


def test_the_paints_own_colors_do_not_matter_where_those_of_the_source_are_kept() -> None:
    source, painted = pictures_of(8), pictures_of(9)
    black_and_white = luma(painted).expand_as(painted)
    assert torch.allclose(keep_chroma(painted, source), keep_chroma(black_and_white, source), atol=0.01)
