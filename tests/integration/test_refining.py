"""A style from a picture: at once, and refined; through the command, and as an asset from an upload."""

import json
import re
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
from safetensors import safe_open

from assets.refine_config import RefineConfig
from dagster_project.cli.home import open_instance
from dagster_project.cli.refine_command import refine_painting
from dagster_project.cli.style_list import list_style_lines
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from stylize.errors import StyleError
from stylize.records.photographs import find_photographs
from stylize.records.records import StyleRecord, digest_of_file
from stylize.sandbox.limits import DecodeLimits
from stylize.store.folder_store import FolderStore
from stylize.style.controls.quality import QUALITIES
from tests.conftest import Restyle, Stylize
from tests.forked_programs import ForkedStylize

Clip = Callable[[str], Path]


@pytest.fixture(scope="session")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Waves of two colors."""
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
    Image.fromarray(skimage.data.astronaut()[::2, ::2]).save(folder / "astronaut.jpg")
    Image.new("RGB", (16, 16), "red").save(folder / "icon.png")
    (folder / "clip.mp4").write_bytes(clip("constant_rate").read_bytes())
    (folder / "notes.txt").write_text("Not a photograph.")
    return folder


def _start(home: Path, *arguments: str | Path) -> ForkedStylize:
    return ForkedStylize("refine", *arguments, "--home", home)


def _checkpoints(home: Path) -> dict[str, int]:
    """The iteration at which each quality was saved."""
    found = {}
    for path in sorted((home / "store").glob("models/two-waves/refining/*/checkpoint-*.safetensors")):
        content = path.read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        quality = path.stem.removeprefix("checkpoint-")
        found[quality] = json.loads(header["__metadata__"]["refining"])["iteration"]
    return found


def _wait_until_saved(quality: str, home: Path, process: ForkedStylize) -> None:
    while quality not in _checkpoints(home) and process.poll() is None:
        time.sleep(0.005)


def _model(home: Path) -> Path:
    (path,) = (home / "store").glob("models/two-waves/*.safetensors")
    return path


def test_refined_by_command_interrupted_and_killed_it_becomes_the_same_style_and_paints_a_video(
    painting: Path, photographs: Path, clip: Clip, stylize: Stylize, restyle: Restyle, home: Path, tmp_path: Path,
) -> None:  # fmt: skip
    arguments = (painting, "--iterations", "3", "--stroke-side", "140", "--content", photographs)
    with _start(home, *arguments) as process:
        _wait_until_saved("best", home, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130, err
    assert _checkpoints(home) == {"best": 3}, "it was stopped, and not finished first"
    assert out == ""
    assert err.endswith("interrupted; run the same command again to go on from the last checkpoint\n")
    assert "note: 'icon.png' is left out" in err
    assert "note: left out: 'notes.txt'" in err
    with _start(home, *arguments) as process:
        _wait_until_saved("standard", home, process)
        process.kill()
    assert _checkpoints(home) == {"best": 3, "standard": 3}
    assert not (home / "store" / "models" / "two-waves" / "style.json").exists()

    finished = stylize("refine", *arguments, "--home", home)
    assert finished.returncode == 0, finished.stderr
    assert "refining goes on after iteration 6" in finished.stderr
    lines = dict(line.split(": ", 1) for line in finished.stdout.splitlines())
    assert Image.open(lines["sample"]).height == 300
    assert lines["style two-waves"] == "refined by 3 iterations for each quality"
    assert {f"looks, quality {quality}" for quality in QUALITIES} < lines.keys()
    assert lines["next"] == "stylize video YOUR.mp4 --style two-waves"

    undisturbed = stylize("refine", *arguments, "--home", tmp_path / "other")
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert digest_of_file(_model(home)) == digest_of_file(_model(tmp_path / "other"))
    assert _checkpoints(home) == {}

    listed = stylize("styles", "--home", home).stdout
    assert re.search(r"^two-waves +Two waves\. From the picture Two Waves\.png, refined\.$", listed, re.MULTILINE)
    report = restyle(clip("constant_rate"), "--style", "two-waves")
    assert report["style"] == "two-waves"
    # From now on the frames of that clip are what styles are refined with by default.
    found = find_photographs(
        FolderStore(home / "store"), [], clips=[report["clip"]], needed=80, scratch=tmp_path, limits=DecodeLimits()
    )
    assert found.names == [f"{report['clip']} #0", f"{report['clip']} #1"]
    assert {picture.shape for picture in found.pictures} == {(80, 120, 3)}


def _materialize(home: Path, style: str, config: dict[str, Any] | None = None) -> dg.ExecuteInProcessResult:
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


def _why_it_failed_at_once(result: dg.ExecuteInProcessResult) -> str:
    assert not any(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.all_events)
    (data,) = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    assert isinstance(data, UserFailureData)
    return str(data.description)


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    assert result.success
    (materialization,) = result.asset_materializations_for_node("style_model")
    return {name: entry.value for name, entry in materialization.metadata.items()}


def _record(home: Path, style: str) -> StyleRecord:
    return StyleRecord(**json.loads((home / "store" / "models" / style / "style.json").read_text()))


def test_an_uploaded_picture_is_a_style_at_once_and_is_refined_on_demand(
    painting: Path, photographs: Path, home: Path
) -> None:
    _put_style(home, painting, "Two Waves.PNG")
    listed = [" ".join(line.split()) for line in list_style_lines(Settings(home=home))]
    assert "two-waves From the picture Two Waves.PNG." in listed
    at_once = _metadata(_materialize(home, "two-waves"))
    assert at_once["image_sha256"] == digest_of_file(painting)
    assert "recipe" not in at_once
    assert not (home / "store" / "models" / "two-waves" / "refining").exists()

    config = {"iterations": 2, "preview_every": 2, "stroke_side": 140, "content": [str(photographs / "astronaut.jpg")]}
    refined = _metadata(_materialize(home, "two-waves", config))
    assert refined["sha256"] != at_once["sha256"]
    assert refined["image_sha256"] == at_once["image_sha256"]
    assert (refined["iterations"], refined["recipe"]["photographs"]) == (2, ["astronaut.jpg"])
    assert refined["refining_seconds"] > 0
    assert all(refined[f"{quality}_pan_error_360p"] > 0 for quality in QUALITIES)
    assert all(refined["losses"][f"{quality}_strokes"] > 0 for quality in QUALITIES)
    assert Path(refined["sample"]).is_file()
    previews = sorted(Path(refined["sample"]).parent.glob("preview-*.jpg"))
    assert [path.name for path in previews] == [f"preview-{quality}-00002.jpg" for quality in sorted(QUALITIES)]
    with safe_open(home / "store" / _record(home, "two-waves").model_key, framework="np") as file:
        assert {name.split(".")[0] for name in file.keys()} == {*QUALITIES}  # noqa: SIM118

    record = home / "store" / "models" / "two-waves" / "style.json"
    written = record.read_bytes()
    for again in (config, None):
        assert _materialize(home, "two-waves", again).success
        assert record.read_bytes() == written, "nothing was refined a second time, which takes another time"
    assert _metadata(_materialize(home, "two-waves", {**config, "seed": 1}))["sha256"] != refined["sha256"]
    refined_from_file = refine_painting(
        painting, settings=Settings(home=home), name=None, config=RefineConfig(**config, seed=1)
    )
    assert refined_from_file.record == _record(home, "two-waves"), "it is the picture that was uploaded"
    by_name = refine_painting(
        Path("two-waves"), settings=Settings(home=home), name=None, config=RefineConfig(**config, seed=1)
    )
    assert by_name.record == refined_from_file.record


def test_a_picture_that_cannot_be_used_fails_for_good_and_says_why(home: Path, tmp_path: Path, painting: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(painting.read_bytes()[:500])
    _put_style(home, broken, "broken.jpg")
    for config in (None, {"iterations": 1}):
        assert "'broken.jpg' is damaged or cut off" in _why_it_failed_at_once(_materialize(home, "broken", config))
    _put_style(home, painting, "twice.jpg")
    _put_style(home, painting, "Twice.png")
    assert "'Twice.png' and 'twice.jpg'" in _why_it_failed_at_once(_materialize(home, "twice"))


def test_a_checkpoint_wins_over_a_picture_of_the_same_name(home: Path, painting: Path, other_style: Path) -> None:
    _put_style(home, painting, "noise.png")
    _put_style(home, other_style, "noise.safetensors")
    assert _materialize(home, "noise").success
    record = _record(home, "noise")
    assert record.sha256 == digest_of_file(other_style)
    assert not record.order
    refused = _why_it_failed_at_once(_materialize(home, "noise", {"iterations": 1}))
    assert "style 'noise' has no picture in landing/styles/ to be refined on" in refused


def test_a_style_travels_as_one_file_with_its_card(
    stylize: Stylize, restyle: Restyle, clip: Clip, painting: Path, home: Path, tmp_path: Path
) -> None:
    _put_style(tmp_path / "theirs", painting, "waves.png")
    file = tmp_path / "from-a-friend.safetensors"
    exported = stylize("export-style", "waves", file, "--home", tmp_path / "theirs")
    assert exported.returncode == 0, exported.stderr
    assert restyle(clip("one_frame"), "--style", file)["style"] == "from-a-friend"
    listed = " ".join(stylize("styles", "--home", home).stdout.split())
    assert "from-a-friend Waves. From the picture waves.png." in listed
    again = tmp_path / "again.safetensors"
    assert stylize("export-style", "from-a-friend", again, "--home", home).returncode == 0
    assert digest_of_file(again) == digest_of_file(file)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("My Style", "expected letters, digits and hyphens, e.g. 'my-style'"),
        ("content", "choose another"),
        ("uploaded", "'uploaded.pth' in landing/styles/"),
        ("another", "'another.png' in landing/styles/"),
    ],
)
def test_a_name_that_is_taken_or_cannot_be_used_is_refused_before_any_work(
    name: str, complaint: str, painting: Path, home: Path, other_style: Path, tmp_path: Path
) -> None:
    _put_style(home, other_style, "uploaded.pth")
    Image.open(painting).rotate(180).save(tmp_path / "another.png")
    _put_style(home, tmp_path / "another.png", "another.png")
    with pytest.raises(StyleError, match=complaint):
        refine_painting(painting, settings=Settings(home=home), name=name, config=RefineConfig(iterations=1))
    assert not (home / "store" / "models").exists()


@pytest.mark.parametrize(
    ("style", "config", "complaint"),
    [
        ("two-waves", {"content": ["/nowhere"]}, "no such file or folder"),
        ("nosuch", {}, "'nosuch' has no picture"),
        ("two-waves", {"iterations": 0, "painting": "/nowhere.png"}, "0 iterations"),
        ("three-waves", {"painting": "/nowhere.png"}, "no such file"),
    ],
)
def test_what_is_not_there_is_named(
    style: str, config: dict[str, Any], complaint: str, painting: Path, home: Path
) -> None:
    _put_style(home, painting, "two-waves.png")
    assert complaint in _why_it_failed_at_once(_materialize(home, style, {"iterations": 1, **config}))


def test_a_picture_that_cannot_be_used_is_one_line_on_the_terminal(
    stylize: Stylize, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "note.jpg").write_text("Not a picture.")
    result = stylize("refine", tmp_path / "note.jpg", "--home", home)
    assert result.returncode == 2
    assert result.stderr == (
        "stylize: 'note.jpg' is not a picture that can be read; expected a JPEG, PNG, WebP, TIFF or BMP picture\n"
    )
