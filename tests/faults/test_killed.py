"""A process is killed or interrupted, or there are two: the clip is finished as if nothing had happened."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.cli.home import open_instance
from dagster_project.settings import Settings
from stylize.records.records import digest_of_file
from tests.conftest import Restyle
from tests.forked_programs import ForkedStylize

Clip = Callable[[str], Path]

# What must lie in the store when the process is killed, one kill after the other: each resumes and comes further.
KILL_POINTS = [
    "landing/*",
    "models/*/style.json",
    "clips/*/*/manifest.json",
    "clips/*/source.json",
    "work/*/*/frames/*/00000.mkv",
    "work/*/*/styled/*/00000.mkv",
    "work/*/*/styled/segment-000.json",
    "work/*/*/styled/*/00001.mkv",
    "delivery/*/*/*.mp4",
]


def _start(source: Path, home: Path) -> ForkedStylize:
    return ForkedStylize("video", source, "--home", home, "--json", "--frames-per-segment", "24")


def _wait_for(home: Path, pattern: str, process: ForkedStylize) -> None:
    while not any((home / "store").glob(pattern)) and process.poll() is None:
        time.sleep(0.005)


def _styled_chunks(home: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (home / "store").glob("work/*/*/styled/*/*.mkv")}


def test_killed_at_any_moment_the_clip_is_finished_byte_for_byte_and_no_published_chunk_is_styled_again(
    clip: Clip, restyle: Restyle, home: Path, tmp_path: Path
) -> None:
    source = clip("constant_rate")
    undisturbed = restyle(source, "--frames-per-segment", "24", at=tmp_path / "undisturbed")
    published: dict[Path, int] = {}
    for point in KILL_POINTS:
        with _start(source, home) as process:
            _wait_for(home, point, process)
            process.kill()
        assert published.items() <= _styled_chunks(home).items()
        published = _styled_chunks(home)
        # The last kill may come a moment too late to stop the delivery.
        assert point == KILL_POINTS[-1] or not any((home / "store").glob("delivery/*/latest.json"))
    assert published
    finished = restyle(source)
    assert published.items() <= _styled_chunks(home).items()
    assert digest_of_file(Path(finished["output"])) == digest_of_file(Path(undisturbed["output"]))
    assert Path(finished["receipt"]).read_bytes() == Path(undisturbed["receipt"]).read_bytes()
    assert not list((home / "store" / ".incoming").glob("*.part"))
    assert not list((home / "scratch").iterdir())
    with open_instance(Settings(home=home)) as instance:
        statuses = {run.status for run in instance.get_runs()}
        for asset in ("frames", "styled_frames"):
            assert len(instance.get_materialized_partitions(dg.AssetKey(asset))) == 64
    assert statuses <= {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_how_to_resume_and_resumes(
    clip: Clip, restyle: Restyle, home: Path, how: signal.Signals
) -> None:
    source = clip("constant_rate")
    with _start(source, home) as process:
        _wait_for(home, "work/*/*/styled/*/00000.mkv", process)
        process.send_signal(how)
        out, err = process.communicate()
    assert process.returncode == 130
    assert out == ""
    assert err == "stylize: interrupted; run the same command again to resume, finished work is kept\n"
    published = _styled_chunks(home)
    assert restyle(source)["frames"] == 40
    assert published.items() <= _styled_chunks(home).items()


def test_two_at_once_on_one_clip_style_it_once_and_agree(clip: Clip, home: Path) -> None:
    with _start(clip("constant_rate"), home) as first, _start(clip("constant_rate"), home) as second:
        reports = []
        for process in (first, second):
            out, err = process.communicate()
            assert process.returncode == 0, err
            reports.append(json.loads(out))
    assert reports[0]["output"] == reports[1]["output"]
    assert sorted(report["segments"]["styled"] for report in reports) == [0, 2]


def test_two_at_once_on_two_clips_do_not_disturb_each_other(
    clip: Clip, restyle: Restyle, home: Path, tmp_path: Path
) -> None:
    with _start(clip("constant_rate"), home) as first, _start(clip("variable_rate"), home) as second:
        reports = []
        for process in (first, second):
            out, err = process.communicate()
            assert process.returncode == 0, err
            reports.append(json.loads(out))
    alone = restyle(clip("variable_rate"), "--frames-per-segment", "24", at=tmp_path / "alone")
    assert digest_of_file(Path(reports[1]["output"])) == digest_of_file(Path(alone["output"]))
