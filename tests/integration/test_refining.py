"""A new style from a picture: through the command, and as an asset from an upload."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from dagster._core.execution.plan.objects import UserFailureData
from PIL import Image

from assets.style_training_config import StyleTrainingConfig
from dagster_project.cli.home import open_instance
from dagster_project.cli.style_list import list_style_lines
from dagster_project.cli.train_command import train_from_painting
from dagster_project.definitions import build_defs
from dagster_project.errors import StyleError
from dagster_project.settings import Settings
from dagster_project.video.limits import DecodeLimits
from resources.folder_store import FolderStore
from resources.records import StyleRecord, digest_of_file
from resources.training_material import find_photographs
from tests.conftest import Restyle, Stylize
from tests.forked_programs import ForkedStylize

Clip = Callable[[str], Path]

FAST = ("--iterations", "60", "--crop-size", "32", "--style-side", "64")
FAST_CONFIG = {"iterations": 2, "crop_size": 32, "style_side": 64, "checkpoint_every": 1}


@pytest.fixture(scope="session")
def loss_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SqueezeNet with random weights: it says nothing about style, but all of training works with it."""
    import safetensors.torch
    import torch

    from dagster_project.style_transfer.features import squeezenet_layers

    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("features") / "squeezenet.safetensors"
    safetensors.torch.save_file(squeezenet_layers().half().state_dict(), path)
    return path


@pytest.fixture(scope="session")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Waves of two colours."""
    rows, columns = np.mgrid[0:140, 0:180]
    wave = (np.sin(rows / 5 + np.sin(columns / 9) * 3) > 0)[..., None]
    path = tmp_path_factory.mktemp("paintings") / "Two Waves.png"
    Image.fromarray(np.where(wave, (20, 60, 160), (250, 220, 90)).astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory, clip: Clip) -> Path:
    """A folder with a photograph, a video, an icon and something else."""
    import skimage.data

    folder = tmp_path_factory.mktemp("photographs")
    Image.fromarray(skimage.data.astronaut()[::3, ::3]).save(folder / "astronaut.jpg")
    Image.new("RGB", (16, 16), "red").save(folder / "icon.png")
    (folder / "clip.mp4").write_bytes(clip("constant_rate").read_bytes())
    (folder / "notes.txt").write_text("Not a photograph.")
    return folder


def _start(home: Path, *arguments: str | Path) -> ForkedStylize:
    return ForkedStylize("train", *arguments, "--home", home)


def _checkpoint_iteration(home: Path) -> int:
    for path in (home / "store").glob("models/two-waves/training/*/checkpoint.safetensors"):
        content = path.read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return json.loads(header["__metadata__"]["training"])["iteration"]
    return 0


def _wait_for_iteration(iteration: int, home: Path, process: ForkedStylize) -> None:
    while _checkpoint_iteration(home) < iteration and process.poll() is None:
        time.sleep(0.005)


def _model(home: Path) -> Path:
    (path,) = (home / "store").glob("models/two-waves/*.safetensors")
    return path


def test_trained_by_command_interrupted_and_killed_it_becomes_the_same_style_and_paints_a_video(
    painting: Path, loss_network: Path, photographs: Path, clip: Clip, stylize: Stylize, restyle: Restyle,
    home: Path, tmp_path: Path,
) -> None:  # fmt: skip
    arguments = (painting, *FAST, "--features", loss_network, "--content", photographs)
    with _start(home, *arguments) as process:
        _wait_for_iteration(25, home, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130, err
    assert _checkpoint_iteration(home) == 25, "the training was stopped, and not finished first"
    assert out == ""
    assert err.endswith("interrupted; run the same command again to go on from the last checkpoint\n")
    assert "note: 'icon.png' is left out" in err
    assert "note: left out: 'notes.txt'" in err
    with _start(home, *arguments, "--resume") as process:
        _wait_for_iteration(50, home, process)
        process.kill()
    assert _checkpoint_iteration(home) == 50
    assert not (home / "store" / "models" / "two-waves" / "style.json").exists()

    finished = stylize("train", *arguments, "--resume", "--home", home)
    assert finished.returncode == 0, finished.stderr
    assert "training goes on after iteration 50" in finished.stderr
    lines = dict(line.split(": ", 1) for line in finished.stdout.splitlines())
    assert Image.open(lines["sample"]).height == 300
    assert lines["next"] == "stylize video YOUR.mp4 --style two-waves"

    undisturbed = stylize("train", *arguments, "--home", tmp_path / "other")
    assert undisturbed.returncode == 0, undisturbed.stderr
    previews = [line.removeprefix("preview: ") for line in undisturbed.stderr.splitlines() if "preview: " in line]
    assert [Path(preview).name for preview in previews] == ["preview-00050.jpg"]
    assert Image.open(previews[0]).size == Image.open(previews[0].replace("/other/", "/home/")).size
    assert digest_of_file(_model(home)) == digest_of_file(_model(tmp_path / "other"))
    assert not list((home / "store").glob("models/two-waves/training/*/checkpoint.safetensors"))

    listed = stylize("styles", "--home", home).stdout
    assert "two-waves     Two waves. Trained from Two Waves.png.\n" in listed
    report = restyle(clip("constant_rate"), "--style", "two-waves")
    assert report["style"] == "two-waves"
    # From now on the frames of that clip are what a style is trained on by default.
    found = find_photographs(
        FolderStore(home / "store"), [], clips=[report["clip"]], needed=80, scratch=tmp_path, limits=DecodeLimits()
    )
    assert found.names == [f"{report['clip']} #0", f"{report['clip']} #1"]
    assert {picture.shape for picture in found.pictures} == {(80, 120, 3)}


def _materialize(home: Path, style: str, config: dict | None = None) -> dg.ExecuteInProcessResult:
    """What the sensor's run, or an operator on the partition page, does."""
    job = build_defs(Settings(home=home)).resolve_job_def("load_style_job")
    (home / "dagster").mkdir(parents=True, exist_ok=True)
    with open_instance(Settings(home=home)) as instance:
        instance.add_dynamic_partitions("styles", [style])
        ops = {"style_model": {"config": config}} if config else {}
        return job.execute_in_process(
            instance=instance, partition_key=style, run_config={"ops": ops}, raise_on_error=False
        )


