"""Every ailment is made for real, found and explained by a look that changes nothing, mended, and gone."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from dagster_project.cli.doctor_command import examine_deployment
from dagster_project.cli.home import open_instance, prepare_home
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from resources.clip_lease import ClipLease
from resources.folder_store import FolderStore
from resources.local_process import process_tags
from resources.records import Registration
from resources.store_layout import ContentKeys, registration_key
from tests.conftest import Stylize
from tests.delivered_homes import copy_home, deliver
from tests.forked_stylize import ForkedStylize

Clip = Callable[[str], Path]
NAME = "film"
HEALTHY = "nothing is wrong"


@dataclass(frozen=True)
class Deployment:
    """A home, and what the doctor says of it."""

    settings: Settings
    instance: dg.DagsterInstance
    capture: pytest.CaptureFixture[str]

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.settings.store_dir)

    def look(self, *, fix: bool = False) -> tuple[bool, list[str]]:
        """Whether all is well, and what was said, less what can only be looked at in a cluster."""
        self.capture.readouterr()
        well = examine_deployment(self.settings, fix=fix)
        lines = self.capture.readouterr().out.splitlines()
        return well, [line for line in lines if not line.startswith("not looked at: Kubernetes")]

    def state(self) -> Any:
        """All that a look could change."""
        files = {path: path.stat().st_mtime_ns for path in self.settings.store_dir.rglob("*") if path.is_file()}
        runs = {run.run_id: run.status for run in self.instance.get_runs()}
        return files, runs, list(self.instance.get_dynamic_partitions("clips"))

    def expect_one(self, ailment: str, *words: str) -> None:
        """The look finds this and nothing else, changes nothing, mends it when told to, and then finds nothing."""
        before = self.state()
        well, said = self.look()
        assert not well
        assert [line for line in said if line.startswith(ailment)] == [said[0]], said
        assert [line.split()[0] for line in said[1:4]] == ["what", "why", "--fix"], said
        assert said[4:] == ["found: 1; nothing was changed, `stylize doctor --fix` mends what is safe to mend"]
        for word in words:
            assert word in " ".join(said), said
        assert self.state() == before
        well, said = self.look(fix=True)
        assert well, said
        assert said[-2:] == ["  mended", "found: 1; mended: 1; left: 0"]
        mended = self.state()
        assert self.look(fix=True) == (True, [HEALTHY])
        assert self.state() == mended


@contextmanager
def _opened(home: Path, capture: pytest.CaptureFixture[str]) -> Iterator[Deployment]:
    settings = Settings(home=home)
    prepare_home(settings)
    with open_instance(settings) as instance:
        yield Deployment(settings, instance, capture)


@pytest.fixture
def empty(home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Deployment]:
    """A deployment without clips."""
    with _opened(home, capsys) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def delivered_home(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivered")
    source = folder / f"{NAME}.mp4"
    shutil.copy(clip("constant_rate"), source)
    deliver(source, folder / "home")
    return folder / "home"


@pytest.fixture
def delivered(delivered_home: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Deployment]:
    """A deployment with one delivered clip in two segments."""
    copy_home(delivered_home, home, NAME)
    with _opened(home, capsys) as deployment:
        yield deployment


def _run(deployment: Deployment, job: str, status: dg.DagsterRunStatus, tags: dict[str, str]) -> str:
    definition = build_defs(deployment.settings).resolve_job_def(job)
    return deployment.instance.create_run_for_job(definition, status=status, tags=tags).run_id


def test_a_healthy_deployment_is_left_alone(delivered: Deployment) -> None:
    before = delivered.state()
    assert delivered.look() == (True, [HEALTHY])
    assert delivered.look(fix=True) == (True, [HEALTHY])
    assert delivered.state() == before


def test_a_run_whose_process_was_killed_is_ended_and_its_files_are_removed(
    clip: Clip, empty: Deployment, stylize: Stylize
) -> None:
    home = empty.settings.home
    with ForkedStylize("video", clip("constant_rate"), "--home", home) as process:
        while process.poll() is None and not any((home / "store").glob("work/*/*/frames/*/00000.mkv")):
            time.sleep(0.005)
        process.kill()
    (run,) = empty.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    look = stylize("doctor", "--home", home)
    assert look.returncode == 1, look.stderr
    assert f"stuck run: run {run.run_id}\n" in look.stdout
    assert f"is started, but process {process.pid} is gone\n" in look.stdout
    assert "why    automation waits for its end" in look.stdout
    assert f"orphaned temporary object: {home / 'scratch' / str(process.pid)}-" in look.stdout
    assert empty.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTED
    mended = stylize("doctor", "--fix", "--home", home)
    assert mended.returncode == 0, mended.stdout
    assert empty.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
    assert not list((home / "scratch").iterdir())
    again = stylize("doctor", "--fix", "--home", home)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, HEALTHY)


def test_a_slot_that_an_ended_run_holds_is_freed_and_that_of_a_living_run_is_not(empty: Deployment) -> None:
    storage = empty.instance.event_log_storage
    storage.set_concurrency_slots("gpu", 2)
    living = _run(empty, "style_segment_job", dg.DagsterRunStatus.STARTED, process_tags())
    ended = _run(empty, "style_segment_job", dg.DagsterRunStatus.FAILURE, {})
    for run_id in (living, ended):
        assert storage.claim_concurrency_slot("gpu", run_id, "styled_frames").is_claimed
    empty.expect_one("leaked pool slot: pool gpu", ended, "has ended (failure)", "of 2 slots one fewer is left")
    assert [slot.run_id for slot in storage.get_concurrency_info("gpu").claimed_slots] == [living]


def test_a_step_of_an_ended_run_that_waits_for_a_slot_stops_waiting(empty: Deployment) -> None:
    storage = empty.instance.event_log_storage
    storage.set_concurrency_slots("gpu", 1)
    living = _run(empty, "style_segment_job", dg.DagsterRunStatus.STARTED, process_tags())
    deleted = "00000000-0000-4000-8000-000000000000"
    assert storage.claim_concurrency_slot("gpu", living, "styled_frames").is_claimed
    assert not storage.claim_concurrency_slot("gpu", deleted, "styled_frames").is_claimed
    empty.expect_one("leaked pool slot: pool gpu", deleted, "waits for a slot", "is no longer on record")


def test_a_partition_that_nothing_was_uploaded_for_is_removed(delivered: Deployment) -> None:
    delivered.instance.add_dynamic_partitions("clips", ["ghost"])
    delivered.expect_one("partition without source: clip ghost", "nothing says which upload it is")
    assert list(delivered.instance.get_dynamic_partitions("clips")) == [NAME]


def test_a_clip_whose_upload_vanished_unread_loses_its_key_unless_a_run_is_about_to_read_it(empty: Deployment) -> None:
    Registration(landing_key="landing/lost.mp4").write(empty.store, registration_key("lost"))
    empty.instance.add_dynamic_partitions("clips", ["lost"])
    run = _run(empty, "read_clip_job", dg.DagsterRunStatus.NOT_STARTED, {"dagster/partition": "lost"})
    assert empty.look(fix=True) == (True, [HEALTHY])
    empty.instance.delete_run(run)
    empty.expect_one("partition without source: clip lost", "its upload 'landing/lost.mp4' is gone, unread")


def test_an_upload_that_waits_to_be_read_keeps_its_key(empty: Deployment) -> None:
    empty.store.put("landing/new.mp4", b"video")
    Registration(landing_key="landing/new.mp4").write(empty.store, registration_key("new"))
    empty.instance.add_dynamic_partitions("clips", ["new"])
    assert empty.look(fix=True) == (True, [HEALTHY])


def test_work_that_no_manifest_describes_is_deleted_and_nothing_else(delivered: Deployment) -> None:
    before = {info.key for area in ("work/", "delivery/", "clips/") for info in delivered.store.list(area)}
    keys = ContentKeys(NAME, "0123456789abcdef")
    delivered.store.put(keys.frames_chunk(0), b"chunk")
    delivered.store.put(keys.original, b"upload")
    delivered.expect_one("work without manifest: clip film", "holds 2 objects (11 bytes)", "manifest.json is missing")
    assert {info.key for area in ("work/", "delivery/", "clips/") for info in delivered.store.list(area)} == before


def test_work_of_a_clip_that_another_process_holds_is_left_to_it(delivered: Deployment) -> None:
    keys = ContentKeys(NAME, "0123456789abcdef")
    delivered.store.put(keys.original, b"upload")
    with ClipLease(delivered.settings.leases_dir).shared(NAME):
        well, said = delivered.look(fix=True)
    assert not well
    assert said[-2:] == [
        "  left   clip 'film' is being worked on; look again when that is done",
        "found: 1; mended: 0; left: 1",
    ]
    assert delivered.store.stat(keys.original) is not None


def test_a_final_that_is_older_than_a_segment_is_made_again(delivered: Deployment) -> None:
    job = build_defs(delivered.settings).resolve_job_def("style_segment_job")
    assert job.execute_in_process(instance=delivered.instance, partition_key=f"{NAME}|001").success
    videos = list((delivered.settings.store_dir / "delivery").rglob("*.mp4"))
    delivered.expect_one("final older than a segment: clip film", "is older than its segment film|001")
    assert list((delivered.settings.store_dir / "delivery").rglob("*.mp4")) == videos


def test_a_final_that_cannot_be_made_is_left_with_the_reason(delivered: Deployment) -> None:
    job = build_defs(delivered.settings).resolve_job_def("style_segment_job")
    assert job.execute_in_process(instance=delivered.instance, partition_key=f"{NAME}|001").success
    latest = next((delivered.settings.store_dir / "delivery").rglob("latest.json"))
    latest.unlink()
    chunk = next((delivered.settings.store_dir / "work").rglob("styled/*/00001.mkv"))
    chunk.write_bytes(chunk.read_bytes()[::-1])
    well, said = delivered.look(fix=True)
    assert not well
    assert "is damaged" in said[-2], said
    assert said[-1] == "found: 1; mended: 0; left: 1"


def test_temporary_files_of_the_dead_are_removed_and_those_of_the_living_are_not(empty: Deployment) -> None:
    incoming, scratch = empty.settings.store_dir / ".incoming", empty.settings.scratch_dir
    incoming.mkdir(parents=True)
    process = psutil.Process()
    ours = scratch / f"{process.pid}-{process.create_time():.2f}-here"
    ours.mkdir(parents=True)
    (incoming / "dead.part").write_bytes(b"half an object")
    with (incoming / "living.part").open("wb") as written:
        fcntl.flock(written, fcntl.LOCK_SH)
        empty.expect_one("orphaned temporary object: ", str(incoming / "dead.part"), "14 bytes")
        assert [path.name for path in incoming.glob("*.part")] == ["living.part"]
    assert ours.exists()
    (scratch / f"{process.pid}-1.00-there").mkdir()
    (incoming / "living.part").unlink()
    empty.expect_one("orphaned temporary object: ", "-1.00-there")
    assert ours.exists()


def _run_job(deployment: Deployment, *, fix: bool) -> None:
    config = {"ops": {"examine_deployment": {"config": {"fix": fix}}}}
    job = build_defs(deployment.settings).resolve_job_def("doctor_job")
    assert job.execute_in_process(config, instance=deployment.instance).success


def _run_job_in_a_process(deployment: Deployment, *, fix: bool) -> None:
    """As the UI has it run: with the repository at hand, whose other jobs the doctor may run."""
    home, config = deployment.settings.home, deployment.settings.home / "doctor.yaml"
    config.write_text(f"ops: {{examine_deployment: {{config: {{fix: {str(fix).lower()}}}}}}}")
    command = ["dagster", "job", "execute", "--module-name", "dagster_project.definitions", "--job", "doctor_job"]
    environment = {**os.environ, "STYLIZE_HOME": str(home), "DAGSTER_HOME": str(deployment.settings.dagster_dir)}
    subprocess.run([sys.executable, "-m", *command, "-c", config], env=environment, check=True, timeout=200)


def _shown(deployment: Deployment) -> tuple[list[Any], list[Any]]:
    """What the latest run of the job shows: how much was found, mended and left, and the rows of its table."""
    (run,) = deployment.instance.get_runs(dg.RunsFilter(job_name="doctor_job"), limit=1)
    assert run.status == dg.DagsterRunStatus.SUCCESS
    events = deployment.instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
    (output,) = [record.event_log_entry.get_dagster_event().step_output_data for record in events.records]
    table = output.metadata["findings"]
    assert isinstance(table, dg.TableMetadataValue)
    counts = [output.metadata[name].value for name in ("found", "mended", "left")]
    return counts, [record.data for record in table.records]


def test_an_operator_in_the_ui_has_a_job_that_looks_and_with_fix_mends(delivered: Deployment) -> None:
    job = build_defs(delivered.settings).resolve_job_def("style_segment_job")
    assert job.execute_in_process(instance=delivered.instance, partition_key=f"{NAME}|001").success
    orphan = delivered.settings.store_dir / ".incoming" / "dead.part"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"half an object")
    _run_job(delivered, fix=False)
    counts, (delivery, file) = _shown(delivered)
    assert counts == [2, 0, 2]
    assert (delivery["ailment"], delivery["subject"]) == ("final older than a segment", f"clip {NAME}")
    assert delivery["outcome"] == "left: nothing was changed"
    assert file["subject"] == str(orphan)
    assert orphan.exists()
    _run_job_in_a_process(delivered, fix=True)
    counts, findings = _shown(delivered)
    assert (counts, [finding["outcome"] for finding in findings]) == ([2, 2, 0], ["mended", "mended"])
    assert not orphan.exists()
    assert delivered.look() == (True, [HEALTHY])


def test_the_job_of_the_ui_says_why_it_left_something(empty: Deployment) -> None:
    empty.instance.add_dynamic_partitions("clips", ["ghost"])
    with ClipLease(empty.settings.leases_dir).shared("ghost"):
        _run_job(empty, fix=True)
    counts, (finding,) = _shown(empty)
    assert counts == [1, 0, 1]
    assert finding["outcome"] == "left: clip 'ghost' is being worked on; look again when that is done"
