"""Any painting is a style at once: its numbers, and the networks that they go into."""

import numpy as np
import pytest
import skimage.data
import torch

from stylize.style.checkpoint import load_checkpoint
from stylize.style.controls.quality import QUALITIES, Quality
from stylize.style.engines.engine import EngineChoice, StyleTransform
from stylize.style.network.any_painting import load_conditional, networks_for
from stylize.style.network.blending import can_interpolate, interpolate
from stylize.style.network.conditional import ConditionalNet
from stylize.style.network.network import repaint
from stylize.style.network.style_prediction import VECTOR_SIZE, load_predictor, predict_style
from stylize.style.pictures import Picture
from tests.unit.style.networks import OF_QUALITIES, random_network
from tests.unit.style.test_engine import ENGINES
from tests.unit.style.test_library import RETIRED


def stripes(side: int = 200, color: tuple[int, int, int] = (230, 40, 30)) -> Picture:
    rows = np.arange(side)[:, None, None] // 8 % 2
    return np.broadcast_to(np.where(rows, color, (20, 30, 90)), (side, side, 3)).astype(np.uint8)


def test_a_painting_has_the_same_numbers_at_any_size_and_another_painting_has_others() -> None:
    predictor = load_predictor()
    coffee = skimage.data.coffee()
    vector, smaller, other = (predict_style(predictor, x) for x in (coffee, coffee[::2, ::2], stripes()))
    assert vector.shape == (VECTOR_SIZE,)
    assert (smaller - vector).norm() < 0.3 * vector.norm()
    assert (other - vector).norm() > 0.8 * vector.norm()


@pytest.mark.parametrize("quality", QUALITIES)
def test_with_its_numbers_put_in_a_network_paints_what_the_conditional_one_paints(quality: Quality) -> None:
    torch.manual_seed(1)
    conditional = ConditionalNet(random_network(OF_QUALITIES[quality]))
    vectors, pictures = torch.randn(2, VECTOR_SIZE) / 5, torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        expected = conditional(pictures, vectors) * 255
        for index in range(2):
            fixed = conditional.with_style(vectors[index])
            assert (fixed(pictures[index : index + 1] * 255) - expected[index]).abs().max() < 0.2
    assert (expected[0] - expected[1]).abs().mean() > 1, "the style makes a difference"


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_photograph_takes_the_colors_of_a_painting_that_nobody_knew(quality: Quality) -> None:
    photograph = torch.from_numpy(skimage.data.astronaut()[::2, ::2].copy()).permute(2, 0, 1)[None].float()
    red, green = (networks_for(stripes(color=color))[quality] for color in ((230, 40, 30), (40, 200, 60)))
    with torch.no_grad():
        difference = repaint(red, photograph).mean(dim=(0, 2, 3)) - repaint(green, photograph).mean(dim=(0, 2, 3))
    assert difference[0] > 15
    assert difference[1] < -15


@pytest.mark.parametrize("choice", ENGINES)
@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("color", [(0, 0, 0), (235, 128, 16)], ids=["black", "orange"])
def test_a_frame_of_one_color_stays_one(choice: EngineChoice, quality: Quality, color: tuple[int, int, int]) -> None:
    """The last map is normalized, too: what rounding leaves there would be as strong as a picture."""
    network = load_conditional(quality).with_style(predict_style(load_predictor(), skimage.data.coffee()))
    frame = np.full((1, 360, 640, 3), color, np.uint8)
    painted = StyleTransform(network, weights_digest="", choice=choice)(frame)[0].astype(int)
    assert np.ptp(painted, axis=(0, 1)).max() <= 1


def test_halfway_between_two_styles_one_network_paints_what_lies_between() -> None:
    photograph = torch.from_numpy(skimage.data.coffee()[::2, ::2].copy()).permute(2, 0, 1)[None].float()
    first, second = (networks_for(stripes(color=color))["best"] for color in ((230, 40, 30), (40, 200, 60)))
    assert can_interpolate(first, second)
    with torch.no_grad():
        ends = [repaint(network, photograph) for network in (first, second)]
        middle = repaint(interpolate(first, second, 0.5), photograph)
        same = repaint(interpolate(first, second, 0.0), photograph)
    assert torch.equal(same, ends[0])
    mean_of_ends = sum(end.mean(dim=(0, 2, 3)) for end in ends) / 2
    assert (middle.mean(dim=(0, 2, 3)) - mean_of_ends).abs().max() < 12


def test_networks_that_were_trained_apart_have_nothing_in_between() -> None:
    old = [load_checkpoint(RETIRED / name / "model.safetensors") for name in ("scream", "minotaur")]
    assert not can_interpolate(*old)
    assert not can_interpolate(networks_for(stripes())["best"], old[0])
    assert not can_interpolate(networks_for(stripes())["best"], networks_for(stripes())["fast"])
