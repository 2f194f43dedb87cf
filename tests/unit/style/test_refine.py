"""Refining: it brings strokes and stays calm, repeats itself, and refuses what would fail later."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch

from stylize.errors import StyleError
from stylize.style.controls.quality import QUALITIES, Quality
from stylize.style.network.any_painting import load_conditional
from stylize.style.network.quarter_network import QuarterNet
from stylize.style.network.style_network import StyleNet
from stylize.style.network.tensors import to_tensor
from stylize.style.pictures import Picture
from stylize.style.refining import losses
from stylize.style.refining.judge import StyleJudge
from stylize.style.refining.metrics import pan_error
from stylize.style.refining.refine import (
    RefineProgress,
    begin,
    finished,
    preview,
    refine_style,
    step,
)
from stylize.style.refining.refine_recipe import RefineRecipe

TINY: dict[str, Any] = {
    "batch_size": 1, "crop_size": 32, "max_shift": 4, "stroke_side": 64, "color_weight": 2.0, "stillness_weight": 150.0,
    "seed": 5,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of kernels this small mostly wait for each other, minutes of it on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def painting() -> Picture:
    """Waves of two colors."""
    rows, columns = np.mgrid[0:140, 0:180]
    wave = (np.sin(rows / 2.5 + np.sin(columns / 9) * 3) > 0)[..., None]
    return np.where(wave, (20, 60, 160), (250, 220, 90)).astype(np.uint8)


@pytest.fixture(scope="module")
def photographs() -> list[Picture]:
    return [skimage.data.astronaut()[::4, ::4], skimage.data.rocket()[::4, ::4]]


def refine(painting: Picture, photographs: list[Picture], quality: Quality = "standard", **recipe: object) -> StyleNet:
    told = RefineRecipe(**{**TINY, **recipe})  # pyright: ignore[reportArgumentType]
    (network,) = refine_style(painting=painting, photographs=photographs, recipe=told, qualities=[quality]).values()
    return network


def unrefined(painting: Picture, quality: Quality = "standard") -> StyleNet:
    return load_conditional(quality).with_style(StyleJudge(painting, stroke_side=64).vector)


def weights(network: StyleNet) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("quality", QUALITIES)
def test_thirty_iterations_bring_strokes_and_a_pan_stays_calm(
    quality: Quality, painting: Picture, photographs: list[Picture]
) -> None:
    before = unrefined(painting, quality)
    after = refine(painting, photographs, quality, iterations=30, crop_size=64, max_shift=8, stroke_side=140)
    judge = StyleJudge(painting, stroke_side=140)
    held_out = skimage.data.coffee()[::2, ::2]
    distances = [
        judge.stroke_distance(judge.features(to_tensor(preview(net, held_out)) / 255)).item() for net in (before, after)
    ]
    assert distances[1] < 0.9 * distances[0]
    pans = [pan_error(net, skimage.data.coffee()) for net in (before, after)]
    assert pans[1] < max(1.2e-3, pans[0])
    assert (after.size, after.training) == (before.size, False)
    assert not any(parameter.requires_grad for parameter in after.parameters())


def test_the_hinge_calms_what_strokes_make_restless(painting: Picture, photographs: list[Picture]) -> None:
    restless, calm = (
        pan_error(
            refine(
                painting, photographs, iterations=30, stroke_weight=20.0, learning_rate=2e-3, stillness_weight=weight
            ),
            skimage.data.coffee(),
        )
        for weight in (0.0, 1500.0)
    )
    assert calm < 0.7 * restless


def test_refining_repeats_itself_and_the_seed_matters(painting: Picture, photographs: list[Picture]) -> None:
    first = weights(refine(painting, photographs, iterations=2))
    torch.rand(3)  # other users of the global generator change nothing
    assert torch.equal(first, weights(refine(painting, photographs, iterations=2)))
    assert not torch.equal(first, weights(refine(painting, photographs, iterations=2, seed=6)))


def test_it_starts_from_what_any_painting_is_at_once(painting: Picture, photographs: list[Picture]) -> None:
    for quality in QUALITIES:
        before = unrefined(painting, quality)
        if isinstance(before, QuarterNet):
            before.equalize_pixels_()
        after = refine(painting, photographs, quality, iterations=1, learning_rate=1e-9)
        assert torch.allclose(weights(before), weights(after), rtol=1e-5, atol=1e-7)
    state = begin(unrefined(painting), RefineRecipe())
    assert torch.allclose(weights(finished(state.network)), weights(unrefined(painting)), rtol=1e-6)


def test_biases_that_a_normalization_takes_away_stay_as_they_are(painting: Picture, photographs: list[Picture]) -> None:
    before, after = unrefined(painting).state_dict(), refine(painting, photographs, iterations=2).state_dict()
    unmoved = {name for name, value in after.items() if torch.equal(value, before[name])}
    assert {"res1.conv1.conv2d.bias", "deconv1.conv2d.bias", "deconv3.conv2d.bias"} <= unmoved
    assert all(name.endswith("conv2d.bias") for name in unmoved)
    assert not {"conv1.conv2d.bias", "conv2.conv2d.bias", "conv3.conv2d.bias"} & unmoved


def test_the_fast_network_keeps_even_areas_even(painting: Picture, photographs: list[Picture]) -> None:
    network = refine(painting, photographs, "fast", iterations=3)
    assert isinstance(network, QuarterNet)
    even = network.conv2(torch.rand(1, network.size.channels, 1, 1).expand(-1, -1, 4, 4))
    assert even.view(3, 16, 4, 4).std(dim=1).max() < 1e-4 * even.abs().max()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_step_whose_gradient_is_not_finite_is_left_out(value: float, painting: Picture) -> None:
    recipe = RefineRecipe(**TINY)
    state = begin(unrefined(painting), recipe)
    start = weights(state.network).clone()
    step(state, state.network.conv1.conv2d.weight.square().sum(), recipe)
    moved = weights(state.network).clone()
    assert not torch.equal(start, moved)
    step(state, state.network.conv1.conv2d.weight.sum() * value, recipe)
    assert torch.equal(weights(state.network), moved)
    assert state.iteration == 2
    step(state, state.network.conv1.conv2d.weight.square().sum(), recipe)
    assert torch.isfinite(weights(state.network)).all()
    assert not torch.equal(weights(state.network), moved)


def test_progress_counts_the_iterations_of_all_qualities(painting: Picture, photographs: list[Picture]) -> None:
    seen: list[RefineProgress] = []
    recipe = RefineRecipe(**TINY, iterations=2)
    networks = refine_style(
        painting=painting, photographs=photographs, recipe=recipe, qualities=["best", "standard"],
        on_progress=seen.append,
    )  # fmt: skip
    assert list(networks) == ["best", "standard"]
    assert [(now.quality, now.iteration, now.iterations) for now in seen] == [
        ("best", 1, 4), ("best", 2, 4), ("standard", 3, 4), ("standard", 4, 4),
    ]  # fmt: skip
    assert all(now.distances["strokes"] > 0 and now.iterations_per_second > 0 for now in seen)
    assert seen[-1].seconds_left == 0
    assert seen[0].seconds_left == pytest.approx(3 / seen[0].iterations_per_second)
    assert all(
        word in seen[0].describe()
        for word in ("best: ", "strokes", "style", "edges", "faces", "pattern", "colors", "shift")
    )


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"iterations": 0}, "at least 1 iteration"),
        ({"crop_size": 36}, "multiple of 8"),
        ({"max_shift": 32, "crop_size": 32}, "shift"),
        ({"stroke_side": 32}, "stroke_side"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(StyleError, match=complaint):
        RefineRecipe(**wrong)


def test_photographs_smaller_than_a_crop_and_an_empty_list_are_refused(painting: Picture) -> None:
    with pytest.raises(StyleError, match="photograph 1 is 20x35"):
        refine(painting, [np.zeros((40, 40, 3), np.uint8), np.zeros((35, 20, 3), np.uint8)])
    with pytest.raises(StyleError, match="at least one photograph"):
        refine(painting, [])


def test_the_judge_knows_the_painting_and_prefers_it_to_its_colors(painting: Picture) -> None:
    judge = StyleJudge(painting, stroke_side=140)
    shuffled = np.random.default_rng(0).permutation(painting.reshape(-1, 3)).reshape(painting.shape)
    own, other = (to_tensor(picture) / 255 for picture in (painting, shuffled))
    with torch.no_grad():
        assert judge.stroke_distance(judge.features(own)) < 1e-6
        assert judge.stroke_distance(judge.features(torch.cat([own, own]))) < 1e-6
        assert judge.stroke_distance(judge.features(other)) > 0.1
        assert judge.style_distance(own) < 0.1 < judge.style_distance(other)
        assert judge.content(judge.features(own)).shape[1] == 64
    gray = torch.full_like(own, 127)
    assert losses.palette_loss(own * 255, judge.palette) < 0.3 * losses.palette_loss(gray, judge.palette)


def test_a_very_long_painting_is_looked_at_in_pieces_that_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    stripe = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    sizes: list[tuple[int, ...]] = []
    look = StyleJudge.features

    def features(self: StyleJudge, pictures: torch.Tensor) -> list[torch.Tensor]:
        sizes.append(tuple(pictures.shape[-2:]))
        return look(self, pictures)

    monkeypatch.setattr(StyleJudge, "features", features)
    StyleJudge(np.tile(stripe, (1, 3, 1)), stroke_side=64)
    judge = StyleJudge(np.tile(stripe, (18, 1, 1)), stroke_side=64)
    assert sizes[0] == (64, 192)
    assert len(sizes) == 1 + 5
    with torch.no_grad():
        piece = to_tensor(np.tile(stripe, (4, 1, 1))) / 255
        assert judge.stroke_distance(judge.features(piece)) < 0.1


def test_the_centered_gram_matrix_is_the_covariance_of_channels() -> None:
    activation = torch.rand(2, 3, 5, 4) + 7
    expected = torch.stack([torch.cov(one.flatten(1), correction=0) for one in activation])
    assert torch.allclose(losses.centered_gram(activation), expected, atol=1e-5)


def test_distances_are_zero_at_their_target_and_do_not_depend_on_scale() -> None:
    wanted, found = torch.rand(2, 3, 5, 5), torch.rand(2, 3, 5, 5)
    assert losses.relative_distance(wanted, wanted) == 0
    assert losses.relative_distance(torch.zeros_like(wanted), wanted) == pytest.approx(1)
    assert torch.allclose(
        losses.relative_distance(found, wanted), losses.relative_distance(found * 100, wanted * 100), rtol=1e-4
    )
    picture = torch.rand(1, 3, 32, 32)
    assert losses.color_distance(picture, picture) == 0
    assert losses.color_distance(picture + 0.1, picture) == pytest.approx(0.1, abs=1e-5)


def test_edges_tell_a_negative_from_another_contrast() -> None:
    picture = torch.rand(1, 1, 32, 32).expand(-1, 3, -1, -1)
    assert losses.edge_distance(picture * 0.8 + 0.1, picture) < 0.1
    assert losses.edge_distance(1 - picture, picture) > 0.5


def test_a_face_is_its_structure_whatever_its_contrast_its_colors_and_what_is_around_it() -> None:
    picture = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    faces = [(10, 20, 60, 80), None]
    repainted = picture.clone()
    repainted[0, :, :, 60:] = 0
    repainted[1] = 0
    assert losses.face_distance(repainted * 0.3 + 0.1, picture, faces) < 1e-3
    repainted[0, :, 40:60] = 0.5
    assert losses.face_distance(repainted, picture, faces) > 0.15
    assert losses.face_distance(1 - picture, picture, faces) == pytest.approx(2)
    assert losses.face_distance(1 - picture, picture, [None, None]) == 0


def test_a_pattern_is_what_is_regular_where_the_photograph_is_flat() -> None:
    grain = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    flat, hatch = torch.full_like(grain, 0.5), 0.03 * torch.sin((rows + columns) * 2 * torch.pi / 7)
    assert losses.pattern(flat + hatch, flat) > 0.9
    assert losses.pattern(flat, flat) == 0
    assert losses.pattern(grain, flat) < 0.01
    assert losses.pattern(flat + hatch, grain) == 0
    painted = (flat + hatch).requires_grad_()
    losses.pattern(painted + 0.1 * grain, flat).backward()
    assert painted.grad is not None
    assert (painted.grad * hatch).sum() > 0


def test_the_palette_loss_knows_colors_and_how_much_there_is_of_each_but_not_where() -> None:
    left_red = torch.zeros(1, 3, 64, 64)
    left_red[:, 0, :, :16], left_red[:, 2, :, 16:] = 200, 120
    wanted = losses.palette(left_red)
    assert losses.palette_loss(left_red.flip(-1).transpose(2, 3), wanted) < 1e-4
    half_red = left_red.clone()
    half_red[:, 0, :, :32], half_red[:, 2, :, :32] = 200, 0
    gray = torch.full_like(left_red, 100)
    assert 1e-2 < losses.palette_loss(half_red, wanted) < losses.palette_loss(gray, wanted)


def test_a_moved_window_of_the_same_picture_has_no_shift_error() -> None:
    picture = torch.rand(2, 3, 20, 20)
    first, second = picture[..., :16, :16], picture[..., 1:17, 4:20]
    assert losses.shift_errors(first, second, down=1, right=4).tolist() == [0, 0]
    assert losses.shift_errors(first, second, down=1, right=3).min() > 0.01
