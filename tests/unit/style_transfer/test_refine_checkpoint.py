"""A training that was killed goes on from its checkpoint and ends with the same bits as one that was not."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dagster_project.errors import StyleError
from dagster_project.style_transfer.features import LossFeatures
from dagster_project.style_transfer.network import NetworkSize, TransformerNet
from dagster_project.style_transfer.pictures import Picture
from dagster_project.style_transfer.recipe import TrainingRecipe
from dagster_project.style_transfer.training import Previews, TrainingProgress, train_style
from dagster_project.style_transfer.training_checkpoint import Checkpoints

RECIPE = TrainingRecipe(
    size=NetworkSize(widths=(4, 6, 8), blocks=1), iterations=24, batch_size=1, crop_size=32, style_side=48, max_shift=4
)


def _features() -> LossFeatures:
    torch.manual_seed(6)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 12, 3, stride=2), nn.ReLU()]
    return LossFeatures(nn.Sequential(*layers), name="random", style_taps=(1, 3), content_tap=3)


def _pictures() -> list[Picture]:
    return list(np.random.default_rng(1).integers(0, 256, (3, 64, 80, 3), np.uint8))


def train(checkpoint: Path, **more) -> TransformerNet:
    painting, *content = _pictures()
    arguments = {"painting": painting, "content": content, "features": _features(), "recipe": RECIPE, **more}
    return train_style(checkpoints=Checkpoints.in_file(checkpoint, every=6), **arguments)


def run_in_process(checkpoint: str) -> None:
    """What the killed process does: slowly enough to be killed in the middle."""
    torch.set_num_threads(1)
    train(Path(checkpoint), on_progress=lambda now: time.sleep(0.03))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Enough(Exception):
    """Raised by a test that has seen what it wanted."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[TransformerNet, Path, list[TrainingProgress]]:
    """A training that nothing disturbed: its network, its last checkpoint and what it reported."""
    seen: list[TrainingProgress] = []
    checkpoint = tmp_path_factory.mktemp("undisturbed") / "training.safetensors"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    network = train(checkpoint, on_progress=seen.append)
    torch.set_num_threads(threads)
    return network, checkpoint, seen


Undisturbed = tuple[TransformerNet, Path, list[TrainingProgress]]


def assert_same_weights(first: TransformerNet, second: TransformerNet) -> None:
    weights = second.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in first.state_dict().items())


def test_killed_by_the_system_it_goes_on_and_ends_with_the_same_bits(tmp_path: Path, undisturbed: Undisturbed) -> None:
    checkpoint = tmp_path / "training.safetensors"
    code = f"from tests.unit.style_transfer.test_resume import run_in_process; run_in_process({str(checkpoint)!r})"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    seen: list[TrainingProgress] = []
    resumed = train(checkpoint, on_progress=seen.append)
    assert seen[0].iteration in (7, 13, 19)
    assert seen[-1].iteration == RECIPE.iterations
    assert_same_weights(resumed, undisturbed[0])
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["training.safetensors"]


def test_a_finished_training_is_not_repeated(undisturbed: Undisturbed) -> None:
    seen: list[TrainingProgress] = []
    network, checkpoint, _ = undisturbed
    assert_same_weights(train(checkpoint, on_progress=seen.append), network)
    assert seen == []


def test_previews_do_not_change_what_is_learned(tmp_path: Path, undisturbed: Undisturbed) -> None:
    shown: dict[int, Picture] = {}
    previews = Previews(photograph=_pictures()[0], every=10, show=shown.__setitem__)
    assert_same_weights(train(tmp_path / "training", previews=previews), undisturbed[0])
    assert sorted(shown) == [10, 20]
    assert shown[10].shape == (64, 80, 3)
    assert shown[10].dtype == np.uint8
    assert not np.array_equal(shown[10], shown[20])


@pytest.mark.parametrize("changed", ["recipe", "painting", "content", "features", "initial"])
def test_the_checkpoint_of_another_training_is_passed_over(
    changed: str, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    checkpoint = tmp_path / "training.safetensors"
    checkpoint.write_bytes(undisturbed[1].read_bytes())
    other = np.random.default_rng(2).integers(0, 256, (64, 80, 3), np.uint8)
    features = _features()
    next(features.layers.parameters()).data.mul_(0.5)
    more = {
        "recipe": TrainingRecipe(**{**RECIPE.to_dict(), "size": RECIPE.size, "seed": 1}),
        "painting": other,
        "content": [other],
        "features": features,
        "initial": TransformerNet(RECIPE.size),
    }

    def stop_after(now: TrainingProgress) -> None:
        raise Enough(now.iteration)

    with pytest.raises(Enough, match=r"^1$"):
        train(checkpoint, on_progress=stop_after, **{changed: more[changed]})


def test_a_damaged_checkpoint_is_named_as_such(tmp_path: Path, undisturbed: Undisturbed) -> None:
    checkpoint, whole = tmp_path / "training.safetensors", undisturbed[1].read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"\xff" * 100):
        checkpoint.write_bytes(damaged)
        with pytest.raises(StyleError, match="the saved training is damaged"):
            train(checkpoint)


def test_progress_tells_the_losses_the_pace_and_the_time_left(undisturbed: Undisturbed) -> None:
    _, _, seen = undisturbed
    half = seen[RECIPE.iterations // 2 - 1]
    assert half.iterations_per_second > 0
    assert half.seconds_left == pytest.approx(half.iteration / half.iterations_per_second)
    assert seen[-1].seconds_left == 0
    assert all(word in half.describe_losses() for word in ("style", "content", "tone", "shift"))
