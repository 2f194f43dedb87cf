"""A segment's process is killed, told to end, fails, or is canceled: each is told apart and dealt with as it should.

The frames are painted by a transform of the test's own, which notes every frame that it paints.
"""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.failures import ExplainedFailure, explained_failures
from dagster_project.cli.home import open_instance
from dagster_project.settings import Settings
from stylize.records.attempts import MAX_ERRORS, MAX_STUCK, Attempt, AttemptLog
from stylize.records.records import digest_of_file
from stylize.video.source.plan import FRAMES_PER_CHUNK
from tests.clips import picture, run_ffmpeg, x264
from tests.forked_programs import ForkedProgram, run_stylize

# Some attempts wait for others to be noticed.
pytestmark = pytest.mark.timeout(1200)

NUM_FRAMES = 240
NUM_CHUNKS = 10
BATCH_SIZE = 8

NOTING_TRANSFORM = """
import os, signal, time
from pathlib import Path
from stylize.errors import StyleError

NOTES = Path(__file__).with_name("notes")
TROUBLE = Path(__file__).with_name("trouble")

class Noting:
    batch_size, device, digest, memory_rung = 8, "cpu", "5" * 64, "a frame at once"

    def __init__(self, *, device, width, height): pass

    def __call__(self, frames):
        painted = 255 - frames
        for _ in frames:
            with NOTES.open("ab") as notes:
                notes.write(b".")
            time.sleep(0.02)
        trouble = TROUBLE.read_text() if TROUBLE.exists() else ""
        if trouble == "told to end" and NOTES.stat().st_size == 24:
            os.kill(os.getpid(), signal.SIGTERM)
        if trouble == "permanent":
            raise StyleError("this cannot be painted")
        if trouble == "passing":
            raise RuntimeError("the GPU fell off the bus")
        return painted
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """A clip of one segment that is split and not styled."""

    home: Path
    modules: Path
    key: str
    digests: dict[str, str]

    @property
    def num_painted(self) -> int:
        """Frames that were painted since the cell was prepared, by whatever process."""
        return (self.modules / "notes").stat().st_size

    def be_in_trouble(self, kind: str) -> None:
        (self.modules / "trouble").write_text(kind)

    def attempts(self) -> list[Attempt]:
        return [
            attempt
            for log in (self.home / "store").glob("work/*/*/styled/*/attempts-000.json")
            for attempt in AttemptLog.from_dict(json.loads(log.read_text())).attempts
        ]

    def styled(self) -> dict[str, str]:
        return {path.name: digest_of_file(path) for path in (self.home / "store").glob("work/*/*/styled/*/*.mkv")}

    @contextmanager
    def run(self) -> Iterator[ForkedProgram]:
        """A run whose attempts are processes of their own."""
        with ForkedProgram(
            "tests.step_processes", "step_processes", self.key, env=_environment(self.home, self.modules)
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def next_attempt(self, number: int, *, num_painted: int = 0) -> Attempt:
        """Wait until attempt ``number`` (the first is 1) has painted so many frames."""
        end = time.monotonic() + 300
        while len(attempts := self.attempts()) < number:
            assert time.monotonic() < end, f"attempt {number} did not begin: {attempts}"
            time.sleep(0.01)
        before = self.num_painted
        while self.num_painted < before + num_painted and self.attempts()[-1].reason == "unfinished":
            assert time.monotonic() < end, f"attempt {number} paints nothing"
            time.sleep(0.001)
        return attempts[-1]

    def last_metadata(self) -> dict[str, Any]:
        with open_instance(Settings(home=self.home)) as instance:
            (record,) = instance.fetch_materializations(dg.AssetKey("styled_frames"), limit=1).records
            return {name: value.value for name, value in record.asset_materialization.metadata.items()}

    def last_run(self) -> tuple[dg.DagsterRunStatus, list[ExplainedFailure], str]:
        """Status, explained failures, and all that the log says of failed steps."""
        with open_instance(Settings(home=self.home)) as instance:
            (run,) = instance.get_runs(dg.RunsFilter(job_name="style_segment_job"), limit=1)
            failures = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
            return run.status, explained_failures(instance, run.run_id), str([f.dagster_event for f in failures])


def _environment(home: Path, modules: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DAGSTER_HOME": str(home / "dagster"),
        "STYLIZE_HOME": str(home),
        "STYLIZE_FRAME_TRANSFORMS": "noting=noting:Noting",
        "PYTHONPATH": os.pathsep.join([str(modules), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home in which the clip was delivered undisturbed, and with the transform that painted it."""
    folder = tmp_path_factory.mktemp("delivered")
    (folder / "modules").mkdir()
    (folder / "modules" / "noting.py").write_text(NOTING_TRANSFORM)
    run_ffmpeg(*picture(), *x264(frames=NUM_FRAMES), folder / "film.mp4")
    environment = _environment(folder / "home", folder / "modules")
    assert run_stylize("video", folder / "film.mp4", "--style", "noting", env=environment).returncode == 0
    return folder


