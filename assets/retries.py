"""What becomes of a step that did not finish a cell: errors are tried again a few times, interruptions many times."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg
from dagster._core.storage.tags import RETRY_NUMBER_TAG  # documented for run retries, exported nowhere

from assets.failures import STORE_OUTAGE_RETRIES, TRANSIENT_RETRIES, failure_of, full_disks_named, is_canceled
from resources.cell_attempt import CellAttempt
from stylize.errors import AttemptsSpentError, StoreUnavailableError, StylizeError
from stylize.records.attempts import MAX_ERRORS, MAX_INTERRUPTIONS
from stylize.store.media_store import MediaStore

# Dagster's own count knows no reasons: it leaves room for every budget. Which of them is spent, and when, says
# :func:`attempt_of_step`. The pause is that before a pod which takes the place of an interrupted one.
CELL_RETRIES: Final = dg.RetryPolicy(
    max_retries=MAX_ERRORS - 1 + MAX_INTERRUPTIONS + STORE_OUTAGE_RETRIES.max_retries,
    delay=2,
    jitter=dg.Jitter.PLUS_MINUS,
)


@contextmanager
def attempt_of_step(context: dg.AssetExecutionContext, store: MediaStore) -> Iterator[CellAttempt]:
    """The attempt of the running step, whose end is taken down. Belongs inside ``failures_explained``.

    A passing error is tried again after a growing pause, until the budget of errors is spent. An interruption is left
    to Dagster, which tries again at once; whether it may is checked where the next attempt begins. What the store does
    not answer has retries of its own.
    """
    attempt = CellAttempt(
        store=store,
        launch=launch_of(context.instance, context.run),
        run_id=context.run_id,
        retry_number=context.retry_number,
    )
    try:
        with full_disks_named():
            yield attempt
    except (StoreUnavailableError, AttemptsSpentError):
        raise
    except dg.DagsterExecutionInterruptedError:
        canceled = is_canceled(context)
        attempt.end("canceled" if canceled else "pre-empted", "its process was told to end")
        raise
    except Exception as error:
        permanent = isinstance(error, StylizeError) and error.permanent
        attempt.end("permanent error" if permanent else "error", failure_of(error).description or "")
        if permanent:
            raise
        _retry(error, attempt)
    else:
        attempt.end("finished")


def _retry(error: Exception, attempt: CellAttempt) -> None:
    """Ask for another attempt, or give up.

    Raises:
        RetryRequested: there may be another attempt.
        Failure: there may be none.
    """
    errors = attempt.num_errors if attempt.has_begun else attempt.retry_number + 1
    if errors >= MAX_ERRORS:
        raise failure_of(error, allow_retries=False) from error
    pause_seconds = TRANSIENT_RETRIES.calculate_delay(errors)
    raise dg.RetryRequested(CELL_RETRIES.max_retries, pause_seconds) from error


def launch_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The run that was launched: this one, or the one that the daemon repeats by it."""
    while RETRY_NUMBER_TAG in run.tags and run.parent_run_id:
        parent = instance.get_run_by_id(run.parent_run_id)
        if parent is None:
            break
        run = parent
    return run.run_id
