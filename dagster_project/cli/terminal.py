"""What the command line says: messages on standard error, results on standard output, exit codes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from stylize.errors import NO_SPACE, StepFailedError, StylizeError

# SQLite's words, wherever in Dagster they come up.
DATABASE_FULL = "database or disk is full"

EXIT_FAILURE = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


def open_console() -> Console:
    """A console on standard error.

    It writes to a duplicate of the descriptor, so that it stays on the terminal whatever is done to ``sys.stderr``.
    """
    return Console(file=os.fdopen(os.dup(sys.stderr.fileno()), "w"), highlight=False)


def say(line: str) -> None:
    """Print one line of a result, unwrapped and unstyled."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def complain(message: str) -> None:
    """Print one line on standard error."""
    one_line = " ".join(message.split())
    sys.stderr.write(f"stylize: {one_line}\n")


@contextmanager
def exit_codes(*, resume_hint: str) -> Iterator[None]:
    """Turn errors into one line on standard error and an exit code.

    Args:
        resume_hint: what to say after an interrupt.
    """
    try:
        yield
    except StepFailedError as error:
        complain(str(error))
        raise SystemExit(EXIT_FAILURE) from None
    except StylizeError as error:
        complain(str(error))
        raise SystemExit(EXIT_USER_ERROR) from None
    except OSError as error:
        complain(f"{error.strerror or error}{f': {error.filename!r}' if error.filename else ''}; {resume_hint}")
        raise SystemExit(EXIT_USER_ERROR if error.errno in NO_SPACE else EXIT_FAILURE) from None
    except Exception as error:
        if DATABASE_FULL not in str(error):
            raise
        complain(f"no space left for the Dagster instance; free some space, then {resume_hint}")
        raise SystemExit(EXIT_USER_ERROR) from None
    except KeyboardInterrupt:
        complain(f"interrupted; {resume_hint}")
        raise SystemExit(EXIT_INTERRUPTED) from None
