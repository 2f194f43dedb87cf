"""The report of a clip against the receipt, and against figures that are counted again in another way."""

import io
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import av
import dagster as dg
import numpy as np
import pandas as pd
import pytest

from dagster_project.definitions import build_defs
from dagster_project.partitions import cell_key, clips
from resources.build import build_resources
from resources.pricing import PricingResource
from resources.stylizer import StylizerResource
from stylize.errors import StyleError
from stylize.records.records import Registration
from stylize.store.keys import registration_key
from tests.clips import make_clip
from tests.landing import Landing, open_landing

NUM_FRAMES = 40  # two segments of one chunk each: 24 and 16 frames
CLIP = "film"
PRICING = PricingResource(gpu_hour=3.6, cpu_hour=0.36, currency="EUR", device="cpu")
TROUBLE: list[Exception] = []
"""Errors that the transform raises, one per batch, before it paints at all."""

STEPS = ("clip_settings", "source_video", "audio_track", "frames", "styled_frames", "final_video")
STEP_ENDS = {dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.STEP_UP_FOR_RETRY}
STEP_STARTS = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_RESTARTED}


class _Negative:
    batch_size = 8
    device = "cpu"
    digest = "negative"
    memory_rung = "8 frames at once"

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        if TROUBLE:
            raise TROUBLE.pop(0)
        return 255 - frames


class Painter(StylizerResource):
    def transform(self, *_arguments: Any, **_options: Any) -> Any:
        return _Negative()


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landing]:
    """A clip that was delivered with some trouble: one segment at its second try, the other in its second run."""
    home = tmp_path_factory.mktemp("home")
    (home / "instance").mkdir()
    with open_landing(home) as landing:
        overrides = {
            "store": dg.ResourceDefinition.hardcoded_resource(landing.store),
            "stylizer": Painter(**build_resources(landing.settings)["stylizer"].model_dump()),
            "pricing": PRICING,
        }
        landing.definitions = build_defs(landing.settings, overrides)
        landing.put("film.mp4", make_clip("constant_rate", home))
        landing.instance.add_dynamic_partitions(str(clips.name), [CLIP])
        Registration(landing_key="landing/film.mp4").write(landing.store, registration_key(CLIP))
        config = {"ops": {"source_video": {"config": {"frames_per_segment": 24}}}}
        assert landing.run("choose_look_job", CLIP).success
        assert landing.run("read_clip_job", CLIP, config).success
        assert landing.run("read_audio_job", CLIP).success
        for segment in (0, 1):
            assert landing.run("split_frames_job", cell_key(CLIP, segment)).success
        TROUBLE[:] = [RuntimeError("the device fell off the bus")]
        assert landing.run("style_segment_job", cell_key(CLIP, 0)).success
        TROUBLE[:] = [StyleError("this style is broken")]
        assert not landing.run("style_segment_job", cell_key(CLIP, 1)).success
        assert landing.run("style_segment_job", cell_key(CLIP, 1)).success
        assert landing.run("deliver_clip_job", CLIP).success
        assert landing.run("report_clip_job", CLIP).success
        yield landing


@pytest.fixture(scope="module")
def folder(landing: Landing) -> str:
    delivery = json.loads(landing.store.read_bytes(f"delivery/{CLIP}/latest.json"))["delivery"]
    return f"clips/{CLIP}/reports/{delivery[:16]}"


@pytest.fixture(scope="module")
def totals(landing: Landing) -> dict[str, Any]:
    return json.loads(landing.store.read_bytes(f"clips/{CLIP}/report.json"))


def table(landing: Landing, folder: str, name: str) -> Any:
    return pd.read_parquet(io.BytesIO(landing.store.read_bytes(f"{folder}/{name}.parquet")))


def receipt(landing: Landing) -> dict[str, Any]:
    latest = json.loads(landing.store.read_bytes(f"delivery/{CLIP}/latest.json"))
    return json.loads(landing.store.read_bytes(latest["receipt_key"]))