def _put_style(home: Path, source: Path, name: str) -> Path:
    target = home / "store" / "landing" / "styles" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    return target


def _why_it_failed_at_once(result: dg.ExecuteInProcessResult) -> UserFailureData:
    assert not any(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.all_events)
    (data,) = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    assert data is not None
    return data


def test_an_uploaded_image_becomes_a_style_once(
    painting: Path, loss_network: Path, photographs: Path, clip: Clip, stylize: Stylize, home: Path
) -> None:
    _put_style(home, painting, "Two Waves.PNG")
    waiting = stylize("video", clip("one_frame"), "--style", "two-waves", "--home", home)
    assert waiting.returncode == 2
    assert "'two-waves' is not trained yet: its image 'Two Waves.PNG'" in waiting.stderr
    listed = list_style_lines(Settings(home=home))
    assert "two-waves     uploaded image Two Waves.PNG, not trained yet" in listed

    config = {**FAST_CONFIG, "features": str(loss_network), "content": [str(photographs / "astronaut.jpg")]}
    result = _materialize(home, "two-waves", config)
    assert result.success
    (materialization,) = result.asset_materializations_for_node("style_model")
    metadata: dict[str, Any] = {name: entry.value for name, entry in materialization.metadata.items()}
    assert metadata["image_sha256"] == digest_of_file(painting)
    assert metadata["iterations"] == 2
    assert metadata["training_seconds"] > 0
    assert metadata["loss_style"] > 0
    assert {"style_loss_ratio", "content_loss", "warping_error", "loss_content", "loss_shift"} <= metadata.keys()
    assert Path(metadata["sample"]).is_file()
    record = _model(home).with_name("style.json")
    trained = record.read_bytes()
    assert _materialize(home, "two-waves", config).success
    assert record.read_bytes() == trained, "nothing was trained a second time, which takes another time"
    assert _materialize(home, "two-waves", {**config, "seed": 1}).success
    assert len(list((home / "store").glob("models/two-waves/*.safetensors"))) == 2


