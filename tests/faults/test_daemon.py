"""The daemon alone, with the real webserver and code server, takes over what a killed process left."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.cli.home import open_instance
from dagster_project.settings import Settings
from stylize.records.records import digest_of_file
from tests.conftest import Restyle
from tests.deployment import BIN, Deployment, wait_until
from tests.forked_programs import ForkedStylize

Clip = Callable[[str], Path]


@pytest.fixture
def deployment(home: Path) -> Iterator[Deployment]:
    deployment = Deployment(home, as_installed=True)
    yield deployment
    deployment.end()


def _runs_of(home: Path, cell: str) -> list[dg.DagsterRunStatus]:
    with open_instance(Settings(home=home)) as instance:
        return [run.status for run in instance.get_runs(dg.RunsFilter(tags={"dagster/partition": cell}))]


def _kill_while_styling(source: Path, home: Path) -> None:
    with ForkedStylize("video", source, "--home", home, "--frames-per-segment", "24") as process:
        while not any((home / "store").glob("work/*/*/styled/*/00000.mkv")) and process.poll() is None:
            time.sleep(0.005)
        process.kill()


@pytest.mark.timeout(600)
def test_it_finishes_a_killed_clip_waits_for_a_failed_segment_and_follows_by_itself_after_the_repair(
    clip: Clip, restyle: Restyle, home: Path, tmp_path: Path, deployment: Deployment
) -> None:
    undisturbed = restyle(clip("constant_rate"), "--frames-per-segment", "24", at=tmp_path / "undisturbed")
    name = undisturbed["clip"]
    _kill_while_styling(clip("constant_rate"), home)
    (published,) = (home / "store").glob("work/*/*/styled/*/00000.mkv")
    published_at = published.stat().st_mtime_ns
    damaged = next((home / "store").glob("work/*/*/frames/*/00001.mkv"))
    damaged.write_bytes(damaged.read_bytes()[::-1])

    deployment.start()
    wait_until(lambda: any((home / "store").glob("work/*/*/styled/segment-000.json")), 180)
    wait_until(lambda: dg.DagsterRunStatus.FAILURE in _runs_of(home, f"{name}|001"), 120)
    assert published.stat().st_mtime_ns == published_at
    time.sleep(25)  # two ticks of the automation sensor, in which nothing may be delivered and nothing started again
    assert not list((home / "store").glob("delivery/**/*"))
    assert _runs_of(home, f"{name}|001") == [dg.DagsterRunStatus.FAILURE]

    command = [BIN / "dagster", "asset", "materialize", "-m", "dagster_project.definitions"]
    command += ["--select", "frames", "--partition", f"{name}|001"]
    environment = {**os.environ, "DAGSTER_HOME": str(home / "dagster"), "STYLIZE_HOME": str(home)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    latest = home / "store" / "delivery" / name / "latest.json"
    wait_until(latest.exists, 180)
    video = home / "store" / json.loads(latest.read_text())["video_key"]
    assert digest_of_file(video) == digest_of_file(Path(undisturbed["output"]))
    assert len([path for path in latest.parent.iterdir() if path.is_dir()]) == 1
    with deployment.instance() as instance:
        killed = [run for run in instance.get_runs() if run.job_name == "style_segment_job"]
    assert {run.status for run in killed} == {dg.DagsterRunStatus.FAILURE}
