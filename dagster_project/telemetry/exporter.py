"""Reads what the runs of today did, again and again, and shows it to Prometheus.

Totals begin at midnight UTC and are worked out from the storage alone. So a restart shows the same numbers as before
and what happened meanwhile: nothing is lost, nothing counted twice, and there is nothing to keep. At midnight they
begin anew, as counters may; it also bounds the memory, and the first read, to the runs of one day.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.registry import Collector

from dagster_project.partitions import clips_of_run
from dagster_project.telemetry.metrics import Metrics
from dagster_project.telemetry.run_events import WANTED, RunTally
from stylize.prices import Prices

log = logging.getLogger(__name__)

PAGE = 200
CLOCK_SKEW = timedelta(minutes=5)
"""Runs are stamped by the machines that write them; whose clock is off by more is read when its run ends."""

_IN_PROGRESS = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_WAITING = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED]
_LAUNCHED = [status for status in dg.DagsterRunStatus if status not in _WAITING]


class DayOfRuns:
    """The runs of one UTC day, read as they proceed."""

    def __init__(self, instance: dg.DagsterInstance, prices: Prices, midnight: datetime) -> None:
        self.midnight = midnight
        self.metrics = Metrics()
        self._instance = instance
        self._prices = prices
        self._changed_after = midnight
        self._tallies: dict[str, RunTally] = {}
        self._finished: set[str] = set()

    def read(self, now: datetime) -> None:
        """Count what happened since the last call."""
        for run in self._runs():
            tally = self._tallies.setdefault(run.run_id, self._tally(run))
            tally.count(self._instance.get_records_for_run(run.run_id, of_type=WANTED).records)
            if run.is_finished:  # its status is written after its last event
                self._finished.add(run.run_id)
                del self._tallies[run.run_id]
        self._measure_queue(now)
        self._changed_after = max(self.midnight, now - CLOCK_SKEW)
        self.metrics.last_read.set(now.timestamp())

    def _runs(self) -> Iterator[dg.DagsterRun]:
        """Runs that may have events which were not counted yet, each once."""
        seen = set(self._finished)
        changed = dg.RunsFilter(updated_after=self._changed_after, statuses=_LAUNCHED)
        for run in (*self._pages(changed), *self._pages(dg.RunsFilter(statuses=_IN_PROGRESS))):
            if run.run_id not in seen:
                seen.add(run.run_id)
                yield run

    def _pages(self, wanted: dg.RunsFilter) -> Iterator[dg.DagsterRun]:
        cursor = None
        while page := self._instance.get_run_records(wanted, limit=PAGE, cursor=cursor, ascending=True):
            yield from (record.dagster_run for record in page)
            cursor = page[-1].dagster_run.run_id

    def _tally(self, run: dg.DagsterRun) -> RunTally:
        return RunTally(
            metrics=self.metrics,
            prices=self._prices,
            job=run.job_name,
            failed_device=lambda step: self._device_of(step, run),
            since=self.midnight.timestamp(),
        )

    def _device_of(self, step: str, run: dg.DagsterRun) -> str:
        """Where a step ran that left no result: a clip is styled where its settings say."""
        if step != "styled_frames":
            return "cpu"
        clips = dg.AssetRecordsFilter(dg.AssetKey("clip_settings"), asset_partitions=sorted(clips_of_run(run.tags)))
        for record in self._instance.fetch_materializations(clips, limit=1).records:
            if record.asset_materialization is not None and "device" in record.asset_materialization.metadata:
                return str(record.asset_materialization.metadata["device"].value)
        return "cpu"

    def _measure_queue(self, now: datetime) -> None:
        for status in (*_WAITING, *_IN_PROGRESS):
            count = self._instance.get_runs_count(dg.RunsFilter(statuses=[status]))
            self.metrics.unfinished_runs.labels(status=status.value.lower()).set(count)
        queued = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
        oldest = self._instance.get_run_records(queued, limit=1, ascending=True)
        waited = [(now - record.create_timestamp.replace(tzinfo=UTC)).total_seconds() for record in oldest]
        self.metrics.oldest_queued.set(max([0.0, *waited]))


class Exporter(Collector):
    """Today's metrics."""

    def __init__(self, instance: dg.DagsterInstance, prices: Prices) -> None:
        self._instance = instance
        self._prices = prices
        self._today: DayOfRuns | None = None

    def refresh(self, now: datetime) -> None:
        """Read the storage. ``now`` is in UTC.

        Whatever the storage raises goes through; what was counted before stays, and the next call carries on.
        """
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self._today is None or self._today.midnight != midnight:
            self._today = DayOfRuns(self._instance, self._prices, midnight)
        self._today.read(now)

    def collect(self) -> Iterable[Metric]:
        """For a registry; Prometheus asks while :meth:`refresh` is at work, which only ever adds."""
        return self._today.metrics.registry.collect() if self._today is not None else []


def serve_metrics(
    instance: dg.DagsterInstance, prices: Prices, *, host: str, port: int, poll_seconds: float, stop: threading.Event
) -> None:
    """Serve metrics by HTTP until ``stop`` is set.

    Nothing is served before the first read is complete: numbers that are smaller than before a restart would look like
    a reset.
    """
    exporter = Exporter(instance, prices)
    began = time.monotonic()
    exporter.refresh(datetime.now(UTC))
    registry = CollectorRegistry()
    registry.register(exporter)
    server, thread = start_http_server(port, addr=host, registry=registry)
    log.info("read in %.1f s; serving http://%s:%d/metrics", time.monotonic() - began, host, server.server_port)
    while not stop.wait(poll_seconds):
        try:
            exporter.refresh(datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - whatever a database that is away makes Dagster raise
            log.warning("the storage cannot be read, the figures stay as they are: %s: %s", type(error).__name__, error)
    server.shutdown()
    thread.join()
