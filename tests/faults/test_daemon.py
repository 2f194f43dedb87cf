"""The daemon alone, with the real webserver and code server, takes over what a killed process left."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from dagster_project.cli.home import open_instance
from dagster_project.settings import Settings
from resources.records import digest_of_file
from tests.conftest import Restyle

Clip = Callable[[str], Path]
BIN = Path(sys.executable).parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end(process: subprocess.Popen) -> None:
    """Ask the command to end, as a service manager does; it must end, and everything that it started with it."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    _, alive = psutil.wait_procs([psutil.Process(process.pid), *children], timeout=30)
    for survivor in alive:
        survivor.kill()
    process.wait()
    assert not alive


@pytest.fixture
def start_ui(home: Path, tmp_path: Path) -> Iterator[Callable[[], None]]:
    started: list[subprocess.Popen] = []

    def start() -> None:
        log = (tmp_path / "ui.log").open("w")
        command = [BIN / "stylize", "ui", "--home", home, "--port", str(_free_port())]
        started.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

    yield start
    for process in started:
        _end(process)


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"still not so after {seconds} s")
        time.sleep(1)


def _runs_of(home: Path, cell: str) -> list[dg.DagsterRunStatus]:
    with open_instance(Settings(home=home)) as instance:
        return [run.status for run in instance.get_runs(dg.RunsFilter(tags={"dagster/partition": cell}))]


def _kill_while_styling(source: Path, home: Path) -> None:
    command = [BIN / "stylize", "video", source, "--home", home, "--frames-per-segment", "24"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while not any((home / "store").glob("work/*/*/styled/*/00000.mkv")) and process.poll() is None:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.timeout(600)
def test_it_finishes_a_killed_clip_waits_for_a_failed_segment_and_follows_by_itself_after_the_repair(
    clip: Clip, restyle: Restyle, home: Path, tmp_path: Path, start_ui: Callable[[], None]
) -> None:
    undisturbed = restyle(clip("constant_rate"), "--frames-per-segment", "24", at=tmp_path / "undisturbed")
    name = undisturbed["clip"]
    _kill_while_styling(clip("constant_rate"), home)
    (published,) = (home / "store").glob("work/*/*/styled/*/00000.mkv")
    published_at = published.stat().st_mtime_ns
    damaged = next((home / "store").glob("work/*/*/frames/*/00001.mkv"))
    damaged.write_bytes(damaged.read_bytes()[::-1])

    start_ui()
    _wait_until(lambda: any((home / "store").glob("work/*/*/styled/segment-000.json")), 180)
    _wait_until(lambda: dg.DagsterRunStatus.FAILURE in _runs_of(home, f"{name}|001"), 120)
    assert published.stat().st_mtime_ns == published_at
    time.sleep(25)  # two ticks of the automation sensor, in which nothing may be delivered and nothing started again
    assert not list((home / "store").glob("delivery/**/*"))
    assert _runs_of(home, f"{name}|001") == [dg.DagsterRunStatus.FAILURE]

    command = [BIN / "dagster", "asset", "materialize", "-m", "dagster_project.definitions"]
    command += ["--select", "frames", "--partition", f"{name}|001"]
    environment = {**os.environ, "DAGSTER_HOME": str(home / "dagster"), "STYLIZE_HOME": str(home)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    latest = home / "store" / "delivery" / name / "latest.json"
    _wait_until(latest.exists, 180)
    video = home / "store" / json.loads(latest.read_text())["video_key"]
    assert digest_of_file(video) == digest_of_file(Path(undisturbed["output"]))
    assert len([path for path in latest.parent.iterdir() if path.is_dir()]) == 1
    with open_instance(Settings(home=home)) as instance:
        killed = [run for run in instance.get_runs() if run.job_name == "style_segment_job"]
    assert {run.status for run in killed} == {dg.DagsterRunStatus.FAILURE}
