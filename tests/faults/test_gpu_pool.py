"""A pool with a limit holds it, in all runs together; what waits follows; a killed run does not keep its place."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.gpu_pool import GPU_POOL
from dagster_project.cli.home import INSTANCE_SETTINGS, open_instance
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from stylize.names import clip_key
from tests.delivered_homes import deliver
from tests.deployment import Deployment, wait_until

Clip = Callable[[str], Path]


def _places_taken(instance: dg.DagsterInstance) -> int:
    return instance.event_log_storage.get_concurrency_info(GPU_POOL).active_slot_count


def _style(home: Path, partition: str) -> dg.ExecuteInProcessResult:
    definition = build_defs(Settings(home=home)).resolve_job_def("style_segment_job")
    with open_instance(Settings(home=home)) as instance:
        return definition.execute_in_process(instance=instance, partition_key=partition)


def _waits_for_the_pool(instance: dg.DagsterInstance) -> bool:
    (record,) = instance.get_run_records(limit=1)
    events = [entry.dagster_event for entry in instance.all_logs(record.dagster_run.run_id)]
    assert not [event for event in events if event is not None and event.is_step_start]
    return any(event is not None and f"limit for pool {GPU_POOL}" in (event.message or "") for event in events)


def test_a_step_waits_for_a_place_in_the_pool_and_gives_it_back(clip: Clip, home: Path) -> None:
    deliver(clip("one_frame"), home)
    with open_instance(Settings(home=home)) as instance, ThreadPoolExecutor() as threads:
        storage = instance.event_log_storage
        storage.set_concurrency_slots(GPU_POOL, 1)
        assert storage.claim_concurrency_slot(GPU_POOL, "another-run", "styled_frames").is_claimed
        runs = len(instance.get_runs())
        styling = threads.submit(_style, home, f"{clip_key('one_frame.mp4')}|000")
        wait_until(lambda: len(instance.get_runs()) > runs and _waits_for_the_pool(instance), 120)
        storage.free_concurrency_slots_for_run("another-run")
        assert styling.result(timeout=120).success
        assert _places_taken(instance) == 0


@pytest.fixture
def deployment(home: Path) -> Iterator[Deployment]:
    """One place in the pool, as on a machine with one GPU; the daemon looks after it every second."""
    settings = yaml.safe_load(INSTANCE_SETTINGS)
    settings["concurrency"]["pools"] = {"default_limit": 1}
    settings["run_monitoring"]["poll_interval_seconds"] = 1
    (home / "dagster").mkdir(parents=True)
    (home / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(settings))
    deployment = Deployment(home)
    yield deployment
    deployment.end()


@pytest.mark.timeout(900)
def test_the_place_of_a_run_that_was_killed_comes_back_and_what_waits_is_styled(
    clip: Clip, home: Path, deployment: Deployment
) -> None:
    with open_instance(Settings(home=home)) as instance:
        killed = instance.add_run(dg.DagsterRun(job_name="style_segment_job", status=dg.DagsterRunStatus.STARTED))
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default(GPU_POOL)
        assert storage.claim_concurrency_slot(GPU_POOL, killed.run_id, "styled_frames").is_claimed
        instance.report_run_failed(killed)
        deployment.start()
        landing = home / "store" / "landing"
        landing.mkdir(parents=True, exist_ok=True)
        source = clip("one_frame")
        (landing / source.name).write_bytes(source.read_bytes())
        wait_until(lambda: any((home / "store").glob("work/*/*/styled/segment-000.json")), 600)
        wait_until(lambda: _places_taken(instance) == 0, 120)
