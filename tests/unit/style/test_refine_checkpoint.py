"""Refining that was killed goes on from its checkpoint and ends with the same bits as one that was not."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stylize.errors import StyleError
from stylize.style.controls.quality import Quality
from stylize.style.network.style_network import StyleNet
from stylize.style.pictures import Picture
from stylize.style.refining.refine import Previews, RefineProgress, refine_style
from stylize.style.refining.refine_checkpoint import Checkpoints
from stylize.style.refining.refine_recipe import RefineRecipe

RECIPE = RefineRecipe(iterations=8, batch_size=1, crop_size=32, max_shift=4, stroke_side=64)
QUALITIES: tuple[Quality, ...] = ("best", "fast")
Networks = dict[Quality, StyleNet]


def _pictures() -> list[Picture]:
    return list(np.random.default_rng(1).integers(0, 256, (3, 64, 80, 3), np.uint8))


def refine(folder: Path, **more: Any) -> Networks:
    painting, *photographs = _pictures()
    saved: dict[Quality, Checkpoints] = {
        quality: Checkpoints.in_file(folder / quality, every=3) for quality in QUALITIES
    }
    arguments: dict[str, Any] = {"painting": painting, "photographs": photographs, "recipe": RECIPE, **more}
    return refine_style(qualities=QUALITIES, checkpoints=saved, **arguments)


def run_in_process(folder: str) -> None:
    """What the killed process does: slowly enough to be killed in the middle."""
    torch.set_num_threads(1)
    refine(Path(folder), on_progress=lambda now: time.sleep(0.05))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Enough(Exception):
    """Raised by a test that has seen what it wanted."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Networks, Path]:
    """What nothing disturbed: the networks, and the folder of the last checkpoints."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return refine(folder), folder


Undisturbed = tuple[Networks, Path]


def assert_same_weights(found: Networks, expected: Networks) -> None:
    assert found.keys() == expected.keys()
    for quality, network in found.items():
        weights = expected[quality].state_dict()
        assert all(torch.equal(value, weights[key]) for key, value in network.state_dict().items()), quality


def test_killed_by_the_system_it_goes_on_and_ends_with_the_same_bits(tmp_path: Path, undisturbed: Undisturbed) -> None:
    module = "tests.unit.style.test_refine_checkpoint"
    code = f"from {module} import run_in_process; run_in_process({str(tmp_path)!r})"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not (tmp_path / "best").exists() and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    seen: list[RefineProgress] = []
    resumed = refine(tmp_path, on_progress=seen.append)
    assert seen[0].iteration in (4, 7)
    assert seen[-1].iteration == 2 * RECIPE.iterations
    assert_same_weights(resumed, undisturbed[0])


@pytest.mark.parametrize("last", [1, 3, 4, 8, 9, 11, 15])
def test_stopped_at_any_iteration_it_goes_on_and_ends_with_the_same_bits(
    last: int, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    def stop(now: RefineProgress) -> None:
        if now.iteration == last:
            raise Enough

    with pytest.raises(Enough):
        refine(tmp_path, on_progress=stop)
    assert_same_weights(refine(tmp_path), undisturbed[0])


def test_what_is_finished_is_not_repeated(undisturbed: Undisturbed) -> None:
    seen: list[RefineProgress] = []
    networks, folder = undisturbed
    assert_same_weights(refine(folder, on_progress=seen.append), networks)
    assert seen == []


def test_previews_do_not_change_what_is_learned(tmp_path: Path, undisturbed: Undisturbed) -> None:
    shown: dict[tuple[Quality, int], Picture] = {}

    def show(quality: Quality, iteration: int, picture: Picture) -> None:
        shown[quality, iteration] = picture

    previews = Previews(photograph=_pictures()[0], every=4, show=show)
    assert_same_weights(refine(tmp_path, previews=previews), undisturbed[0])
    assert list(shown) == [("best", 4), ("best", 8), ("fast", 4), ("fast", 8)]
    assert shown["best", 4].shape == (64, 80, 3)
    assert shown["best", 4].dtype == np.uint8
    assert not np.array_equal(shown["best", 4], shown["best", 8])


@pytest.mark.parametrize("changed", ["recipe", "painting", "photographs"])
def test_the_checkpoint_of_other_material_is_passed_over(
    changed: str, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    (tmp_path / "best").write_bytes((undisturbed[1] / "best").read_bytes())
    other = np.random.default_rng(2).integers(0, 256, (64, 80, 3), np.uint8)
    more = {
        "recipe": RefineRecipe(**RECIPE.to_dict() | {"seed": 1}),
        "painting": other,
        "photographs": [other],
    }

    def stop(now: RefineProgress) -> None:
        raise Enough(now.iteration)

    with pytest.raises(Enough, match=r"^1$"):
        refine(tmp_path, on_progress=stop, **{changed: more[changed]})


def test_the_checkpoint_of_another_quality_is_passed_over(tmp_path: Path, undisturbed: Undisturbed) -> None:
    for quality, other in (("best", "fast"), ("fast", "best")):
        (tmp_path / quality).write_bytes((undisturbed[1] / other).read_bytes())
    assert_same_weights(refine(tmp_path), undisturbed[0])


def test_a_damaged_checkpoint_is_named_as_such(tmp_path: Path, undisturbed: Undisturbed) -> None:
    checkpoint, whole = tmp_path / "best", (undisturbed[1] / "best").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"\xff" * 100):
        checkpoint.write_bytes(damaged)
        with pytest.raises(StyleError, match=r"what was saved of refining is damaged.*--restart"):
            refine(tmp_path)
