"""What the Azure SDK raises, in the words of the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from stylize.errors import (
    ObjectMissingError,
    PreconditionError,
    StoreAccessError,
    StoreError,
    StoreUnavailableError,
)

# A condition of the request does not hold. An invalid block list means that another writer's commit swept our blocks.
CONDITION_CODES = frozenset(
    {"ConditionNotMet", "TargetConditionNotMet", "BlobAlreadyExists", "BlobOverwritten", "InvalidBlockList"}
)
MISSING_CONTAINER_CODES = frozenset({"ContainerNotFound", "ContainerBeingDeleted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked, for messages.

    Attributes:
        action: what was done, e.g. "write".
        key: key or prefix in the store.
        container: full name of the storage container.
        account: name of the storage account.
        right: the permission that it takes, in the words of Azure and of SAS.
        when_refused: what a condition that does not hold means.
    """

    action: str
    key: str
    container: str
    account: str
    right: str
    when_refused: str = "was replaced by another writer"

    @property
    def place(self) -> str:
        """The storage container, as an operator looks it up."""
        return f"storage container {self.container!r} of account {self.account!r}"


@contextmanager
def named_errors(request: Request) -> Iterator[None]:
    """Turn every error of the SDK into one of the store, with one line that says what to do."""
    try:
        yield
    except AzureError as error:
        raise _translate(error, request) from error


def error_code(error: AzureError) -> str:
    """The service's own code, e.g. ``BlobNotFound``; empty where the error did not come from the service."""
    code: Any = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _translate(error: AzureError, request: Request) -> StoreError:
    status = error.status_code if isinstance(error, HttpResponseError) else None
    code = error_code(error)
    if code in MISSING_CONTAINER_CODES:
        return StoreError(
            f"cannot {request.action} {request.key!r}: there is no {request.place}; create it, or check the setting"
            " container_prefix"
        )
    if status == 404:
        return ObjectMissingError(f"no object {request.key!r} in the store ({request.place})")
    if code in CONDITION_CODES or (status == 412 and not code):
        return PreconditionError(f"the object {request.key!r} {request.when_refused}")
    if status in (401, 403) or isinstance(error, ClientAuthenticationError):
        return StoreAccessError(
            f"may not {request.action} {request.key!r} in {request.place} ({code or _first_line(error)}): the"
            f" credentials must be valid now and carry the right to {request.right}, see docs/azure.md"
        )
    if status is None or status in (408, 429) or status >= 500:
        return StoreUnavailableError(
            f"cannot {request.action} {request.key!r}: {request.place} does not answer"
            f" ({f'status {status}' if status else _first_line(error)}); tried again later, it may"
        )
    return StoreError(
        f"cannot {request.action} {request.key!r} in {request.place}: status {status}, {code or _first_line(error)}"
    )


def _first_line(error: AzureError) -> str:
    """What happened first of all, e.g. "Connection refused"; the SDK wraps it in several exceptions."""
    cause: BaseException = error
    while (earlier := cause.__cause__ or cause.__context__) is not None:
        cause = earlier
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]
