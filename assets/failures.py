"""How the errors of pure code become failures of a step."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dagster_project.errors import NO_SPACE, StoreFullError, StylizeError

ERROR_KIND_KEY = "error_kind"

# For passing faults only: an error that is permanent says so and ends the step at once.
TRANSIENT_RETRIES = dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


@contextmanager
def failures_explained() -> Iterator[None]:
    """Turn an error that carries a message for the user into a failure with that message; retried only if passing."""
    try:
        yield
    except StylizeError as error:
        raise _failure(error) from error
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