@pytest.fixture
def cell(delivered: Path, tmp_path: Path) -> Cell:
    shutil.copytree(delivered, tmp_path, dirs_exist_ok=True)
    cell = Cell(tmp_path / "home", tmp_path / "modules", "film|000", {})
    cell.digests.update(cell.styled())
    assert len(cell.digests) == NUM_CHUNKS
    assert cell.num_painted == NUM_FRAMES
    for path in (cell.home / "store").glob("work/*/*/styled/**/*.*"):
        path.unlink()
    (cell.modules / "notes").write_bytes(b"")
    return cell


def test_killed_five_times_it_comes_out_byte_for_byte_and_loses_a_chunk_a_time_at_most(cell: Cell) -> None:
    chance = random.Random(0)
    kills = [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]
    with cell.run() as process:
        for number, how in enumerate(kills, 1):
            attempt = cell.next_attempt(number, num_painted=chance.randint(1, 2 * FRAMES_PER_CHUNK))
            os.kill(attempt.process_id, how)
        assert process.wait(timeout=600) == 0
    assert cell.styled() == cell.digests
    assert cell.num_painted - NUM_FRAMES <= FRAMES_PER_CHUNK * len(kills)
    attempts = cell.attempts()
    expected = ["killed" if how == signal.SIGKILL else "pre-empted" for how in kills]
    assert [attempt.reason for attempt in attempts] == [*expected, "finished"]
    assert [attempt.resumed_frames for attempt in attempts] == sorted(attempt.resumed_frames for attempt in attempts)
    assert attempts[-1].resumed_frames > 0
    metadata = cell.last_metadata()
    assert metadata["attempts"] == len(kills) + 1
    assert metadata["errors"] == 0
    assert metadata["retry_reasons"] == "3 killed, 2 pre-empted"
    assert metadata["reused_frames"] == attempts[-1].resumed_frames
    assert metadata["styled_frames"] == attempts[-1].styled_frames


def test_told_to_end_it_says_so_at_once_and_what_it_finished_is_not_painted_again(cell: Cell) -> None:
    with cell.run() as process:
        attempt = cell.next_attempt(1, num_painted=FRAMES_PER_CHUNK + 1)
        os.kill(attempt.process_id, signal.SIGTERM)
        num_painted = cell.num_painted
        assert process.wait(timeout=600) == 0
    ended, second = cell.attempts()
    assert (ended.reason, ended.message) == ("pre-empted", "its process was told to end")
    styled, resumed = ended.styled_frames or 0, second.resumed_frames
    assert styled <= num_painted + 2 * BATCH_SIZE, "it ends with the batch in work"
    assert FRAMES_PER_CHUNK <= resumed <= styled < resumed + FRAMES_PER_CHUNK
    assert second.reason == "finished"
    assert styled + second.styled_frames == cell.num_painted


def test_told_to_end_in_the_last_batch_of_a_chunk_it_loses_nothing(cell: Cell) -> None:
    cell.be_in_trouble("told to end")
    with cell.run() as process:
        assert process.wait(timeout=600) == 0
    ended, second = cell.attempts()
    assert (ended.reason, second.reason) == ("pre-empted", "finished")
    assert ended.styled_frames == second.resumed_frames == FRAMES_PER_CHUNK
    assert cell.num_painted == NUM_FRAMES


def test_a_passing_error_is_tried_three_times_however_often_it_was_killed(cell: Cell) -> None:
    cell.be_in_trouble("passing")
    with cell.run() as process:
        for number in (1, 2):
            os.kill(cell.next_attempt(number).process_id, signal.SIGKILL)
        assert process.wait(timeout=600) == 1
    assert [attempt.reason for attempt in cell.attempts()] == ["killed"] * 2 + ["error"] * MAX_ERRORS
    status, _, failures = cell.last_run()
    assert status == dg.DagsterRunStatus.FAILURE
    assert "RuntimeError: the GPU fell off the bus" in failures


def test_a_permanent_error_is_not_tried_again(cell: Cell) -> None:
    cell.be_in_trouble("permanent")
    with cell.run() as process:
        assert process.wait(timeout=600) == 1
    (attempt,) = cell.attempts()
    assert (attempt.reason, attempt.message) == ("permanent error", "this cannot be painted")
    assert cell.last_run()[1] == [ExplainedFailure(kind="StyleError", message="this cannot be painted")]


def test_one_that_is_killed_again_and_again_at_the_same_place_is_given_up_and_launched_again_begins_afresh(
    cell: Cell,
) -> None:
    with cell.run() as process:
        for number in range(1, MAX_STUCK + 1):
            os.kill(cell.next_attempt(number).process_id, signal.SIGKILL)
        assert process.wait(timeout=600) == 1
    (failure,) = cell.last_run()[1]
    assert failure.kind == "AttemptsSpentError"
    assert f"interrupted {MAX_STUCK} times after 0 frames of the segment" in failure.message
    with cell.run() as process:
        assert process.wait(timeout=600) == 0
    assert cell.styled() == cell.digests


def test_what_a_person_cancels_is_not_begun_again(cell: Cell) -> None:
    with cell.run() as process, open_instance(Settings(home=cell.home)) as instance:
        attempt = cell.next_attempt(1, num_painted=1)
        (run,) = instance.get_runs(dg.RunsFilter(run_ids=[attempt.run_id]))
        instance.report_run_canceling(run)
        os.kill(attempt.process_id, signal.SIGTERM)
        assert process.wait(timeout=600) == 1
    assert [attempt.reason for attempt in cell.attempts()] == ["canceled"]
