"""The artist's controls, from where a person sets them to the delivered pixels."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import dagster as dg
import numpy as np
import pytest
import skimage.data
from PIL import Image

from assets.failures import explained_failures
from resources.build import build_resources
from stylize.records.records import ClipSettings
from tests.clips import run_ffmpeg
from tests.conftest import Restyle, Stylize
from tests.landing import Landing, open_landing

Clip = Callable[[str], Path]
BLEND = ("--blend-with", "scream", "--blend", "0.30")
CONTROLS = ("--strength", "0.5", "--style-weight", "0.4", "--keep-colors", "--style-scale", "0.15", *BLEND)
NO_CONTROLS = ("--strength", "1", "--style-weight", "1", "--no-keep-colors", "--style-scale", "0.01667", "--blend", "0")


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path) as landing:
        yield landing


def _pictures(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(int)


def _levels_away(source: Path, delivered: Path) -> float:
    return float(np.abs(_pictures(source) - _pictures(delivered)).mean())


def _latest(landing: Landing) -> dict[str, Any]:
    return json.loads(landing.store.read_bytes("delivery/film/latest.json"))


def _receipt_settings(landing: Landing) -> dict[str, Any]:
    return json.loads(landing.store.read_bytes(_latest(landing)["receipt_key"]))["settings"]


def test_strength_0_beside_an_upload_delivers_the_source(landing: Landing, clip: Clip) -> None:
    source = clip("one_frame")
    landing.put("film.mp4", source)
    landing.deliver("film.mp4")
    painted = _levels_away(source, Path(landing.store.location(_latest(landing)["video_key"])))
    landing.wish("film.mp4", strength=0)
    landing.deliver("film.mp4")
    unpainted = _levels_away(source, Path(landing.store.location(_latest(landing)["video_key"])))
    assert unpainted < 10 < 40 < painted, (unpainted, painted)  # a test card, whose colours 4:2:0 blurs
    assert landing.materializations("source_video", "film") == 1


def test_the_transform_of_a_clip_at_strength_0_is_within_two_levels(landing: Landing, clip: Clip) -> None:
    landing.wish("film.mp4", strength=0, keep_colors=True, style_scale=0.1)
    landing.put("film.mp4", clip("one_frame"))
    landing.ticks()
    assert all(result.success for result in landing.run_requested())
    settings = ClipSettings.read(landing.store, "clips/film/settings.json")
    stylizer = build_resources(landing.settings)["stylizer"]
    frames = np.random.default_rng(1).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    transform = stylizer.transform(landing.store, settings, width=96, height=64, scratch=landing.settings.home)
    assert np.abs(transform(frames).astype(int) - frames).max() <= 2


@pytest.mark.usefixtures("delivered")
def test_controls_on_the_command_line_stay_until_they_are_switched_off(clip: Clip, restyle: Restyle) -> None:
    source = clip("constant_rate")
    plain = restyle(source)
    controlled = restyle(source, *CONTROLS)
    told = "0.3 of scream, strength 0.5, style weight 0.4, colors of the source, brush 0.15 of the height"
    assert controlled["controls"] == told
    assert _levels_away(source, Path(controlled["output"])) < 0.75 * _levels_away(source, Path(plain["output"]))
    settings = json.loads(Path(controlled["receipt"]).read_text())["settings"]
    assert (settings["strength"], settings["keep_colors"], settings["style_scale"]) == (0.5, True, 0.15)
    assert (settings["second"]["style"], settings["second"]["share"]) == ("scream", 0.3)
    again = restyle(source)
    assert (again["output"], again["segments"]["styled"]) == (controlled["output"], 0)
    back = restyle(source, *NO_CONTROLS)
    assert (back["output"], back["segments"]["styled"], back["controls"]) == (plain["output"], 0, "none")


def test_a_style_weight_goes_from_the_clips_own_style_to_the_paintings_and_is_the_same_in_every_run(
    landing: Landing, tmp_path: Path
) -> None:
    still, source, distances = tmp_path / "still.png", tmp_path / "film.mp4", {}
    Image.fromarray(skimage.data.coffee()).save(still)
    glide = ("-vf", "crop=256:144:100+n:60", "-frames:v", "9", "-pix_fmt", "yuv420p")
    run_ffmpeg("-framerate", "24", "-loop", "1", "-i", still, *glide, source)
    landing.put("film.mp4", source)
    for weight in (1, 0.5, 0):
        landing.wish("film.mp4", style_weight=weight)
        landing.deliver("film.mp4")
        distances[weight] = _levels_away(source, Path(landing.store.location(_latest(landing)["video_key"])))
    assert distances[0] < distances[0.5] < distances[1]
    (key,) = [it.key for it in landing.store.list("work/film/") if it.key.endswith("own-style.safetensors")][-1:]
    assert _receipt_settings(landing)["controls"] == "style weight 0"
    video = landing.store.read_bytes(_latest(landing)["video_key"])
    for chunk in [it.key for it in landing.store.list("work/film/") if "/styled/" in it.key and it.key != key]:
        landing.store.delete(chunk)
    assert landing.run("style_segment_job", "film|000").success
    assert landing.run("deliver_clip_job", "film").success
    assert landing.store.read_bytes(_latest(landing)["video_key"]) == video


def test_a_style_weight_needs_a_network_of_ours(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("one_frame"))
    landing.deliver("film.mp4")
    config = {"style": "lanterns", "style_weight": 0.5}
    result = landing.run("choose_look_job", "film", {"ops": {"clip_settings": {"config": config}}})
    (failure,) = explained_failures(landing.instance, result.run_id)
    assert "'style_weight' needs a style that was made by this version; 'lanterns' has a network" in failure.message


def test_controls_in_the_run_config_reach_the_delivery(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("one_frame"))
    landing.deliver("film.mp4")
    config = {"blend_with": "great-wave", "blend": 0.25, "style_scale": 0.1}
    assert landing.run("choose_look_job", "film", {"ops": {"clip_settings": {"config": config}}}).success
    landing.automate("film.mp4")
    settings = _receipt_settings(landing)
    assert settings["controls"] == "0.25 of great-wave, brush 0.1 of the height"
    assert settings["style"] == "starry-night"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"strength": 1.5}, "'strength' cannot be 1.5: expected a number from 0 to 1"),
        ({"blend_with": "starry-night", "blend": 0.5}, "'blend_with' cannot be 'starry-night', the style itself"),
    ],
)
def test_a_wrong_value_in_the_run_config_fails_the_step_with_one_line_and_is_not_retried(
    landing: Landing, config: dict[str, Any], expected: str
) -> None:
    landing.instance.add_dynamic_partitions("clips", ["film"])
    result = landing.run("choose_look_job", "film", {"ops": {"clip_settings": {"config": config}}})
    (failure,) = explained_failures(landing.instance, result.run_id)
    assert failure.kind == "SettingsError"
    assert expected in failure.message
    restarted = landing.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)
    assert not restarted


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--strength", "2"), "'strength' cannot be 2.0: expected a number from 0 to 1"),
        (("--blend-with", "screem", "--blend", "0.5"), "unknown style 'screem'"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    options: tuple[str, ...], expected: str, clip: Clip, stylize: Stylize, home: Path
) -> None:
    result: subprocess.CompletedProcess[str] = stylize("video", clip("one_frame"), *options, "--home", home)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert expected in result.stderr
