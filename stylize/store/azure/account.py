"""How one Azure storage account is talked to: sizes, timeouts, retries, and the count of what it costs.

The SDK's own defaults suit small objects: one connection, a stalled answer noticed after a minute, and ``Retry-After``
ignored. Everything that was changed, and why, stands in :class:`Transfers`.
"""

import random
import threading
from dataclasses import dataclass
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.storage.blob import BlobServiceClient, ExponentialRetry

from stylize.store.media_store import StoreUsage

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfers:
    """What a transfer may take.

    Attributes:
        block_bytes: size of the pieces that objects are sent and fetched in. Objects up to this size, as most chunks
            are, take one request. 50,000 blocks are the service's limit, so 8 MiB allow for objects of 390 GiB.
        concurrency: pieces of one store that move at a time. One connection brings some 60 MB/s, so four fill 2 Gbit/s;
            memory grows by about 4 times ``concurrency * block_bytes``, which a small run pod must have to spare.
        connect_seconds: limit for a connection to be made, and for a send to make progress.
        read_seconds: limit between any two pieces of an answer: a stalled transfer fails instead of hanging.
        retries: further attempts of one request after a broken connection, a time-out, 408 or 5xx. With the delays
            below they outlast about half a minute of trouble; after that the step fails and Dagster tries it again.
        first_delay_seconds: mean pause before the first retry; every further one doubles it.
        longest_delay_seconds: limit of a pause, also of one that the service asks for by ``Retry-After``.
    """

    block_bytes: int = 8 * MEBIBYTE
    concurrency: int = 4
    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    retries: int = 5
    first_delay_seconds: float = 1.0
    longest_delay_seconds: float = 30.0


class BackoffRetry(ExponentialRetry):
    """Pauses that double, half of each random so that pods do not come back in step, and honour ``Retry-After``."""

    def __init__(self, transfers: Transfers) -> None:
        """Retry as ``transfers`` says."""
        limit = transfers.retries
        super().__init__(retry_total=limit, retry_connect=limit, retry_read=limit, retry_status=limit)
        self._transfers = transfers

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """Seconds until the attempt after the ``settings["count"]``-th, which the SDK has just counted."""
        mean = self._transfers.first_delay_seconds * 2 ** (settings["count"] - 1)
        pause = mean * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        return min(max(pause, _retry_after_seconds(settings)), self._transfers.longest_delay_seconds)


def _retry_after_seconds(settings: dict[str, Any]) -> float:
    response = settings["history"][-1].http_response if settings["history"] else None
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return float(text) if text.isdecimal() else 0.0


class UsageMeter:
    """Counts requests and bytes of all clients that it is given to."""

    def __init__(self) -> None:
        """Start at zero."""
        self._lock = threading.Lock()
        self._requests = self._sent_bytes = self._received_bytes = 0

    def count_request(self, request: PipelineRequest[Any]) -> None:
        """An attempt leaves; every retry calls this again."""
        with self._lock:
            self._requests += 1
            self._sent_bytes += int(request.http_request.headers.get("Content-Length", 0))

    def count_response(self, response: PipelineResponse[Any, Any]) -> None:
        """The head of an answer came; its body is counted as if it came whole. Answers to HEAD have none."""
        if response.http_request.method == "HEAD":
            return
        with self._lock:
            self._received_bytes += int(response.http_response.headers.get("Content-Length", 0))

    @property
    def usage(self) -> StoreUsage:
        """The counts so far."""
        with self._lock:
            return StoreUsage(requests=self._requests, sent_bytes=self._sent_bytes, received_bytes=self._received_bytes)


def open_account(
    *,
    account_url: str,
    credential: str | TokenCredential | None,
    connection_string: str | None = None,
    transfers: Transfers,
    meter: UsageMeter,
) -> BlobServiceClient:
    """A client of one storage account; nothing is sent yet.

    Args:
        account_url: the account's blob endpoint.
        credential: a SAS token, an account key, an identity, or None for anonymous access.
        connection_string: where given, used instead of the two above.
        transfers: sizes, timeouts and retries.
        meter: counts what the client does.

    Raises:
        ValueError: the URL, the credential or the connection string is malformed.
    """
    options: dict[str, Any] = {
        "retry_policy": BackoffRetry(transfers),
        "connection_timeout": transfers.connect_seconds,
        "read_timeout": transfers.read_seconds,
        "max_single_put_size": transfers.block_bytes,
        "max_single_get_size": transfers.block_bytes,
        "max_chunk_get_size": transfers.block_bytes,
        "raw_request_hook": meter.count_request,
        "raw_response_hook": meter.count_response,
    }
    if connection_string is not None:
        return BlobServiceClient.from_connection_string(connection_string, **options)
    return BlobServiceClient(account_url, credential=credential, **options)