def test_an_image_that_cannot_be_used_fails_for_good_and_says_why(home: Path, tmp_path: Path, painting: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(painting.read_bytes()[:500])
    _put_style(home, broken, "broken.jpg")
    assert "'broken.jpg' is damaged or cut off" in str(_why_it_failed_at_once(_materialize(home, "broken")).description)
    _put_style(home, painting, "twice.jpg")
    _put_style(home, painting, "Twice.png")
    assert "'Twice.png' and 'twice.jpg'" in str(_why_it_failed_at_once(_materialize(home, "twice")).description)


def test_a_checkpoint_wins_over_an_image_of_the_same_name(home: Path, painting: Path, other_style: Path) -> None:
    _put_style(home, painting, "noise.png")
    _put_style(home, other_style, "noise.safetensors")
    assert _materialize(home, "noise").success
    record = StyleRecord(**json.loads((home / "store" / "models" / "noise" / "style.json").read_text()))
    assert record.sha256 == digest_of_file(other_style)
    assert not record.order


def test_a_style_travels_as_one_file_with_its_card(
    stylize: Stylize, restyle: Restyle, clip: Clip, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "from-a-friend.safetensors"
    exported = stylize("export-style", "scream", file, "--home", tmp_path / "theirs")
    assert exported.returncode == 0, exported.stderr
    assert restyle(clip("one_frame"), "--style", file)["style"] == "from-a-friend"
    assert "from-a-friend  The Scream. Long wavering bands" in stylize("styles", "--home", home).stdout
    again = tmp_path / "again.safetensors"
    assert stylize("export-style", "from-a-friend", again, "--home", home).returncode == 0
    assert digest_of_file(again) == digest_of_file(file)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("scream", "is a shipped style"),
        ("My Style", "expected letters, digits and hyphens, e.g. 'my-style'"),
        ("features", "choose another"),
        ("uploaded", "'uploaded.pth' in landing/styles/"),
    ],
)
def test_a_name_that_is_taken_or_cannot_be_used_is_refused_before_any_work(
    name: str, complaint: str, painting: Path, home: Path, other_style: Path
) -> None:
    _put_style(home, other_style, "uploaded.pth")
    with pytest.raises(StyleError, match=complaint):
        train_from_painting(painting, settings=Settings(home=home), name=name, config=StyleTrainingConfig())
    assert not (home / "store" / "models").exists()


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"start_from": "nosuch"}, "unknown style 'nosuch'"),
        ({"start_from": "two-waves"}, "cannot start from itself"),
        ({"crop_size": 33}, "multiple of 4"),
        ({"features": "none.pth"}, "no such file"),
        ({"content": ["/nowhere"]}, "no such file or folder"),
    ],
)
def test_material_that_is_not_there_is_named(
    config: dict[str, Any], complaint: str, painting: Path, loss_network: Path, home: Path
) -> None:
    _put_style(home, painting, "two-waves.png")
    failed = _materialize(home, "two-waves", {"features": str(loss_network), **config})
    assert complaint in str(_why_it_failed_at_once(failed).description)


def test_a_picture_that_cannot_be_used_is_one_line_on_the_terminal(
    stylize: Stylize, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "note.jpg").write_text("Not a picture.")
    result = stylize("train", tmp_path / "note.jpg", "--home", home)
    assert result.returncode == 2
    assert result.stderr == (
        "stylize: 'note.jpg' is not a picture that can be read; expected a JPEG, PNG, WebP, TIFF or BMP picture\n"
    )
