"""Send one object to Azure so that it appears whole, at once, and exactly once."""

import hashlib
import itertools
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from stylize.store.azure.account import Transfers
from stylize.store.azure.errors import CONDITION_CODES, error_code

SHA256_METADATA = "sha256"
PUT_ID_METADATA = "putid"

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".m4v": "video/mp4",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".webm": "video/webm",
}
DEFAULT_CONTENT_TYPE = "application/octet-stream"

# Writers of one key sweep each other's staged blocks when they commit; who demanded nothing sends again.
MAX_SWEPT_ATTEMPTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was committed: ETag as the service gave it, length, SHA-256 (hex)."""

    etag: str
    size_bytes: int
    sha256: str


class BlobUpload:
    """One put of one object.

    Small objects go in one request. Larger ones are staged as blocks, which nobody sees, several at a time while the
    next is read and hashed; one last request, which carries the conditions, turns them into the object.
    """

    def __init__(
        self, blob: BlobClient, *, executor: ThreadPoolExecutor, transfers: Transfers, conditions: dict[str, Any]
    ) -> None:
        """Prepare to write ``blob`` under ``conditions``, the SDK's ``etag`` and ``match_condition``."""
        self._blob = blob
        self._executor = executor
        self._transfers = transfers
        self._conditions = conditions
        self._put_id = uuid.uuid4().hex
        suffix = PurePosixPath(blob.blob_name).suffix.lower()
        self._content = ContentSettings(content_type=CONTENT_TYPES.get(suffix, DEFAULT_CONTENT_TYPE))

    def send(self, source: Path | bytes) -> Sent:
        """Write ``source``.

        Raises:
            azure.core.exceptions.AzureError: nothing was changed, as far as the service told.
        """
        for _ in range(MAX_SWEPT_ATTEMPTS - 1):
            try:
                return self._send_once(source)
            except HttpResponseError as error:
                if self._conditions or error_code(error) != "InvalidBlockList":
                    raise
        return self._send_once(source)

    def _send_once(self, source: Path | bytes) -> Sent:
        blocks = _read_blocks(source, self._transfers.block_bytes)
        first = next(blocks, b"")
        second = next(blocks, None)
        if second is None:
            return self._send_whole(first)
        return self._send_staged(itertools.chain((first, second), blocks))

    def _send_whole(self, content: bytes) -> Sent:
        sha256 = hashlib.sha256(content).hexdigest()
        options = {**self._conditions, "metadata": self._metadata(sha256), "content_settings": self._content}
        try:
            answer = self._blob.upload_blob(content, length=len(content), overwrite=True, **options)
        except HttpResponseError as error:
            answer = self._own_write(error)
        return Sent(etag=str(answer["etag"]), size_bytes=len(content), sha256=sha256)

    def _send_staged(self, blocks: Iterator[bytes]) -> Sent:
        digest = hashlib.sha256()
        size_bytes, staged = 0, list[BlobBlock]()
        pending = deque[Future[Any]]()
        try:
            for block in blocks:
                # Block names of one blob must have one length, and those of two writers must differ.
                staged.append(BlobBlock(block_id=f"{self._put_id}{len(staged):05d}"))
                pending.append(self._executor.submit(self._blob.stage_block, staged[-1].id, block, len(block)))
                digest.update(block)
                size_bytes += len(block)
                if len(pending) >= self._transfers.concurrency:
                    pending.popleft().result()
            while pending:
                pending.popleft().result()
        finally:
            for rest in pending:
                rest.cancel()
        etag = self._commit(staged, digest.hexdigest())
        return Sent(etag=etag, size_bytes=size_bytes, sha256=digest.hexdigest())

    def _commit(self, staged: list[BlobBlock], sha256: str) -> str:
        options = {**self._conditions, "metadata": self._metadata(sha256), "content_settings": self._content}
        try:
            answer = self._blob.commit_block_list(staged, **options)
        except HttpResponseError as error:
            answer = self._own_write(error)
        return str(answer["etag"])

    def _metadata(self, sha256: str) -> dict[str, str]:
        return {SHA256_METADATA: sha256, PUT_ID_METADATA: self._put_id}

    def _own_write(self, error: HttpResponseError) -> dict[str, Any]:
        """The properties of the object if it is ours after all; raises ``error`` if it is not.

        When the answer to a write is lost, the SDK sends the write again, and the service refuses the second because
        of what the first has done. The digest would not tell: another writer may have written the same bytes.
        """
        if error_code(error) not in CONDITION_CODES:
            raise error
        try:
            found = self._blob.get_blob_properties()
        except HttpResponseError as unreadable:
            if unreadable.status_code in (401, 403, 404):  # some may write and not read
                raise error from None
            raise
        if (found.metadata or {}).get(PUT_ID_METADATA) != self._put_id:
            raise error
        return {"etag": found.etag}


def _read_blocks(source: Path | bytes, block_bytes: int) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield from (source[start : start + block_bytes] for start in range(0, len(source), block_bytes))
        return
    with source.open("rb") as file:
        while block := file.read(block_bytes):
            yield block
