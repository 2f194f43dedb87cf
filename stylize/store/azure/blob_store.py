"""The media store in Azure Blob Storage: two storage accounts, one storage container per area.

The first part of a key is its area, and the rest is the blob's name: ``delivery/clip/latest.json`` is the blob
``clip/latest.json`` in the container ``<prefix>delivery``. What customers touch (``landing``, ``delivery``) lies in the
media account; all else lies in the operations account, for which no customer ever gets a right.
"""

import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobClient, BlobProperties, BlobServiceClient

from stylize.errors import ObjectMissingError, StoreError
from stylize.store.azure.account import Transfers, UsageMeter
from stylize.store.azure.errors import Request, named_errors
from stylize.store.azure.upload import BlobUpload
from stylize.store.media_store import MediaStore, ObjectInfo, StoredObject, StoreUsage

MEDIA_AREAS = ("landing", "delivery")
OPERATIONS_AREAS = ("clips", "models", "uploads", "work")

AREA = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
MAX_NAME_CHARACTERS = 1024  # of a blob, by the service's rules

READ, WRITE = "read (SAS r)", "create and write (SAS c and w)"
LIST, DELETE = "list (SAS l on the container)", "delete (SAS d)"


class AzureStore(MediaStore):
    """Objects are block blobs.

    Commit is one request, Put Blob or Put Block List, which carries the condition. ETags are the service's own. Blobs
    whose server-side copy has not succeeded are not committed: they are neither listed nor found.
    """

    def __init__(
        self,
        *,
        media: BlobServiceClient,
        operations: BlobServiceClient,
        container_prefix: str = "",
        transfers: Transfers,
        meter: UsageMeter,
    ) -> None:
        """Use two accounts, opened by :func:`stylize.store.azure.account.open_account`; nothing is sent yet.

        Args:
            media: account of the areas that customers touch.
            operations: account of all other areas.
            container_prefix: what the names of the containers begin with, so that deployments can share accounts.
            transfers: sizes and parallelism, the same that the clients were opened with.
            meter: the one that the clients report to.
        """
        self._media = media
        self._operations = operations
        self._container_prefix = container_prefix
        self._transfers = transfers
        self._meter = meter
        # One for all transfers of the store, whose connections it so limits; idle threads end with the store.
        self._executor = ThreadPoolExecutor(transfers.concurrency, thread_name_prefix="azure-store")

    @property
    def usage(self) -> StoreUsage:
        """See :attr:`MediaStore.usage`."""
        return self._meter.usage

    def create_containers(self) -> None:
        """Create the containers of all areas that are missing: for development, the demo and tests.

        No other method creates one. In production they come with the accounts (Terraform), and the identities that
        run the pipeline have no right to make any.

        Raises:
            StoreAccessError: the credentials do not allow it.
            StoreUnavailableError: the service does not answer.
        """
        for area in (*MEDIA_AREAS, *OPERATIONS_AREAS):
            request = self._request("create the container of", f"{area}/", "create containers (account-level)")
            with named_errors(request):
                try:
                    self.account(area).create_container(request.container)
                except ResourceExistsError:
                    continue

    def close(self) -> None:
        """Wait for what is on its way and drop the connections; the store cannot be used afterwards."""
        self._executor.shutdown(cancel_futures=True)
        self._media.close()
        self._operations.close()

    def stat(self, key: str) -> ObjectInfo | None:
        """See :meth:`MediaStore.stat`."""
        blob = self.blob(key)
        try:
            with named_errors(self._request("look up", key, READ)):
                properties = blob.get_blob_properties()
        except ObjectMissingError:
            return None
        return _info(key, properties) if is_committed(properties) else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See :meth:`MediaStore.list`; the prefix must name its area, and the order is that of the service."""
        area, name = self._split(prefix, what="prefix")
        request = self._request("list", prefix, LIST)
        container = self.account(area).get_container_client(request.container)
        with named_errors(request):
            for properties in container.list_blobs(name_starts_with=name, include=["copy", "metadata"]):
                if is_committed(properties) and not _is_folder(properties):
                    yield _info(f"{area}/{properties.name}", properties)

    def put(
        self, key: str, source: Path | bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> StoredObject:
        """See :meth:`MediaStore.put`; the SHA-256 also stands in the blob's metadata."""
        request = self._request("write", key, WRITE)
        if if_absent:
            request = replace(request, when_refused="exists already")
        upload = BlobUpload(
            self.blob(key),
            executor=self._executor,
            transfers=self._transfers,
            conditions=_conditions(if_absent=if_absent, if_match=if_match),
        )
        with named_errors(request):
            sent = upload.send(source)
        return StoredObject(key=key, size_bytes=sent.size_bytes, etag=_bare(sent.etag), sha256=sent.sha256)

    def chunks(self, key: str, *, if_match: str | None = None) -> Iterator[bytes]:
        """See :meth:`MediaStore.chunks`; ranges of one version come several at a time, and are given in order."""
        request = replace(self._request("read", key, READ), when_refused="was replaced while it was being read")
        blob = self.blob(key)
        with named_errors(request):
            first = blob.download_blob(max_concurrency=1, **_conditions(if_match=if_match))
            if not is_committed(first.properties):
                raise ObjectMissingError(f"no object {key!r} in the store: its copy into {request.place} is unfinished")
            if first.size > 0:
                yield first.read(self._transfers.block_bytes)
            yield from self._further_ranges(blob, first.properties)

    def delete(self, key: str) -> None:
        """See :meth:`MediaStore.delete`."""
        try:
            with named_errors(self._request("delete", key, DELETE)):
                self.blob(key).delete_blob(delete_snapshots="include")
        except ObjectMissingError:
            return

    def location(self, key: str) -> str:
        """See :meth:`MediaStore.location`; a URL that only those with a right to it can open."""
        area, name = self._split(key)
        account = self.account(area)
        return f"{account.scheme}://{account.primary_hostname}/{self._container(area)}/{quote(name, safe='~/')}"

    def account(self, area: str) -> BlobServiceClient:
        """The client of the account that ``area`` lies in."""
        return self._media if area in MEDIA_AREAS else self._operations

    def blob(self, key: str) -> BlobClient:
        """The SDK's client of one object, for what the store itself has no method for."""
        area, name = self._split(key)
        return self.account(area).get_blob_client(self._container(area), name)

    def _further_ranges(self, blob: BlobClient, properties: BlobProperties) -> Iterator[bytes]:
        """What comes after the first block, fetched ahead of the reader by as many ranges as move at a time."""
        length = self._transfers.block_bytes
        starts = iter(range(length, int(properties.size or 0), length))
        version = _conditions(if_match=_bare(properties.etag))

        def fetch(start: int) -> bytes:
            return blob.download_blob(start, length, max_concurrency=1, **version).readall()

        pending = deque(self._executor.submit(fetch, start) for start in islice(starts, self._transfers.concurrency))
        try:
            while pending:
                content = pending.popleft().result()
                pending.extend(self._executor.submit(fetch, start) for start in islice(starts, 1))
                yield content
        finally:
            for rest in pending:
                rest.cancel()

    def _request(self, action: str, key: str, right: str) -> Request:
        area = key.partition("/")[0]
        account = str(self.account(area).account_name or self.account(area).primary_hostname)
        return Request(action=action, key=key, container=self._container(area), account=account, right=right)

    def _container(self, area: str) -> str:
        return f"{self._container_prefix}{area}"

    def _split(self, key: str, *, what: str = "object key") -> tuple[str, str]:
        """Area and name. What the service or its HTTP client would silently rewrite is refused."""
        area, slash, name = key.partition("/")
        rewritten = "\\" in name or not {".", ".."}.isdisjoint(name.split("/"))
        if not slash or not AREA.fullmatch(area) or rewritten or (not name and what == "object key"):
            raise StoreError(f"bad {what} {key!r}: expected area/name without '..' and without backslash")
        if len(name) > MAX_NAME_CHARACTERS:
            raise StoreError(
                f"bad {what} {key[:80]!r}…: {len(name)} characters, expected at most {MAX_NAME_CHARACTERS}"
            )
        return area, name


def is_committed(properties: BlobProperties) -> bool:
    """Whether the blob is whole: no server-side copy into it is pending, was stopped or failed."""
    copy = properties.copy
    return copy is None or copy.status in (None, "success")


def _is_folder(properties: BlobProperties) -> bool:
    """Whether it is the empty blob by which blobfuse and hierarchical accounts mark a folder."""
    return (properties.metadata or {}).get("hdi_isfolder") == "true"


def _conditions(*, if_absent: bool = False, if_match: str | None = None) -> dict[str, Any]:
    if if_absent:
        return {"match_condition": MatchConditions.IfMissing}
    if if_match is not None:
        return {"match_condition": MatchConditions.IfNotModified, "etag": f'"{if_match}"'}
    return {}


def _info(key: str, properties: BlobProperties) -> ObjectInfo:
    return ObjectInfo(key=key, size_bytes=int(properties.size or 0), etag=_bare(properties.etag))


def _bare(etag: str | None) -> str:
    # Listings give it without the quotation marks that all other answers have.
    return (etag or "").strip('"')
