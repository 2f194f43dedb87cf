"""An enlarged painting is no blur: it has detail of the source where the paint follows the source, and crisp edges."""

import numpy as np
import pytest
import torch

from stylize.style.controls.color_mixing import luma
from stylize.style.controls.guided_upsampling import enlarge_painted, resize

SIZE, REDUCED = (216, 288), (72, 96)


def gray_picture(plane: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(plane.astype(np.float32)).expand(1, 3, *plane.shape).contiguous()


def fine_stripes(contrast: float) -> torch.Tensor:
    """Stripes of 2 pixels, which vanish at a third of the size, between broad ones, which stay."""
    row, column = np.mgrid[: SIZE[0], : SIZE[1]]
    broad = np.where((column // 24) % 2, 40.0, -40.0)
    fine = np.where((row // 2) % 2, contrast, -contrast)
    return gray_picture(127 + broad + fine)


def blob(shift: int = 0) -> torch.Tensor:
    """A dark disc with a sharp edge on a soft gradient."""
    row, column = np.mgrid[: SIZE[0], : SIZE[1]]
    disc = np.hypot(row - 108, column - 144 - shift) < 50
    return gray_picture(np.where(disc, 60.0, 180.0))


def edge_width(picture: torch.Tensor) -> float:
    """Pixels that the luma of the middle row takes from 10 % to 90 % at the left edge of the disc."""
    row = luma(picture)[0, 0, 108, 60:144]
    level = (row - row.min()) / (row.max() - row.min())
    return float(((level > 0.1) & (level < 0.9)).sum())


def difference(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first - second).abs().mean())


def test_paint_that_follows_the_source_gets_back_what_the_network_did_not_see() -> None:
    source = fine_stripes(30)
    shown = resize(source, REDUCED)
    restored = enlarge_painted(shown, shown, source)
    assert difference(resize(shown, SIZE), source) > 25
    fine = restored - resize(shown, SIZE)
    wanted = source - resize(shown, SIZE)
    near_edges = (torch.arange(SIZE[1]) + 6) % 24 < 12
    gain = (fine * wanted)[..., near_edges].sum() / (wanted * wanted)[..., near_edges].sum()
    assert 0.6 < gain < 1.1


def test_paint_that_ignores_or_contradicts_the_source_gets_no_detail_of_it() -> None:
    source = fine_stripes(30)
    shown = resize(source, REDUCED)
    flat = torch.full_like(shown, 90.0)
    assert difference(enlarge_painted(flat, shown, source), torch.full_like(source, 90.0)) < 0.01
    negative = 255 - shown
    plain = enlarge_painted(negative, shown, resize(shown, SIZE))
    assert difference(enlarge_painted(negative, shown, source), plain) < 0.5


def test_noise_of_a_flat_source_is_not_brought_back() -> None:
    noise = np.random.default_rng(1).normal(0, 2, SIZE)
    source = gray_picture(120 + noise)
    shown = resize(source, REDUCED)
    assert (enlarge_painted(shown, shown, source) - 120).std() < 0.6 * noise.std()


def test_edges_of_strokes_are_steeper_than_enlarged_and_have_no_halo() -> None:
    painted = resize(blob(), REDUCED)
    unrelated = torch.full((1, 3, *REDUCED), 100.0), torch.full((1, 3, *SIZE), 100.0)
    crisp, plain = enlarge_painted(painted, *unrelated), resize(painted, SIZE)
    assert edge_width(crisp) <= 0.8 * edge_width(plain)
    assert crisp.min() >= painted.min() - 0.01
    assert crisp.max() <= painted.max() + 0.01


def test_colors_are_those_of_the_paint() -> None:
    source = fine_stripes(30)
    shown = resize(source, REDUCED)
    tint = torch.tensor([30.0, 0.0, -40.0]).view(1, 3, 1, 1)
    restored = enlarge_painted(shown * 0.5 + 60 + tint, shown, source)
    assert torch.allclose(restored[:, 0] - restored[:, 2], torch.full((1, *SIZE), 70.0), atol=0.01)


def test_restored_detail_moves_with_the_source() -> None:
    """Shifted by a whole number of shown pixels, the result is the same result, shifted."""
    first, second = (
        enlarge_painted(shown * 0.7, shown, source)
        for source in (blob(), blob(shift=9))
        for shown in [resize(source, REDUCED)]
    )
    assert difference(first[..., 30:-30], second[..., 39:-21]) < 0.01


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (40, 9)])
def test_small_and_narrow_pictures_can_be_enlarged(size: tuple[int, int]) -> None:
    shown = torch.full((1, 3, *size), 50.0)
    source = torch.full((1, 3, size[0] * 2, size[1] * 2), 50.0)
    assert torch.allclose(enlarge_painted(shown, shown, source), source)
