"""Flicker warns, in the segment and in the delivery where it is, and holds up nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
import skimage.data
from PIL import Image

from dagster_project.definitions import build_defs
from dagster_project.partitions import cell_key, clips
from resources.build import build_resources
from resources.stylizer import StylizerResource
from stylize.records.records import Delivery, Registration
from stylize.store.keys import latest_delivery_key, registration_key
from tests.clips import run_ffmpeg
from tests.landing import Landing, open_landing

NUM_FRAMES = 72  # three segments of one chunk


class _Brightness:
    """Leaves the picture as it is, but for ``levels`` that are added to all frames, or to every second one only."""

    batch_size = 8
    device = "cpu"
    memory_rung = "8 frames at once"
    digest = "brightness"

    def __init__(self, levels: int, *, every: int = 1) -> None:
        self.levels = levels
        self.every = every
        self.num_frames = 0

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        painted = frames // 2 + 40
        for picture in painted:
            if self.num_frames % self.every == 0:
                picture += self.levels
            self.num_frames += 1
        return painted


TRANSFORMS: list[_Brightness] = []


class Painter(StylizerResource):
    """Takes the next of ``TRANSFORMS`` for every segment."""

    def transform(self, *arguments: Any, **options: Any) -> Any:
        return TRANSFORMS.pop(0)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera that glides over a photograph."""
    folder = tmp_path_factory.mktemp("film")
    Image.fromarray(skimage.data.coffee()).save(folder / "still.png")
    glide = ("-vf", "crop=256:144:100+n:60+n/2", "-frames:v", str(NUM_FRAMES))
    still = ("-framerate", "24", "-loop", "1", "-i", folder / "still.png")
    run_ffmpeg(*still, *glide, "-c:v", "libx264", "-pix_fmt", "yuv420p", folder / "film.mp4")
    return folder / "film.mp4"


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path) as landing:
        shipped = build_resources(landing.settings)["stylizer"]
        overrides = {
            "store": dg.ResourceDefinition.hardcoded_resource(landing.store),
            "stylizer": Painter(**shipped.model_dump()),
        }
        landing.definitions = build_defs(landing.settings, overrides)
        yield landing


def deliver(landing: Landing, film: Path, *transforms: _Brightness) -> None:
    """Three segments, each painted by a transform of its own; every run succeeds."""
    TRANSFORMS[:] = transforms
    landing.put("film.mp4", film)
    landing.instance.add_dynamic_partitions(str(clips.name), ["film"])
    Registration(landing_key="landing/film.mp4").write(landing.store, registration_key("film"))
    assert landing.run("choose_look_job", "film").success
    config = {"ops": {"source_video": {"config": {"frames_per_segment": 24}}}}
    assert landing.run("read_clip_job", "film", config).success
    landing.automate("film.mp4")


def latest(landing: Landing, asset: str, partition: str) -> dg.AssetCheckEvaluation:
    """The last result of the check on that partition."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), "flicker")
    history = landing.instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    events = [record.event.dagster_event for record in history if record.event]
    evaluations = [event.asset_check_evaluation_data for event in events if event]
    return next(found for found in evaluations if found.partition == partition)


def receipt(landing: Landing) -> dict[str, Any]:
    delivery = Delivery.read(landing.store, latest_delivery_key("film"))
    return json.loads(landing.store.read_bytes(delivery.receipt_key))


def test_a_steady_film_passes_in_every_segment_and_as_a_whole(landing: Landing, film: Path) -> None:
    deliver(landing, film, *(_Brightness(0) for _ in range(3)))
    for segment in range(3):
        found = latest(landing, "styled_frames", cell_key("film", segment))
        assert found.passed
        assert found.metadata["pairs_compared"].value == 1
    found = latest(landing, "final_video", "film")
    assert found.passed
    assert found.metadata["pairs_compared"].value == 4
    assert found.metadata["worst_error"].value < 1e-3
    assert receipt(landing)["flicker"]["worst_error"] == found.metadata["worst_error"].value


def test_segments_of_different_brightness_are_steady_themselves_and_jump_where_they_meet(
    landing: Landing, film: Path
) -> None:
    deliver(landing, film, _Brightness(0), _Brightness(0), _Brightness(40))
    assert all(latest(landing, "styled_frames", cell_key("film", segment)).passed for segment in range(3))
    found = latest(landing, "final_video", "film")
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["worst_frame"].value == 48
    assert found.metadata["worst_frame_seconds"].value == pytest.approx(2.0)
    assert found.metadata["median_error"].value < found.metadata["threshold"].value
    assert "frame 48 (2.0 s) jumps" in found.description
    facts = receipt(landing)
    assert facts["flicker"]["worst_frame"] == 48
    assert all(facts["checks"].values())
    assert landing.run("deliver_clip_job", "film").success  # finds the delivery complete
    again = latest(landing, "final_video", "film")
    assert again.target_materialization_data != found.target_materialization_data
    assert (again.passed, dict(again.metadata)) == (False, dict(found.metadata))


def test_a_flickering_segment_is_named_and_delivered_all_the_same(landing: Landing, film: Path) -> None:
    deliver(landing, film, _Brightness(0), _Brightness(40, every=2), _Brightness(0))
    passed = [latest(landing, "styled_frames", cell_key("film", segment)).passed for segment in range(3)]
    assert passed == [True, False, True]
    assert latest(landing, "styled_frames", cell_key("film", 1)).severity == dg.AssetCheckSeverity.WARN
    assert receipt(landing)["counts"]["frames"] == NUM_FRAMES


def test_what_cannot_be_looked_at_is_no_flicker(landing: Landing, film: Path) -> None:
    deliver(landing, film, *(_Brightness(0) for _ in range(3)))
    for segment in (0, 40):  # one that is styled already, and one that the clip does not need
        assert landing.run("style_segment_job", cell_key("film", segment)).success
        found = latest(landing, "styled_frames", cell_key("film", segment))
        assert (found.passed, found.metadata["pairs_compared"].value) == (True, 0)
    for prefix in ("work/", "delivery/"):
        for info in list(landing.store.list(prefix)):
            if prefix == "delivery/" or ("/frames/" in info.key and info.key.endswith(".mkv")):
                landing.store.delete(info.key)
    assert landing.run("deliver_clip_job", "film").success
    found = latest(landing, "final_video", "film")
    assert (found.passed, found.metadata["pairs_compared"].value) == (True, 0)
