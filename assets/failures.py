"""How the errors of pure code become failures of a step."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from dagster_project.step_process import step_code
from stylize.errors import NO_SPACE, StoreFullError, StoreUnavailableError, StylizeError
from stylize.records.attempts import MAX_ERRORS

ERROR_KIND_KEY = "error_kind"

RUN_RETRIES_TAG = "dagster/max_retries"
"""How often the daemon may start a run again; the command line sets it on its runs, to 0."""

# For passing faults only: an error that is permanent says so and ends the step at once.
TRANSIENT_RETRIES = dg.RetryPolicy(
    max_retries=MAX_ERRORS - 1, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)

# Nothing is wrong with the clip, and an operator would only press the button again: 26 minutes, and the store's own
# tries on top.
STORE_OUTAGE_RETRIES = dg.RetryPolicy(max_retries=12, delay=20, backoff=dg.Backoff.LINEAR, jitter=dg.Jitter.PLUS_MINUS)


@contextmanager
def failures_explained() -> Iterator[None]:
    """Turn an error that carries a message for the user into a failure with that message; retried only if passing.

    All that a step does belongs inside: see :mod:`dagster_project.step_process`.
    """
    try:
        with step_code(), full_disks_named():
            yield
    except StoreUnavailableError as error:
        raise _wait_for_store(dg.OpExecutionContext.get()) from failure_of(error)
    except StylizeError as error:
        raise failure_of(error) from error
    except dg.DagsterExecutionInterruptedError as interrupt:
        if not is_canceled(dg.OpExecutionContext.get()):
            raise
        # Dagster begins an interrupted step again at once if it has retries left: right for a pod that was pre-empted,
        # wrong where somebody wanted it to end.
        raise dg.Failure("interrupted; finished work is kept", allow_retries=False) from interrupt


@contextmanager
def full_disks_named() -> Iterator[None]:
    """Turn the many errors that a full disk makes into one that says so.

    Raises:
        StoreFullError: no space was left.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        where = f" for {error.filename!r}" if error.filename else ""
        raise StoreFullError(
            f"no space left{where}: free some space and run the same again, finished work is kept"
        ) from error


def failure_of(error: Exception, *, allow_retries: bool = True) -> dg.Failure:
    """The failure that ``error`` is to Dagster; what carries no message for the user is shown with its stack trace."""
    explained = isinstance(error, StylizeError)
    return dg.Failure(
        description=str(error) if explained else f"{type(error).__name__}: {error}",
        metadata={ERROR_KIND_KEY: type(error).__name__} if explained else {},
        allow_retries=allow_retries and not (explained and error.permanent),
    )


def is_canceled(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> bool:
    """Whether a person wanted the running step to end: by Ctrl-C on the command line, or in the UI."""
    if RUN_RETRIES_TAG in context.run.tags:
        return True
    run = context.instance.get_run_by_id(context.run_id)
    return run is not None and run.status == dg.DagsterRunStatus.CANCELING


class StoreOutageRetry(dg.RetryRequested):
    """A retry that waits for the store. By this name it is told from other retries in the log of the run."""


def _wait_for_store(context: dg.OpExecutionContext) -> StoreOutageRetry:
    """A retry in some seconds; Dagster reports its cause once the tries are used up.

    Dagster's count holds every retry of the step, but only those that waited for the store shall count here. They stand
    in the log of the run, which is not in the store.
    """
    step_key = context.get_step_execution_context().step.key
    events = context.instance.all_logs(context.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)
    retries = [event.get_dagster_event().step_retry_data for event in events if event.step_key == step_key]
    errors = [retry.error for retry in retries if retry.error is not None]
    waited = sum(error.cls_name == StoreOutageRetry.__name__ for error in errors)
    tries_left = STORE_OUTAGE_RETRIES.max_retries - waited
    return StoreOutageRetry(context.retry_number + tries_left, STORE_OUTAGE_RETRIES.calculate_delay(waited + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedFailure:
    """Why a step failed: the name of the error's class in ``stylize.errors``, and its message."""

    kind: str
    message: str


def explained_failures(instance: dg.DagsterInstance, run_id: str) -> list[ExplainedFailure]:
    """The failures of a run's steps that carry a message for the user, oldest first."""
    events = (entry.dagster_event for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE))
    failures = [event.step_failure_data.user_failure_data for event in events if event is not None]
    return [
        ExplainedFailure(kind=str(failure.metadata[ERROR_KIND_KEY].value), message=failure.description or "")
        for failure in failures
        if failure is not None and ERROR_KIND_KEY in failure.metadata
    ]
