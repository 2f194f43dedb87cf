"""The whole graph through the command, on a local folder."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import dagster as dg
import pandas as pd
import pytest

from dagster_project.cli.home import open_instance
from dagster_project.settings import Settings
from stylize.records.records import digest_of_file
from tests.conftest import Restyle, Stylize

Clip = Callable[[str], Path]
SEGMENT = ("--frames-per-segment", "24")


def _store_files(home: Path, prefix: str) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in sorted((home / "store" / prefix).rglob("*")) if path.is_file()}


def _picture_times(path: Path) -> list:
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        return [frame.pts * stream.time_base for frame in container.decode(stream)]


def _runs(home: Path) -> list[dg.DagsterRun]:
    with open_instance(Settings(home=home)) as instance:
        return list(instance.get_runs())


def test_a_clip_is_delivered_frame_for_frame_with_receipt_and_table(clip: Clip, restyle: Restyle, home: Path) -> None:
    source = clip("variable_rate")
    report = restyle(source, *SEGMENT)
    times = _picture_times(source)
    assert _picture_times(Path(report["output"])) == times
    assert report["frames"] == len(times)
    receipt_path = Path(report["receipt"])
    receipt = json.loads(receipt_path.read_text())
    table_path = receipt_path.with_name("frames.parquet")
    assert receipt["frames_table"] == {"sha256": digest_of_file(table_path), "rows": len(times)}
    assert receipt["delivered"]["sha256"] == digest_of_file(Path(report["output"]))
    assert receipt["source"]["sha256"] == digest_of_file(source)
    assert all(receipt["checks"].values())
    table = pd.read_parquet(table_path)
    assert list(table.columns) == ["frame", "pts", "duration", "segment", "chunk", "styled_sha256"]
    assert list(table["frame"]) == list(range(len(times)))
    assert [pts * float(pd.eval(table.attrs["time_base"])) for pts in table["pts"]] == pytest.approx(
        list(map(float, times))
    )


def test_every_step_is_on_record_in_the_instance(clip: Clip, restyle: Restyle, home: Path) -> None:
    report = restyle(clip("constant_rate"), *SEGMENT)
    runs = _runs(home)
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    assert {run.job_name for run in runs} == {
        *("load_style_job", "choose_look_job", "read_clip_job", "read_audio_job"),
        *("split_frames_job", "style_segment_job", "deliver_clip_job"),
    }
    with open_instance(Settings(home=home)) as instance:
        for asset in ("frames", "styled_frames"):
            cells = instance.get_materialized_partitions(dg.AssetKey(asset))
            assert cells == {f"{report['clip']}|{segment:03d}" for segment in range(64)}
        final = instance.get_latest_materialization_event(dg.AssetKey("final_video"))
    assert final.asset_materialization.metadata["frames"].value == report["frames"]


def test_the_same_again_does_nothing_and_takes_no_run(clip: Clip, restyle: Restyle, home: Path) -> None:
    first = restyle(clip("constant_rate"), *SEGMENT)
    assert first["segments"] == {"styled": 2, "reused": 0}
    runs, files = len(_runs(home)), _store_files(home, "")
    second = restyle(clip("constant_rate"), *SEGMENT)
    assert second["segments"] == {"styled": 0, "reused": 2}
    assert second["output"] == first["output"]
    assert len(_runs(home)) == runs
    assert _store_files(home, "") == files


def test_another_style_restyles_everything_and_splits_nothing_again(
    clip: Clip, restyle: Restyle, delivered: Path, other_style: Path
) -> None:
    home = delivered
    first = restyle(clip("constant_rate"))
    split = _store_files(home, f"work/{first['clip']}/")
    second = restyle(clip("constant_rate"), "--style", other_style)
    assert second["segments"] == {"styled": 2, "reused": 0}
    assert digest_of_file(Path(second["output"])) != digest_of_file(Path(first["output"]))
    kept = {
        path: time for path, time in split.items() if "/frames/" in path or path.endswith(("original", "plan.json"))
    }
    assert kept
    assert kept.items() <= _store_files(home, f"work/{first['clip']}/").items()
    assert sum(run.job_name == "split_frames_job" for run in _runs(home)) == 1
    with open_instance(Settings(home=home)) as instance:
        look = instance.get_latest_materialization_event(dg.AssetKey("clip_settings"))
        unused = instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey("styled_frames"), asset_partitions=[f"{first['clip']}|063"]), limit=1
        )
    # Newer than the look, so that automation gives this cell no run.
    assert unused.records[0].timestamp > look.timestamp


@pytest.mark.usefixtures("delivered")
def test_going_back_to_a_style_reuses_its_chunks(clip: Clip, restyle: Restyle, other_style: Path) -> None:
    first = restyle(clip("constant_rate"))
    restyle(clip("constant_rate"), "--style", other_style)
    third = restyle(clip("constant_rate"), "--style", first["style"])
    assert third["segments"]["styled"] == 0
    assert third["output"] == first["output"]


def test_new_content_under_the_same_name_is_processed_anew_and_the_old_delivery_stays(
    clip: Clip, restyle: Restyle, tmp_path: Path
) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(clip("constant_rate").read_bytes())
    first = restyle(source)
    source.write_bytes(clip("variable_rate").read_bytes())
    second = restyle(source)
    assert second["clip"] == first["clip"]
    assert _picture_times(Path(second["output"])) == _picture_times(clip("variable_rate"))
    assert _picture_times(Path(first["output"])) == _picture_times(clip("constant_rate"))
    latest = json.loads((Path(second["output"]).parent.parent / "latest.json").read_text())
    assert Path(second["output"]).as_posix().endswith(latest["video_key"])


@pytest.mark.usefixtures("delivered")
def test_the_output_file_chooses_the_media_container(clip: Clip, restyle: Restyle, tmp_path: Path) -> None:
    for suffix in (".mp4", ".mov", ".mkv"):
        output = tmp_path / f"out{suffix}"
        report = restyle(clip("constant_rate"), "--output", output)
        assert report["output"] == str(output)
        with av.open(str(output)) as container:
            assert ("matroska" in container.format.name) == (suffix == ".mkv")
            assert container.metadata.get("major_brand", "qt").startswith("qt") == (suffix != ".mp4")
        assert len(_picture_times(output)) == report["frames"]


@pytest.mark.parametrize(
    "name",
    ['it\'s "two"\nlines, a|b,[c].mp4', "-dash.mp4", "日本語 ñ.mp4", "pipe:0.mp4"],
)
def test_any_file_name_works(name: str, clip: Clip, stylize: Stylize, home: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(clip("one_frame").read_bytes())
    result = stylize("video", "--json", "--home", home, "--", name, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["frames"] == 1


def test_styles_are_listed_a_line_each(stylize: Stylize, home: Path) -> None:
    result = stylize("styles", "--home", home)
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert any(line.startswith("starry-night ") and line.endswith("(default)") for line in lines)
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)


@pytest.mark.usefixtures("delivered")
def test_the_summary_for_people_names_the_result(clip: Clip, stylize: Stylize, home: Path) -> None:
    result = stylize("video", clip("constant_rate"), "--home", home)
    assert result.returncode == 0
    places = dict(line.split(": ", 1) for line in result.stdout.splitlines()[-3:])
    assert list(places) == ["result", "receipt", "page"]
    assert all(Path(place).is_file() for place in places.values())
