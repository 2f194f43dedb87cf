"""Tells people about failed runs: at most one message a tick, and one about a clip in a quarter of an hour.

A plain sensor, and none made by ``run_failure_sensor``: that is called once for every run and keeps its own cursor, so
it cannot hold back what would flood people, cannot say later how many there were, and forgets what it could not send.
Here all of that stands in the sensor's cursor, which Dagster keeps in its database.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Self

import dagster as dg

from resources.alerts import Alert, AlertsResource
from sensors.failed_run import describe, is_retried, is_undecided, subject_of
from stylize.errors import AlertError, AlertRefusedError

INTERVAL_SECONDS = 30
MAX_FAILURES_PER_TICK = 200


@dataclass(slots=True, kw_only=True)
class FailureBacklog:
    """What was seen and not told yet.

    Attributes:
        after: id of the last failure in the event log that was seen.
        undecided: runs that failed, and that Dagster may start again.
        first: by subject, the run that a message will be about.
        count: by subject, how many runs it will speak of.
        told_at: by subject, when people last heard of it, as Unix time.
    """

    after: int
    undecided: list[str] = field(default_factory=list)
    first: dict[str, str] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)
    told_at: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_cursor(cls, cursor: str) -> Self:
        """Read back what :meth:`to_cursor` wrote."""
        return cls(**json.loads(cursor))

    def to_cursor(self) -> str:
        """For the sensor's cursor."""
        return json.dumps(asdict(self))

    def add(self, subject: str, run_id: str) -> None:
        """Note a failure that is to be told."""
        self.first.setdefault(subject, run_id)
        self.count[subject] = self.count.get(subject, 0) + 1

    def due(self, now: float, *, quiet_seconds: float) -> list[str]:
        """The subjects that people have not heard of for long enough."""
        self.told_at = {subject: told for subject, told in self.told_at.items() if now - told < quiet_seconds}
        return [subject for subject in self.first if subject not in self.told_at]

    def settle(self, subjects: Iterable[str], now: float) -> None:
        """Note that ``subjects`` were told."""
        for subject in subjects:
            del self.first[subject], self.count[subject]
            self.told_at[subject] = now


def collect_failures(backlog: FailureBacklog, instance: dg.DagsterInstance, now: float) -> None:
    """Add to ``backlog`` what failed since the last look and will not be tried again by Dagster."""
    wanted = dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_FAILURE, after_storage_id=backlog.after)
    events = instance.fetch_run_status_changes(wanted, limit=MAX_FAILURES_PER_TICK, ascending=True).records
    run_ids = list(dict.fromkeys([*backlog.undecided, *(event.event_log_entry.run_id for event in events)]))
    backlog.after = max([backlog.after, *(event.storage_id for event in events)])
    backlog.undecided = []
    records = instance.get_run_records(dg.RunsFilter(run_ids=run_ids), ascending=True) if run_ids else []
    for record in records:
        run = record.dagster_run
        if is_undecided(run, instance, failed_seconds_ago=now - (record.end_time or now)):
            backlog.undecided.append(run.run_id)
        elif not is_retried(run):
            backlog.add(subject_of(run), run.run_id)


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Posts failed runs that Dagster will not try again to a webhook of Teams or Slack.",
)
def failure_alert_sensor(context: dg.SensorEvaluationContext, alerts: AlertsResource) -> dg.SkipReason:
    if alerts.webhook_url is None:
        return dg.SkipReason(f"No webhook is set ({alerts.webhook_url_variable}): nobody is told about failed runs.")
    if not context.cursor:
        backlog = FailureBacklog(after=_latest_failure(context.instance))
        context.update_cursor(backlog.to_cursor())
        return dg.SkipReason("Tells about runs that fail from now on.")
    now = time.time()
    backlog = FailureBacklog.from_cursor(context.cursor)
    collect_failures(backlog, context.instance, now)
    due = backlog.due(now, quiet_seconds=60.0 * alerts.quiet_minutes)
    outcome = _tell(context.instance, alerts, backlog, due)
    if outcome.settled:
        backlog.settle(due, now)
    else:
        context.log.warning(outcome.reason)
    context.update_cursor(backlog.to_cursor())
    return dg.SkipReason(outcome.reason)


def _latest_failure(instance: dg.DagsterInstance) -> int:
    latest = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records
    return latest[0].storage_id if latest else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    reason: str
    settled: bool = True


def _tell(instance: dg.DagsterInstance, alerts: AlertsResource, backlog: FailureBacklog, due: list[str]) -> _Outcome:
    """Send one message about all subjects that are due. What cannot be sent now is left for a later tick."""
    messages = [alert for subject in due if (alert := _alert(instance, alerts, backlog, subject))]
    if not messages:
        num_waiting = sum(backlog.count.values())
        return _Outcome(reason=f"Nothing to tell now; {num_waiting} failed runs wait for the next message.")
    try:
        alerts.send(messages)
    except AlertRefusedError as error:
        return _Outcome(reason=f"Not told about {', '.join(due)}, and never will be: {error}")
    except AlertError as error:
        return _Outcome(reason=f"Not told yet about {', '.join(due)}, to be tried again: {error}", settled=False)
    return _Outcome(reason=f"Told about {', '.join(due)}.")


def _alert(instance: dg.DagsterInstance, alerts: AlertsResource, backlog: FailureBacklog, subject: str) -> Alert | None:
    run = instance.get_run_by_id(backlog.first[subject])
    if run is None:  # deleted since
        return None
    return describe(instance, alerts, run, subject=subject, num_failed=backlog.count[subject])
