"""Frame transforms besides the styles: the examples of the documentation, through the whole graph."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from assets.failures import explained_failures
from dagster_project.settings import PROJECT_ROOT, Settings, load_settings
from stylize.errors import SettingsError, StyleError
from stylize.other_transforms import make_other_transform, other_transform_key
from tests.conftest import Stylize
from tests.landing import open_landing

Clip = Callable[[str], Path]
VARIABLE = "STYLIZE_FRAME_TRANSFORMS"


def _examples() -> list[str]:
    page = (PROJECT_ROOT / "docs" / "frame-transforms.md").read_text()
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules of a user's own."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))
    return folder


def _pictures(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(float)


def _blurred(pictures: np.ndarray) -> np.ndarray:
    blur = ImageFilter.BoxBlur(pictures.shape[1] / 20)
    return np.stack([np.asarray(Image.fromarray(p.astype(np.uint8)).filter(blur)) for p in pictures]).astype(float)


def test_the_blur_of_the_documentation_runs_through_the_graph(
    stylize: Stylize, clip: Clip, modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "privacy.py").write_text(_examples()[0])
    monkeypatch.setenv(VARIABLE, "blur=privacy:Blur")
    source, blurred = clip("constant_rate"), tmp_path / "blurred.mp4"
    answer = stylize("video", source, "--style", "blur", "--home", tmp_path / "home", "--output", blurred)
    assert answer.returncode == 0, answer.stderr
    before, after = _pictures(source), _pictures(blurred)
    assert before.shape == after.shape
    # Both distances hold what the delivery's 4:2:0 takes from a test card, so they are compared with each other.
    assert np.abs(after - _blurred(before)).mean() < 0.5 * np.abs(after - before).mean()


def test_a_transform_without_a_network_refuses_steady_shots(
    stylize: Stylize, clip: Clip, modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "privacy.py").write_text(_examples()[0])
    monkeypatch.setenv(VARIABLE, "blur=privacy:Blur")
    answer = stylize("video", clip("one_frame"), "--style", "blur", "--steady-shots", "--home", tmp_path / "home")
    assert answer.returncode == 2
    assert "'steady_shots' needs a style network" in answer.stderr


def test_changed_code_paints_again_and_unchanged_code_does_not(
    stylize: Stylize, clip: Clip, modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "privacy.py").write_text(_examples()[0])
    monkeypatch.setenv(VARIABLE, "blur=privacy:Blur")
    arguments = ("video", clip("one_frame"), "--style", "blur", "--home", tmp_path / "home")
    assert stylize(*arguments).returncode == 0
    assert "1 reused" in stylize(*arguments).stdout
    (modules / "privacy.py").write_text(_examples()[0].replace("twentieth of the height, 1", "tenth, 2"))
    assert "1 styled" in stylize(*arguments).stdout


def test_the_exported_network_of_the_documentation_works(modules: Path, tmp_path: Path) -> None:
    class Negative(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return 1 - pictures

    exported = torch.export.export(Negative(), (torch.zeros(1, 3, 48, 64),))
    torch.export.save(exported, tmp_path / "restore.pt2")
    (modules / "restoring.py").write_text(_examples()[1].replace("/models/restore.pt2", str(tmp_path / "restore.pt2")))
    key = other_transform_key("restoring:Restore")
    transform = make_other_transform(key, device="cpu", width=64, height=48)
    frames = np.random.default_rng(1).integers(0, 256, (1, 48, 64, 3), dtype=np.uint8)
    assert np.array_equal(transform(frames), 255 - frames)


@pytest.mark.parametrize("target", ["no_such_module:Blur", "pathlib:NoSuchClass"])
def test_code_that_is_not_there_is_named(target: str) -> None:
    with pytest.raises(StyleError, match=re.escape(f"{target!r} cannot be imported")):
        make_other_transform(other_transform_key(target), device="cpu", width=64, height=48)


@pytest.mark.parametrize("text", ["blur", "blur=privacy", "Blur!=privacy:Blur"])
def test_a_setting_that_names_no_code_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=VARIABLE):
        load_settings({VARIABLE: text})


def test_a_pod_with_other_code_than_was_chosen_refuses_to_work(
    modules: Path, clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "secrecy.py").write_text(_examples()[0])
    monkeypatch.setattr("tests.landing.Settings", partial(Settings, frame_transforms={"blur": "secrecy:Blur"}))
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path) as landing:
        landing.put("film.mp4", clip("one_frame"))
        landing.wish("film.mp4", style="blur")
        landing.ticks()
        assert all(result.success for result in landing.run_requested())
        monkeypatch.setattr("secrecy.Blur.digest", "0" * 64)
        assert landing.run("split_frames_job", "film|000").success
        failed = landing.run("style_segment_job", "film|000")
        (failure,) = explained_failures(landing.instance, failed.run_id)
        assert "is another here than when it was chosen" in failure.message