def recounted(landing: Landing) -> dict[str, list[tuple[float, float]]]:
    """Waiting and running seconds of every try, by asset: from the raw events, one after the other."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in landing.instance.get_run_records():
        waited_from, started = record.create_timestamp.timestamp(), 0.0
        for entry in landing.instance.all_logs(record.dagster_run.run_id):
            event = entry.dagster_event
            if event is None or event.step_key not in STEPS:
                continue
            if event.event_type in STEP_STARTS:
                started = entry.timestamp
            elif event.event_type in STEP_ENDS:
                found[str(event.step_key)].append((started - waited_from, entry.timestamp - started))
                waited_from = entry.timestamp
    return found


def test_the_totals_are_those_of_the_receipt(landing: Landing, totals: dict[str, Any]) -> None:
    facts = receipt(landing)
    assert totals["frames"] == facts["counts"]["frames"] == NUM_FRAMES
    assert (totals["segments"], totals["chunks"]) == (facts["counts"]["segments"], facts["counts"]["chunks"]) == (2, 2)
    assert totals["delivered_bytes"] == facts["delivered"]["size_bytes"]
    assert totals["stored_bytes"] == sum(facts["storage"]["stored_bytes"].values())
    assert totals["style"] == facts["settings"]["style"]


def test_frames_and_bytes_are_what_lies_in_the_store(landing: Landing, folder: str, totals: dict[str, Any]) -> None:
    root = landing.settings.store_dir
    (video,) = root.glob("delivery/film/*/film.mp4")
    with av.open(str(video)) as container:
        shown = [float(frame.time or 0) for frame in container.decode(video=0)]
    frames, segments = table(landing, folder, "frames"), table(landing, folder, "segments")
    assert list(frames["frame"]) == list(range(len(shown)))
    assert frames["shown_seconds"].to_numpy() == pytest.approx(shown, abs=1e-3)
    assert totals["delivered_bytes"] == video.stat().st_size
    chunks = sorted(root.glob("work/film/*/styled/*/*.mkv"))
    assert list(segments["size_bytes"]) == [chunk.stat().st_size for chunk in chunks]
    assert list(segments["frames"]) == [24, 16]


def test_every_try_is_reported_with_the_seconds_it_waited_and_ran(
    landing: Landing, folder: str, totals: dict[str, Any]
) -> None:
    expected = recounted(landing)
    assert {asset: len(tries) for asset, tries in expected.items()} == {
        **dict.fromkeys(("clip_settings", "source_video", "audio_track", "final_video"), 1),
        "frames": 2,
        "styled_frames": 4,
    }
    tries = table(landing, folder, "tries")
    for asset, seconds in expected.items():
        found = tries[tries["asset"] == asset]
        pairs = sorted(zip(found["waiting_seconds"], found["running_seconds"], strict=True))
        assert np.array(pairs) == pytest.approx(np.array(sorted(seconds)), abs=0.01), asset
    assert totals["running_seconds"] == pytest.approx(sum(ran for one in expected.values() for _, ran in one), abs=0.05)
    assert totals["waiting_seconds"] == pytest.approx(sum(w for one in expected.values() for w, _ in one), abs=0.05)
    assert totals["cpu_seconds"] == totals["running_seconds"]
    assert totals["gpu_seconds"] == 0


def test_retries_are_counted_within_a_run_and_over_several(
    landing: Landing, folder: str, totals: dict[str, Any]
) -> None:
    segments = table(landing, folder, "segments")
    assert list(segments["tries"]) == [2, 2]
    assert list(segments["retries"]) == [1, 1]
    assert totals["retries"] == 2
    styled = table(landing, folder, "tries").query("asset == 'styled_frames'")
    assert sorted(zip(styled["segment"], styled["number"], styled["succeeded"], strict=True)) == [
        (0, 1, False),
        (0, 2, True),
        (1, 1, False),
        (1, 1, True),
    ]


def test_every_frame_has_its_times_and_they_fit_into_the_run(landing: Landing, folder: str) -> None:
    frames, segments = table(landing, folder, "frames"), table(landing, folder, "segments")
    for stage in ("read_seconds", "paint_seconds", "encode_seconds", "finished_seconds"):
        assert (frames[stage] > 0).all(), stage
    assert frames.groupby("segment")["finished_seconds"].is_monotonic_increasing.all()
    assert (frames.groupby("segment")["publish_seconds"].last() > 0).all(), "a chunk is published after its last frame"
    for stage in ("read_seconds", "paint_seconds", "encode_seconds", "publish_seconds"):
        assert (segments[stage] <= segments["running_seconds"]).all(), stage
        assert segments[stage].to_numpy() == pytest.approx(frames.groupby("segment")[stage].sum().to_numpy(), rel=1e-4)
    last = frames.groupby("segment")["finished_seconds"].max().to_numpy()
    assert segments["frames_per_second"].to_numpy() == pytest.approx([24 / last[0], 16 / last[1]], rel=1e-4)


def test_the_cost_is_the_work_at_the_price_that_is_set(totals: dict[str, Any]) -> None:
    assert totals["estimated_cost"] == pytest.approx(totals["cpu_seconds"] * 0.36 / 3600, abs=1e-6)
    assert totals["currency"] == "EUR"


def test_csv_and_parquet_say_the_same(landing: Landing, folder: str) -> None:
    for name in ("frames", "segments", "tries"):
        text = pd.read_csv(io.BytesIO(landing.store.read_bytes(f"{folder}/{name}.csv")))
        binary = table(landing, folder, name)
        assert list(text.columns) == list(binary.columns)
        assert len(text) == len(binary)


def test_the_report_on_all_clips_adds_them_up_and_takes_up_only_what_is_new(
    landing: Landing, totals: dict[str, Any]
) -> None:
    job = landing.definitions.resolve_job_def("report_all_clips_job")
    other = {**totals, "clip": "other", "frames": 100, "estimated_cost": 2.5}
    landing.store.put("clips/other/report.json", json.dumps(other).encode())
    landing.instance.report_runless_asset_event(dg.AssetMaterialization("processing_report", partition="other"))
    assert job.execute_in_process(instance=landing.instance).success
    replaced = {**totals, "retries": 7}
    landing.store.put(f"clips/{CLIP}/report.json", json.dumps(replaced).encode())
    landing.store.delete("clips/other/report.json")
    landing.instance.report_runless_asset_event(dg.AssetMaterialization("processing_report", partition=CLIP))
    result = job.execute_in_process(instance=landing.instance)
    (event,) = result.asset_materializations_for_node("all_clips_report")
    found = {name: event.metadata[name].value for name in ("number_of_clips", "frames", "retries")}
    rows = pd.read_csv(io.BytesIO(landing.store.read_bytes("clips/_all/clips.csv")))
    assert found == {"number_of_clips": 2, "frames": NUM_FRAMES + 100, "retries": 9}
    assert list(rows["clip"]) == ["other", CLIP]
    cost = event.metadata["estimated_cost"].value
    assert cost == {"EUR": pytest.approx(2.5 + totals["estimated_cost"], abs=1e-3)}
