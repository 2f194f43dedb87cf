"""Post a JSON document to a webhook whose URL is a secret.

Done with the standard library: ``requests`` puts the URL into its errors and ``urllib3`` into its debug log, and one
small POST needs nothing of what they offer. No message here names the URL, and no exception that does is chained.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from stylize.errors import AlertError, AlertRefusedError

TIMEOUT_SECONDS = 8.0
PAUSES_SECONDS = (1.0, 4.0)
"""Before the second and the third attempt; a sensor tick has 60 s in all."""

LONGEST_PAUSE_SECONDS = 12.0
"""However long the service asks to be left alone: the next tick tries again."""

PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
REFUSING = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)  # fmt: skip


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        """Follow none: the message would be sent, without its body, to whom the webhook's owner did not name."""


_opener = urllib.request.build_opener(_NoRedirects)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What came of one attempt.

    Attributes:
        problem: what went wrong, without the URL; None if nothing.
        is_passing: another attempt may go better.
        is_refused: the message itself is not accepted.
        pause_seconds: how long the service asks to be left alone.
    """

    problem: str | None = None
    is_passing: bool = False
    is_refused: bool = False
    pause_seconds: float = 0.0


def post(url: str, document: dict[str, Any], *, name: str) -> None:
    """Post ``document``, up to three times where the service is overloaded or unwell, within half a minute or so.

    Args:
        url: secret; ``http`` or ``https``.
        document: what to post.
        name: what to call the webhook in messages.

    Raises:
        AlertRefusedError: the service does not accept this document.
        AlertError: the URL is none, or the service cannot be reached, is unwell, or does not know the webhook.
    """
    request = _request(url, json.dumps(document).encode(), name)
    outcome = _attempt(request)
    for pause_seconds in PAUSES_SECONDS:
        if not outcome.is_passing:
            break
        time.sleep(min(max(pause_seconds, outcome.pause_seconds), LONGEST_PAUSE_SECONDS))
        outcome = _attempt(request)
    if outcome.is_refused:
        raise AlertRefusedError(f"the webhook {name} refused the message: {outcome.problem}")
    if outcome.problem is not None:
        raise AlertError(f"the webhook {name} failed: {outcome.problem}")


def _request(url: str, body: bytes, name: str) -> urllib.request.Request:
    headers = {"Content-Type": "application/json"}
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - checked
    except ValueError:
        pass
    raise AlertError(f"{name} is not the URL of a webhook: expected https://… (its value is secret and not shown)")


def _attempt(request: urllib.request.Request) -> _Outcome:
    try:
        with _opener.open(request, timeout=TIMEOUT_SECONDS):
            return _Outcome()
    except urllib.error.HTTPError as error:
        with error:
            return _answered(error.code, error.headers.get("Retry-After", ""))
    except urllib.error.URLError as error:
        return _Outcome(problem=f"no connection ({type(error.reason).__name__})", is_passing=True)
    except OSError as error:
        return _Outcome(problem=f"no answer ({type(error).__name__})", is_passing=True)
    except (http.client.HTTPException, ValueError) as error:
        return _Outcome(problem=f"no answer that can be understood ({type(error).__name__})")


def _answered(status: int, retry_after: str) -> _Outcome:
    meaning = http.client.responses.get(status, "")
    return _Outcome(
        problem=f"it answered {status} {meaning}".rstrip(),
        is_passing=status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
        is_refused=status in REFUSING,
        pause_seconds=float(retry_after) if retry_after.isdecimal() else 0.0,
    )
