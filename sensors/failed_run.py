"""What is to be said about a run that failed."""

from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.tags import (  # set by Dagster; documented, but not exported
    AUTO_RETRY_RUN_ID_TAG,
    RETRY_NUMBER_TAG,
    WILL_RETRY_TAG,
)
from dagster_shared.error import SerializableErrorInfo  # what a step failure event carries

from dagster_project.partitions import PARTITION_TAG, RANGE_TAGS, clips_of_run
from resources.alerts import Alert, AlertsResource

PROMISE_SECONDS = 600.0
"""A retry that Dagster announced and has not started by then will not come."""


def subject_of(run: dg.DagsterRun) -> str:
    """What failed, as far as people care: a clip or a style by its key, or a job that has no partition."""
    return " and ".join(sorted(clips_of_run(run.tags))) or f"job {run.job_name}"


def is_undecided(run: dg.DagsterRun, instance: dg.DagsterInstance, *, failed_seconds_ago: float) -> bool:
    """Whether Dagster may still start this failed run again, so that it is too early to speak of a failure."""
    if AUTO_RETRY_RUN_ID_TAG in run.tags or failed_seconds_ago > PROMISE_SECONDS:
        return False
    # The tag is written just after the event that the sensor sees.
    return run.tags.get(WILL_RETRY_TAG, str(instance.run_retries_enabled).lower()) == "true"


def is_retried(run: dg.DagsterRun) -> bool:
    """Whether another run has taken its place; if that fails too, it speaks for itself."""
    return AUTO_RETRY_RUN_ID_TAG in run.tags


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailure:
    """The step that ended a run.

    Attributes:
        step: its name; None where the run ended outside of any step, as when its process was killed.
        reason: one line.
        num_tries: how often the step was tried in this run.
    """

    step: str | None
    reason: str
    num_tries: int = 1


def find_step_failure(instance: dg.DagsterInstance, run_id: str) -> StepFailure:
    """Why a run failed."""
    kinds = {
        dg.DagsterEventType.STEP_FAILURE,
        dg.DagsterEventType.STEP_UP_FOR_RETRY,
        dg.DagsterEventType.RUN_FAILURE,
    }
    events = [entry.get_dagster_event() for entry in instance.all_logs(run_id, of_type=kinds)]
    failure = next((event for event in events if event.is_step_failure), None)
    if failure is None:
        messages = [event.message for event in events if event.is_run_failure and event.message]
        return StepFailure(step=None, reason=_one_line(messages[-1]) if messages else "no reason given")
    retries = [event for event in events if event.is_step_up_for_retry and event.step_key == failure.step_key]
    return StepFailure(step=failure.step_key, reason=_reason(failure), num_tries=1 + len(retries))


def _reason(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return _one_line(data.user_failure_data.description)
    return _one_line(_root_cause(data.error).message) if data.error is not None else "no reason given"


def _root_cause(error: SerializableErrorInfo) -> SerializableErrorInfo:
    while error.cause is not None:
        error = error.cause
    return error


def _one_line(text: str) -> str:
    return " ".join(text.split())


def describe(
    instance: dg.DagsterInstance, alerts: AlertsResource, run: dg.DagsterRun, *, subject: str, num_failed: int
) -> Alert:
    """The alert about ``run`` and ``num_failed`` - 1 further ones of the same subject."""
    failure = find_step_failure(instance, run.run_id)
    others = f" ({num_failed} runs in all)" if num_failed > 1 else ""
    return Alert(
        title=f"{subject}: {failure.step or run.job_name} failed{others}",
        facts=(
            *((("Partition", partition),) if (partition := _partition(run)) else ()),
            ("Reason", failure.reason),
            ("Tried again", _tried_again(run, failure)),
        ),
        url=alerts.run_url(run.run_id),
    )


def _partition(run: dg.DagsterRun) -> str | None:
    named = [run.tags[name] for name in RANGE_TAGS if name in run.tags]
    return run.tags.get(PARTITION_TAG) or " to ".join(named) or None


def _tried_again(run: dg.DagsterRun, failure: StepFailure) -> str:
    num_tries = failure.num_tries + int(run.tags.get(RETRY_NUMBER_TAG, "0"))
    return f"no, it failed {num_tries} times" if num_tries > 1 else "no"
