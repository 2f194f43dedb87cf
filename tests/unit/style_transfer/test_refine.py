"""Training: it learns, repeats itself, measures what it says, and refuses what would fail later."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from torch import nn

from dagster_project.errors import StyleError
from dagster_project.style_transfer import losses
from dagster_project.style_transfer.features import LossFeatures, squeezenet_features, squeezenet_layers
from dagster_project.style_transfer.metrics import measure_style, pan_error
from dagster_project.style_transfer.network import NetworkSize, TransformerNet
from dagster_project.style_transfer.pictures import Picture
from dagster_project.style_transfer.recipe import TrainingRecipe
from dagster_project.style_transfer.style_target import style_target, to_tensor
from dagster_project.style_transfer.training import TrainingProgress, train_style

TINY = NetworkSize(widths=(4, 6, 8), blocks=1)
RECIPE = TrainingRecipe(
    size=TINY,
    iterations=30,
    batch_size=2,
    crop_size=32,
    style_side=48,
    max_shift=4,
    style_weight=4.0,
    tone_weight=0.5,
    palette_weight=4.0,
    shift_weight=100.0,
    seed=5,
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of kernels this small mostly wait for each other, minutes of it on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def features() -> LossFeatures:
    torch.manual_seed(6)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 12, 3, stride=2), nn.ReLU()]
    return LossFeatures(nn.Sequential(*layers), name="random", style_taps=(1, 3), content_tap=3)


@pytest.fixture(scope="module")
def painting() -> Picture:
    """Red and orange stripes."""
    stripes = np.zeros((64, 80, 3), np.uint8)
    stripes[..., 0] = 220
    stripes[::8, :, 1] = stripes[1::8, :, 1] = 150
    return stripes


@pytest.fixture(scope="module")
def photographs() -> list[Picture]:
    return [skimage.data.astronaut()[::4, ::4], skimage.data.rocket()[::4, ::4]]


def train(features: LossFeatures, painting: Picture, photographs: list[Picture], **changes: object) -> TransformerNet:
    fields = {name: getattr(RECIPE, name) for name in RECIPE.__dataclass_fields__}
    recipe = TrainingRecipe(**{**fields, **changes})
    return train_style(painting=painting, content=photographs, features=features, recipe=recipe)


def test_a_few_iterations_bring_pictures_closer_to_the_painting(
    features: LossFeatures, painting: Picture, photographs: list[Picture]
) -> None:
    def ratio(network: TransformerNet) -> float:
        held_out = skimage.data.coffee()[::4, ::4]
        metrics = measure_style(
            network, painting=painting, photographs=[held_out], features=features, style_side=RECIPE.style_side
        )
        assert metrics.content_loss >= 0
        assert metrics.warping_error >= 0
        return metrics.style_loss_ratio

    early = ratio(train(features, painting, photographs, style_weight=20.0, iterations=1))
    late = ratio(train(features, painting, photographs, style_weight=20.0, iterations=60))
    assert late < 0.2 * early
    assert late < 0.1


def test_training_repeats_itself_and_the_seed_matters(
    features: LossFeatures, painting: Picture, photographs: list[Picture]
) -> None:
    def weights(**changes: object) -> torch.Tensor:
        network = train(features, painting, photographs, iterations=3, **changes)
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])

    global_state = torch.get_rng_state()
    first = weights()
    assert torch.equal(torch.get_rng_state(), global_state)
    torch.rand(3)  # other users of the global generator change nothing
    assert torch.equal(first, weights())
    assert not torch.equal(first, weights(seed=6))


def test_shift_consistency_calms_a_pan(features: LossFeatures, painting: Picture, photographs: list[Picture]) -> None:
    restless, calm = (
        pan_error(train(features, painting, photographs, shift_weight=weight, iterations=60), photographs[0])
        for weight in (0.0, 100.0)
    )
    assert calm < 0.5 * restless


def test_training_goes_on_from_an_existing_style_and_leaves_it_alone(
    features: LossFeatures, painting: Picture, photographs: list[Picture]
) -> None:
    initial = TransformerNet(TINY).eval().requires_grad_(False)
    before = {key: value.clone() for key, value in initial.state_dict().items()}
    recipe = TrainingRecipe(iterations=1, batch_size=1, crop_size=32, style_side=48, learning_rate=1e-6)
    trained = train_style(painting=painting, content=photographs, features=features, recipe=recipe, initial=initial)
    assert trained.size == TINY
    for key, value in trained.state_dict().items():
        assert torch.equal(initial.state_dict()[key], before[key])
        assert torch.allclose(value, before[key], atol=1e-3)
    assert any(not torch.equal(value, before[key]) for key, value in trained.state_dict().items())


def test_progress_is_reported_after_every_iteration(
    features: LossFeatures, painting: Picture, photographs: list[Picture]
) -> None:
    seen: list[TrainingProgress] = []
    recipe = TrainingRecipe(size=TINY, iterations=3, batch_size=1, crop_size=32, style_side=48)
    train_style(painting=painting, content=photographs, features=features, recipe=recipe, on_progress=seen.append)
    assert [(progress.iteration, progress.iterations) for progress in seen] == [(1, 3), (2, 3), (3, 3)]
    assert all(progress.style > 0 and progress.content > 0 for progress in seen)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"iterations": 0}, "at least 1 iteration"),
        ({"crop_size": 34}, "multiple of 4"),
        ({"max_shift": 32, "crop_size": 32}, "shift"),
        ({"style_side": 8}, "style_side"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(StyleError, match=complaint):
        TrainingRecipe(**wrong)


def test_photographs_smaller_than_a_crop_and_an_empty_list_are_refused(
    features: LossFeatures, painting: Picture
) -> None:
    with pytest.raises(StyleError, match="photograph 1 is 20x35"):
        train(features, painting, [np.zeros((40, 40, 3), np.uint8), np.zeros((35, 20, 3), np.uint8)])
    with pytest.raises(StyleError, match="at least one photograph"):
        train(features, painting, [])


def test_a_very_long_painting_is_looked_at_in_pieces_that_fit_into_memory(features: LossFeatures) -> None:
    stripe = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    sizes = []
    features.register_forward_pre_hook(lambda _, arguments: sizes.append(tuple(arguments[0].shape[-2:])))
    whole = style_target(np.tile(stripe, (1, 3, 1)), features, 32)
    pieces = style_target(np.tile(stripe, (18, 1, 1)), features, 32)
    assert sizes[0] == (32, 96)
    assert len(sizes) == 1 + 5
    for tap in features.style_taps:
        assert (whole[tap] - pieces[tap]).norm() < 0.1 * whole[tap].norm()


def test_the_gram_matrix_is_the_mean_product_of_channels() -> None:
    activation = torch.arange(12.0).view(1, 2, 2, 3)
    low, high = activation[0].flatten(1)
    expected = torch.tensor([[low @ low, low @ high], [low @ high, high @ high]]) / 6
    assert torch.allclose(losses.gram_matrix(activation)[0], expected)
    huge = losses.gram_matrix(torch.full((1, 1, 8, 8), 7e3, dtype=torch.float16))
    assert huge.dtype == torch.float32
    assert torch.isfinite(huge).all()


def test_losses_are_zero_at_their_target_and_do_not_depend_on_scale() -> None:
    activation = torch.rand(2, 3, 5, 5)
    grams = losses.gram_matrices({0: activation[:1]}, (0,))
    assert losses.style_loss({0: activation[:1]}, grams) == 0
    other = torch.rand(1, 3, 5, 5)
    scaled = losses.gram_matrices({0: activation[:1] * 100}, (0,))
    assert torch.allclose(losses.style_loss({0: other}, grams), losses.style_loss({0: other * 100}, scaled), rtol=1e-4)
    assert losses.content_loss(activation, activation) == 0
    assert losses.content_loss(torch.zeros_like(activation), activation) == pytest.approx(1)


def test_the_tone_loss_tells_a_negative_from_another_palette() -> None:
    picture = torch.rand(1, 1, 32, 32).expand(-1, 3, -1, -1) * 255
    assert losses.tone_loss(picture * 0.5 + 60, picture) == pytest.approx(0, abs=1e-5)
    assert losses.tone_loss(255 - picture, picture) == pytest.approx(2, abs=1e-5)


def test_the_palette_loss_knows_colors_and_how_much_there_is_of_each_but_not_where() -> None:
    left_red = torch.zeros(1, 3, 64, 64)
    left_red[:, 0, :, :16], left_red[:, 2, :, 16:] = 200, 120
    wanted = losses.palette(left_red)
    assert losses.palette_loss(left_red.flip(-1).transpose(2, 3), wanted) < 1e-4
    half_red = left_red.clone()
    half_red[:, 0, :, :32], half_red[:, 2, :, :32] = 200, 0
    gray = torch.full_like(left_red, 100)
    assert 1e-2 < losses.palette_loss(half_red, wanted) < losses.palette_loss(gray, wanted)


def test_training_with_the_palette_brings_the_colors_of_the_painting(
    features: LossFeatures, painting: Picture, photographs: list[Picture]
) -> None:
    wanted = losses.palette(to_tensor(painting))

    def distance(network: TransformerNet) -> float:
        with torch.no_grad():
            return losses.palette_loss(network(to_tensor(photographs[0])), wanted).item()

    gray = distance(train(features, painting, photographs, palette_weight=0.0))
    assert distance(train(features, painting, photographs, palette_weight=100.0)) < 0.6 * gray


def test_a_moved_window_of_the_same_picture_has_no_shift_error() -> None:
    picture = torch.rand(1, 3, 20, 20)
    first, second = picture[..., :16, :16], picture[..., 1:17, 4:20]
    assert losses.shift_error(first, second, down=1, right=4) == 0
    assert losses.shift_error(first, second, down=1, right=3) > 0.01


def test_pictures_reach_the_loss_network_centred() -> None:
    layers = nn.Sequential(nn.Identity())
    features = LossFeatures(layers, name="x", style_taps=(0,), content_tap=0, mean=(10, 20, 30), scale=(1, 2, 4))
    seen = features(torch.tensor([11.0, 24.0, 38.0]).view(1, 3, 1, 1))[0]
    assert seen.flatten().tolist() == [1, 2, 2]


def test_loss_networks_pass_gradients_to_pictures_but_do_not_learn() -> None:
    features = squeezenet_features(squeezenet_layers())
    picture = (torch.rand(1, 3, 33, 33) * 255).requires_grad_()
    features(picture)[5].sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in features.parameters())
