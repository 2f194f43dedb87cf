"""Every ailment is made for real, found and explained by a look that changes nothing, mended, and gone."""

import fcntl
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psutil

from dagster_project.definitions import build_defs
from resources.clip_lease import ClipLease
from resources.local_process import process_tags
from stylize.records.records import Registration
from stylize.store.keys import ContentKeys, registration_key
from tests.conftest import Stylize
from tests.forked_programs import ForkedStylize
from tests.integration.doctor.examined import CLIP, HEALTHY, ExaminedDeployment

Clip = Callable[[str], Path]


def _run(deployment: ExaminedDeployment, job: str, status: dg.DagsterRunStatus, tags: dict[str, str]) -> str:
    definition = build_defs(deployment.settings).resolve_job_def(job)
    return deployment.instance.create_run_for_job(definition, status=status, tags=tags).run_id


def test_a_healthy_deployment_is_left_alone(delivered: ExaminedDeployment) -> None:
    before = delivered.state()
    assert delivered.look() == (True, [HEALTHY])
    assert delivered.look(fix=True) == (True, [HEALTHY])
    assert delivered.state() == before


def test_a_run_whose_process_was_killed_is_ended_and_its_files_are_removed(
    clip: Clip, empty: ExaminedDeployment, stylize: Stylize
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


def test_a_slot_that_an_ended_run_holds_is_freed_and_that_of_a_living_run_is_not(empty: ExaminedDeployment) -> None:
    storage = empty.instance.event_log_storage
    storage.set_concurrency_slots("gpu", 2)
    living = _run(empty, "style_segment_job", dg.DagsterRunStatus.STARTED, process_tags())
    ended = _run(empty, "style_segment_job", dg.DagsterRunStatus.FAILURE, {})
    for run_id in (living, ended):
        assert storage.claim_concurrency_slot("gpu", run_id, "styled_frames").is_claimed
    empty.expect_one("leaked pool slot: pool gpu", ended, "has ended (failure)", "of 2 slots one fewer is left")
    assert [slot.run_id for slot in storage.get_concurrency_info("gpu").claimed_slots] == [living]


def test_a_step_of_an_ended_run_that_waits_for_a_slot_stops_waiting(empty: ExaminedDeployment) -> None:
    storage = empty.instance.event_log_storage
    storage.set_concurrency_slots("gpu", 1)
    living = _run(empty, "style_segment_job", dg.DagsterRunStatus.STARTED, process_tags())
    deleted = "00000000-0000-4000-8000-000000000000"
    assert storage.claim_concurrency_slot("gpu", living, "styled_frames").is_claimed
    assert not storage.claim_concurrency_slot("gpu", deleted, "styled_frames").is_claimed
    empty.expect_one("leaked pool slot: pool gpu", deleted, "waits for a slot", "is no longer on record")


def test_a_partition_that_nothing_was_uploaded_for_is_removed(delivered: ExaminedDeployment) -> None:
    delivered.instance.add_dynamic_partitions("clips", ["ghost"])
    delivered.expect_one("partition without source: clip ghost", "nothing says which upload it is")
    assert list(delivered.instance.get_dynamic_partitions("clips")) == [CLIP]


def test_a_clip_whose_upload_vanished_unread_loses_its_key_unless_a_run_is_about_to_read_it(
    empty: ExaminedDeployment,
) -> None:
    Registration(landing_key="landing/lost.mp4").write(empty.store, registration_key("lost"))
    empty.instance.add_dynamic_partitions("clips", ["lost"])
    run = _run(empty, "read_clip_job", dg.DagsterRunStatus.NOT_STARTED, {"dagster/partition": "lost"})
    assert empty.look(fix=True) == (True, [HEALTHY])
    empty.instance.delete_run(run)
    empty.expect_one("partition without source: clip lost", "its upload 'landing/lost.mp4' is gone, unread")


def test_an_upload_that_waits_to_be_read_keeps_its_key(empty: ExaminedDeployment) -> None:
    empty.store.put("landing/new.mp4", b"video")
    Registration(landing_key="landing/new.mp4").write(empty.store, registration_key("new"))
    empty.instance.add_dynamic_partitions("clips", ["new"])
    assert empty.look(fix=True) == (True, [HEALTHY])


def test_work_that_no_manifest_describes_is_deleted_and_nothing_else(delivered: ExaminedDeployment) -> None:
    before = {info.key for area in ("work/", "delivery/", "clips/") for info in delivered.store.list(area)}
    keys = ContentKeys(CLIP, "0123456789abcdef")
    delivered.store.put(keys.frames_chunk(0), b"chunk")
    delivered.store.put(keys.original, b"upload")
    delivered.expect_one(
        f"work without manifest: clip {CLIP}", "holds 2 objects (11 bytes)", "manifest.json is missing"
    )
    assert {info.key for area in ("work/", "delivery/", "clips/") for info in delivered.store.list(area)} == before


def test_work_of_a_clip_that_another_process_holds_is_left_to_it(delivered: ExaminedDeployment) -> None:
    keys = ContentKeys(CLIP, "0123456789abcdef")
    delivered.store.put(keys.original, b"upload")
    with ClipLease(delivered.settings.leases_dir).shared(CLIP):
        well, said = delivered.look(fix=True)
    assert not well
    assert said[-2:] == [
        f"  left   clip {CLIP!r} is being worked on; look again when that is done",
        "found: 1; mended: 0; left: 1",
    ]
    assert delivered.store.stat(keys.original) is not None


def test_a_final_that_is_older_than_a_segment_is_made_again(delivered: ExaminedDeployment) -> None:
    delivered.outdate_final()
    videos = list((delivered.settings.store_dir / "delivery").rglob("*.mp4"))
    delivered.expect_one(f"final older than a segment: clip {CLIP}", f"is older than its segment {CLIP}|001")
    assert list((delivered.settings.store_dir / "delivery").rglob("*.mp4")) == videos


def test_a_final_that_cannot_be_made_is_left_with_the_reason(delivered: ExaminedDeployment) -> None:
    delivered.outdate_final()
    latest = next((delivered.settings.store_dir / "delivery").rglob("latest.json"))
    latest.unlink()
    chunk = next((delivered.settings.store_dir / "work").rglob("styled/*/00001.mkv"))
    chunk.write_bytes(chunk.read_bytes()[::-1])
    well, said = delivered.look(fix=True)
    assert not well
    assert "is damaged" in said[-2], said
    assert said[-1] == "found: 1; mended: 0; left: 1"


def test_temporary_files_of_the_dead_are_removed_and_those_of_the_living_are_not(empty: ExaminedDeployment) -> None:
    orphan, scratch = empty.leave_half_an_object(), empty.settings.scratch_dir
    incoming = orphan.parent
    process = psutil.Process()
    ours = scratch / f"{process.pid}-{process.create_time():.2f}-here"
    ours.mkdir(parents=True)
    with (incoming / "living.part").open("wb") as written:
        fcntl.flock(written, fcntl.LOCK_SH)
        empty.expect_one("orphaned temporary object: ", str(orphan), "14 bytes")
        assert [path.name for path in incoming.glob("*.part")] == ["living.part"]
    assert ours.exists()
    (scratch / f"{process.pid}-1.00-there").mkdir()
    (incoming / "living.part").unlink()
    empty.expect_one("orphaned temporary object: ", "-1.00-there")
    assert ours.exists()
