"""What the events of one run say, as figures."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import dagster as dg
from dagster_shared.error import SerializableErrorInfo  # what failure and retry events carry

import stylize.errors
from assets.failures import ERROR_KIND_KEY, StoreOutageRetry
from assets.storage_use import PREFIX as STORAGE_PREFIX
from dagster_project.telemetry.metrics import Metrics, exact
from stylize.errors import StoreUnavailableError
from stylize.prices import Prices

Kind = dg.DagsterEventType
Outcome = Literal["success", "failure", "retry", "killed"]

RUN_ENDS = {Kind.RUN_SUCCESS: "success", Kind.RUN_FAILURE: "failure", Kind.RUN_CANCELED: "canceled"}
ATTEMPT_STARTS = frozenset({Kind.STEP_START, Kind.STEP_RESTARTED})
ATTEMPT_ENDS: dict[Kind, Outcome] = {
    Kind.STEP_SUCCESS: "success",
    Kind.STEP_FAILURE: "failure",
    Kind.STEP_UP_FOR_RETRY: "retry",
}
WANTED = {
    *RUN_ENDS,
    *ATTEMPT_STARTS,
    *ATTEMPT_ENDS,
    Kind.RUN_ENQUEUED,
    Kind.RUN_STARTING,
    Kind.RUN_START,
    Kind.STEP_WORKER_STARTING,
    Kind.STEP_WORKER_STARTED,
    Kind.ASSET_MATERIALIZATION,
}

POD_LOST = "PodLost"
"""Reason of a retry whose step raised nothing: the executor found its pod, or its process, gone."""

_GONE = frozenset({None, "ChildProcessCrashException"})

UNEXPECTED = "unexpected"
"""Every error that is not one of ours, so that a label has few values."""

EXPLAINED = frozenset(
    name
    for name, item in vars(stylize.errors).items()
    if isinstance(item, type) and issubclass(item, stylize.errors.StylizeError)
)


@dataclass(slots=True, kw_only=True)
class RunTally:
    """Turns the events of one run into figures, each once, however often the run is read.

    Attributes:
        metrics: what is counted up.
        prices: for the estimate of cost.
        job: name of the run's job.
        failed_device: of a step by its name that ended without saying where it ran: ``cpu`` or ``cuda``.
        since: Unix time; what happened before is another day's.
    """

    metrics: Metrics
    prices: Prices
    job: str
    failed_device: Callable[[str], str]
    since: float
    _counted: set[int] = field(default_factory=set)
    _began: dict[tuple[str | None, str], float] = field(default_factory=dict)
    _devices: dict[str, str] = field(default_factory=dict)

    def count(self, records: Iterable[dg.EventLogRecord]) -> None:
        """Count what is new among the events of the run so far, which are in their order."""
        for record in records:
            event = record.event_log_entry.dagster_event
            if event is None or record.storage_id in self._counted:
                continue
            time = record.event_log_entry.timestamp
            self._count_event(event, time, is_ours=time >= self.since)
            self._counted.add(record.storage_id)

    def _count_event(self, event: dg.DagsterEvent, time: float, *, is_ours: bool) -> None:
        kind, step = event.event_type, event.step_key
        if kind == Kind.ASSET_MATERIALIZATION:
            self._note_device(event)
            if is_ours:
                self._count_materialization(event)
        elif kind in ATTEMPT_STARTS:
            self._began[step, "attempt"] = time
        elif kind in ATTEMPT_ENDS:
            self._end_attempt(str(step), ATTEMPT_ENDS[kind], time, is_ours=is_ours)
            if is_ours:
                self._count_trouble(event)
        elif kind in RUN_ENDS:
            self._end_run(RUN_ENDS[kind], time, is_ours=is_ours)
        else:
            self._count_wait(kind, step, time, is_ours=is_ours)

    def _count_wait(self, kind: Kind, step: str | None, time: float, *, is_ours: bool) -> None:
        """Times between a request and its fulfilment; the day of the fulfilment counts."""
        began = self._began.pop((step, "wait"), None)
        if kind in (Kind.RUN_ENQUEUED, Kind.RUN_STARTING, Kind.STEP_WORKER_STARTING):
            self._began[step, "wait"] = time
        if began is None or not is_ours:
            return
        seconds = exact(max(0.0, time - began))
        if kind == Kind.RUN_STARTING:
            self.metrics.run_queue.observe(seconds)
        elif kind == Kind.RUN_START:
            self.metrics.run_start.observe(seconds)
        elif kind == Kind.STEP_WORKER_STARTED:
            self.metrics.step_start.labels(asset=step).observe(seconds)

    def _end_attempt(self, step: str, outcome: Outcome, time: float, *, is_ours: bool) -> None:
        began = self._began.pop((step, "attempt"), None)
        if not is_ours:
            return
        self.metrics.step_attempts.labels(asset=step, outcome=outcome).inc()
        if began is None:  # its pod never came to start it
            return
        device = self._devices.get(step) or ("cpu" if outcome == "success" else self.failed_device(step))
        seconds = exact(max(0.0, time - began))
        self.metrics.step_seconds.labels(asset=step, device=device, outcome=outcome).inc(seconds)
        if self.prices.known:
            on_gpu = device == "cuda"
            cost = self.prices.cost(gpu_seconds=seconds * on_gpu, cpu_seconds=seconds * (not on_gpu))
            self.metrics.cost.labels(device=device, currency=self.prices.currency).inc(exact(cost))

    def _end_run(self, status: str, time: float, *, is_ours: bool) -> None:
        for step, what in [*self._began]:
            if what == "attempt":  # the run's process died, and its steps with it
                self._end_attempt(str(step), "killed", time, is_ours=is_ours)
        if is_ours:
            self.metrics.runs.labels(dagster_job=self.job, status=status).inc()

    def _count_trouble(self, event: dg.DagsterEvent) -> None:
        if event.is_step_up_for_retry:
            reason = kind_of(event.step_retry_data.error)
            self.metrics.retries.labels(asset=event.step_key, reason=reason).inc()
        elif event.is_step_failure:
            explained = event.step_failure_data.user_failure_data
            told = explained.metadata.get(ERROR_KIND_KEY) if explained else None
            kind = str(told.value) if told else kind_of(event.step_failure_data.error)
            self.metrics.failures.labels(asset=event.step_key, kind=kind).inc()

    def _note_device(self, event: dg.DagsterEvent) -> None:
        if event.step_key == "styled_frames":
            engine = event.step_materialization_data.materialization.metadata.get("engine")
            if engine is not None:  # a cell that the clip does not use was not painted
                self._devices[event.step_key] = str(engine.value).split()[1]

    def _count_materialization(self, event: dg.DagsterEvent) -> None:
        materialization = event.step_materialization_data.materialization
        asset = materialization.asset_key.to_user_string()
        told: dict[str, Any] = {name: value.value for name, value in materialization.metadata.items()}
        for name, counter in (
            ("requests", self.metrics.store_requests),
            ("sent_bytes", self.metrics.store_sent),
            ("received_bytes", self.metrics.store_received),
        ):
            if f"{STORAGE_PREFIX}{name}" in told:
                counter.labels(asset=asset).inc(told[f"{STORAGE_PREFIX}{name}"])
        if asset == "styled_frames" and told.get("frames"):
            self._count_segment(told)
        elif asset == "final_video":
            self.metrics.deliveries.labels(style=told["style"]).inc()
            self.metrics.delivered_seconds.labels(style=told["style"]).inc(exact(told["duration_seconds"]))

    def _count_segment(self, told: Mapping[str, Any]) -> None:
        engine, device, *_ = told["engine"].split()
        styled = told["styled_frames"]
        self.metrics.frames_styled.labels(style=told["style"], engine=engine, device=device).inc(styled)
        self.metrics.frames_reused.labels(style=told["style"]).inc(told["reused_frames"])
        if styled:
            self.metrics.speed.labels(engine=engine, device=device).observe(exact(told["frames_per_second"]))
        for count, reason in re.findall(r"(\d+) ([a-z -]+)", told.get("retry_reasons", "")):  # "2 pre-empted, 1 error"
            self.metrics.ended_attempts.labels(reason=reason).inc(int(count))


def kind_of(error: SerializableErrorInfo | None) -> str:
    """The class of ours among an error and its causes; one word for all others."""
    if error is None or error.cls_name in _GONE:
        return POD_LOST
    if error.cls_name == StoreOutageRetry.__name__:
        return StoreUnavailableError.__name__
    link: SerializableErrorInfo | None = error
    while link is not None:
        if link.cls_name in EXPLAINED:
            return str(link.cls_name)
        link = link.cause
    return UNEXPECTED
