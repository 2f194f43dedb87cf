"""How the errors of pure code become failures of a step."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from dagster_project.errors import NO_SPACE, StoreFullError, StoreUnavailableError, StylizeError

ERROR_KIND_KEY = "error_kind"

RUN_RETRIES_TAG = "dagster/max_retries"
"""How often the daemon may start a run again; the command line sets it on its runs, to 0."""

# For passing faults only: an error that is permanent says so and ends the step at once.
TRANSIENT_RETRIES = dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)

# Nothing is wrong with the clip, and an operator would only press the button again: 26 minutes, and the store's own
# tries on top.
STORE_OUTAGE_RETRIES = dg.RetryPolicy(max_retries=12, delay=20, backoff=dg.Backoff.LINEAR, jitter=dg.Jitter.PLUS_MINUS)


@contextmanager
def failures_explained() -> Iterator[None]:
    """Turn an error that carries a message for the user into a failure with that message; retried only if passing."""
    try:
        yield
    except StoreUnavailableError as error:
        pause_seconds = STORE_OUTAGE_RETRIES.calculate_delay(dg.OpExecutionContext.get().retry_number + 1)
        # Dagster reports the cause once the tries are used up.
        raise dg.RetryRequested(STORE_OUTAGE_RETRIES.max_retries, pause_seconds) from _failure(error)
    except StylizeError as error:
        raise _failure(error) from error
    except dg.DagsterExecutionInterruptedError as interrupt:
        if RUN_RETRIES_TAG not in dg.OpExecutionContext.get().run.tags:
            raise
        # Dagster begins an interrupted step again at once if it has retries left: right for a pod that was pre-empted,
        # wrong for the command line, whose user pressed Ctrl-C.
        raise dg.Failure("interrupted; finished work is kept", allow_retries=False) from interrupt
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        where = f" for {error.filename!r}" if error.filename else ""
        full = StoreFullError(f"no space left{where}: free some space and run the same again, finished work is kept")
        raise _failure(full) from error


def _failure(error: StylizeError) -> dg.Failure:
    return dg.Failure(
        description=str(error), metadata={ERROR_KIND_KEY: type(error).__name__}, allow_retries=not error.permanent
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedFailure:
    """Why a step failed: the name of the error's class in ``dagster_project.errors``, and its message."""

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
