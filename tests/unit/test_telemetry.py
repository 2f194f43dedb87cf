"""How events become figures: waits, retries, days."""

import os
import random
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData  # what real events of these kinds carry
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test  # the storage takes runs of any job, loaded or not
from prometheus_client import CollectorRegistry

from assets.failures import STORE_OUTAGE_RETRIES, failures_explained
from dagster_project.telemetry.exporter import Exporter
from dagster_project.telemetry.metrics import exact
from stylize.errors import StoreUnavailableError
from stylize.prices import Prices

NO_PRICES = Prices(gpu_hour=0, cpu_hour=0, currency="USD")
JOB = "style_segment_job"
ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("stylizer"), "__repository__"), JOB)
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
Kind = dg.DagsterEventType
CARRIED = {Kind.STEP_SUCCESS: StepSuccessData(duration_ms=1.0)} | dict.fromkeys(
    (Kind.STEP_WORKER_STARTING, Kind.STEP_WORKER_STARTED), EngineEventData()
)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as opened:
        yield opened


class Watched:
    """An exporter, asked without HTTP."""

    def __init__(self, instance: dg.DagsterInstance, prices: Prices = NO_PRICES) -> None:
        self._exporter = Exporter(instance, prices)
        self._registry = CollectorRegistry()
        self._registry.register(self._exporter)

    def at(self, now: datetime) -> "Watched":
        self._exporter.refresh(now)
        return self

    def value(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(f"stylize_{name}", labels)


def _report(
    instance: dg.DagsterInstance, run: dg.DagsterRun, kind: Kind, at: datetime, step: str | None = None
) -> None:
    event = dg.DagsterEvent(
        event_type_value=kind.value, job_name=run.job_name, step_key=step, event_specific_data=CARRIED.get(kind)
    )
    instance.report_dagster_event(event, run.run_id, timestamp=at.timestamp())


def _queued_run(instance: dg.DagsterInstance, at: datetime) -> dg.DagsterRun:
    not_started = dg.DagsterRunStatus.NOT_STARTED
    run = create_run_for_test(instance, job_name=JOB, status=not_started, remote_job_origin=ORIGIN)
    _report(instance, run, Kind.RUN_ENQUEUED, at)
    return run


def _started_run(instance: dg.DagsterInstance, at: datetime) -> dg.DagsterRun:
    run = _queued_run(instance, at)
    _report(instance, run, Kind.RUN_START, at)
    return run


def test_waits_are_measured_between_the_events_that_begin_and_end_them(instance: dg.DagsterInstance) -> None:
    run = _queued_run(instance, NOON)
    after = {Kind.RUN_STARTING: 40, Kind.RUN_START: 47}
    for kind, seconds in after.items():
        _report(instance, run, kind, NOON + timedelta(seconds=seconds))
    _report(instance, run, Kind.STEP_WORKER_STARTING, NOON + timedelta(seconds=50), "styled_frames")
    _report(instance, run, Kind.STEP_WORKER_STARTED, NOON + timedelta(seconds=250), "styled_frames")
    watched = Watched(instance).at(NOON + timedelta(hours=1))
    assert watched.value("run_queue_seconds_sum") == 40
    assert watched.value("run_start_seconds_sum") == 7
    assert watched.value("step_start_seconds_sum", asset="styled_frames") == 200
    assert watched.value("step_start_seconds_bucket", asset="styled_frames", le="120.0") == 0
    assert watched.value("step_start_seconds_bucket", asset="styled_frames", le="300.0") == 1


def test_the_queue_is_counted_and_its_first_run_timed(instance: dg.DagsterInstance) -> None:
    before = datetime.now(UTC)
    for _ in range(3):
        _queued_run(instance, before)
    watched = Watched(instance).at(before + timedelta(seconds=100))
    assert watched.value("unfinished_runs", status="queued") == 3
    assert watched.value("oldest_queued_run_seconds") == pytest.approx(100, abs=30)


def test_a_run_that_is_under_way_is_counted_as_it_proceeds_and_each_event_once(instance: dg.DagsterInstance) -> None:
    run = _started_run(instance, NOON)
    watched = Watched(instance)
    for attempt in range(3):
        _report(instance, run, Kind.STEP_START, NOON + timedelta(seconds=100 * attempt), "styled_frames")
        _report(instance, run, Kind.STEP_SUCCESS, NOON + timedelta(seconds=100 * attempt + 30), "styled_frames")
        watched.at(NOON + timedelta(hours=1))
        watched.at(NOON + timedelta(hours=2))
        labels = {"asset": "styled_frames", "outcome": "success"}
        assert watched.value("step_attempts_total", **labels) == attempt + 1
        assert watched.value("step_seconds_total", device="cpu", **labels) == 30 * (attempt + 1)


def test_steps_that_die_with_their_run_count_as_killed_up_to_its_end(instance: dg.DagsterInstance) -> None:
    run = _started_run(instance, NOON)
    _report(instance, run, Kind.STEP_START, NOON, "frames")
    _report(instance, run, Kind.RUN_FAILURE, NOON + timedelta(seconds=75))
    watched = Watched(instance, Prices(gpu_hour=9, cpu_hour=3.6, currency="EUR")).at(NOON + timedelta(hours=1))
    assert watched.value("step_seconds_total", asset="frames", device="cpu", outcome="killed") == 75
    assert watched.value("cost_total", device="cpu", currency="EUR") == pytest.approx(0.075, abs=1e-6)
    assert watched.value("runs_total", dagster_job=JOB, status="failure") == 1


def test_totals_begin_anew_at_midnight_and_a_step_counts_on_the_day_it_ends(instance: dg.DagsterInstance) -> None:
    midnight = NOON.replace(hour=0)
    run = _started_run(instance, midnight - timedelta(hours=2))
    _report(instance, run, Kind.STEP_START, midnight - timedelta(minutes=5), "frames")
    _report(instance, run, Kind.STEP_SUCCESS, midnight + timedelta(minutes=5), "frames")
    labels = {"asset": "frames", "outcome": "success"}
    watched = Watched(instance).at(NOON)
    assert watched.value("step_seconds_total", device="cpu", **labels) == 600
    _report(instance, run, Kind.STEP_START, NOON + timedelta(days=1), "frames")
    watched.at(NOON + timedelta(days=1, seconds=1))
    assert watched.value("step_attempts_total", **labels) is None
    _report(instance, run, Kind.STEP_SUCCESS, NOON + timedelta(days=1, seconds=20), "frames")
    watched.at(NOON + timedelta(days=1, seconds=30))
    assert watched.value("step_seconds_total", device="cpu", **labels) == 20


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
def styled_frames(context: dg.OpExecutionContext) -> None:
    """Dies twice: first as a pod that is evicted does, then because the store does not answer."""
    if context.retry_number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if context.retry_number == 1:
        with pytest.MonkeyPatch.context() as patch, failures_explained():
            patch.setattr("assets.failures.STORE_OUTAGE_RETRIES", STORE_OUTAGE_RETRIES._replace(delay=0))
            raise StoreUnavailableError("the store did not answer")


@dg.job(executor_def=dg.multiprocess_executor)
def unlucky_job() -> None:
    styled_frames()


def test_retries_are_counted_by_what_ended_the_attempt(instance: dg.DagsterInstance) -> None:
    with dg.execute_job(dg.reconstructable(unlucky_job), instance=instance) as result:
        assert result.success
    watched = Watched(instance).at(datetime.now(UTC))
    assert watched.value("step_retries_total", asset="styled_frames", reason="PodLost") == 1
    assert watched.value("step_retries_total", asset="styled_frames", reason="StoreUnavailableError") == 1
    assert watched.value("step_attempts_total", asset="styled_frames", outcome="retry") == 2
    assert watched.value("step_attempts_total", asset="styled_frames", outcome="success") == 1
    assert watched.value("step_start_seconds_count", asset="styled_frames") == 3


@dg.op(name="styled_frames")
def painted_segment() -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
    """Tells what a segment on a GPU tells that was interrupted before."""
    yield dg.AssetMaterialization(
        "styled_frames",
        partition="holiday|000",
        metadata={
            "frames": 24,
            "styled_frames": 20,
            "reused_frames": 4,
            "frames_per_second": 50.0,
            "style": "scream",
            "engine": "torch cuda bf16",
            "retry_reasons": "2 pre-empted, 1 out of memory",
        },
    )
    yield dg.Output(None)


@dg.op(name="styled_frames")
def broken_segment() -> None:
    raise RuntimeError


@dg.job
def painted_job() -> None:
    painted_segment()


@dg.job
def broken_job() -> None:
    broken_segment()


def test_a_segment_on_a_gpu_counts_gpu_seconds_and_what_interrupted_it(instance: dg.DagsterInstance) -> None:
    assert painted_job.execute_in_process(instance=instance).success
    watched = Watched(instance, Prices(gpu_hour=3600, cpu_hour=1, currency="EUR")).at(datetime.now(UTC))
    gpu_seconds = watched.value("step_seconds_total", asset="styled_frames", device="cuda", outcome="success")
    assert gpu_seconds
    assert watched.value("cost_total", device="cuda", currency="EUR") == gpu_seconds
    assert watched.value("frames_styled_total", style="scream", engine="torch", device="cuda") == 20
    assert watched.value("frames_reused_total", style="scream") == 4
    assert watched.value("segment_attempts_lost_total", reason="pre-empted") == 2
    assert watched.value("segment_attempts_lost_total", reason="out of memory") == 1


def test_a_segment_that_failed_counts_where_its_clip_is_styled(instance: dg.DagsterInstance) -> None:
    settings = dg.AssetMaterialization("clip_settings", partition="holiday", metadata={"device": "cuda"})
    instance.report_runless_asset_event(settings)
    tags = {"dagster/partition": "holiday|000"}
    assert not broken_job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).success
    watched = Watched(instance).at(datetime.now(UTC))
    assert watched.value("step_seconds_total", asset="styled_frames", device="cuda", outcome="failure")
    assert watched.value("step_failures_total", asset="styled_frames", kind="unexpected") == 1


def test_totals_come_out_the_same_in_whatever_order_they_are_added() -> None:
    dice = random.Random(1)
    seconds = [dice.random() * 10_000 for _ in range(500)]
    assert sum(seconds) != sum(reversed(seconds))
    assert sum(map(exact, seconds)) == sum(map(exact, reversed(seconds)))
