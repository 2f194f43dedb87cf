"""The one interface behind which videos, intermediates, models and deliveries are stored.

A store holds immutable-looking objects under slash-separated keys in areas: ``landing/`` (what customers upload),
``uploads/`` and ``clips/`` (what is known of it), ``work/`` (intermediates), ``models/`` (style checkpoints) and
``delivery/`` (what customers fetch). Backends differ in where the bytes lie, not in what callers may rely on:

* a reader never sees half an object: writes go to a temporary place and are committed in one step;
* every version of an object has an ETag, and a write can demand "only if absent" or "only if still this version";
* files stream both ways; nothing is held in memory whole except by :meth:`MediaStore.read_bytes`;
* SHA-256 is computed while bytes move, and is checked on the way out where the caller knows it.
"""

import abc
import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stylize.errors import IntegrityError, ObjectMissingError
from stylize.store.keys import writer_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """One version of a stored object.

    Attributes:
        key: slash-separated name within the store, beginning with its area.
        size_bytes: length of the content.
        etag: opaque; differs between any two versions of a key.
    """

    key: str
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject(ObjectInfo):
    """An object that was just written, with the SHA-256 (hex) of what was written."""

    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUsage:
    """What a store object has asked of a paid service so far; all zero where the store is a folder.

    Attributes:
        requests: billed transactions, every retry included.
        sent_bytes: content that left this machine.
        received_bytes: content that came to this machine.
    """

    requests: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0

    def __add__(self, other: "StoreUsage") -> "StoreUsage":
        """Both together."""
        return StoreUsage(
            requests=self.requests + other.requests,
            sent_bytes=self.sent_bytes + other.sent_bytes,
            received_bytes=self.received_bytes + other.received_bytes,
        )

    def __sub__(self, earlier: "StoreUsage") -> "StoreUsage":
        """What came after ``earlier``."""
        return StoreUsage(
            requests=self.requests - earlier.requests,
            sent_bytes=self.sent_bytes - earlier.sent_bytes,
            received_bytes=self.received_bytes - earlier.received_bytes,
        )


class MediaStore(abc.ABC):
    """Where every byte of the product lies. Safe to use from several threads and processes at once."""

    @property
    def usage(self) -> StoreUsage:
        """What this object has asked of a paid service since it was made."""
        return StoreUsage()

    @abc.abstractmethod
    def stat(self, key: str) -> ObjectInfo | None:
        """The current version of ``key``, or None if there is none."""

    @abc.abstractmethod
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every committed object whose key begins with ``prefix``, in key order."""

    @abc.abstractmethod
    def put(
        self, key: str, source: Path | bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> StoredObject:
        """Write an object and commit it in one step.

        Args:
            key: where to write.
            source: a file, which is streamed, or the bytes themselves.
            if_absent: write only if no object lies there yet.
            if_match: write only over the version with this ETag.

        Raises:
            PreconditionError: a condition does not hold; nothing was changed.
            StoreFullError: no space is left; nothing was changed.
            StoreAccessError: the credentials do not allow it. This and the next can come from every method.
            StoreUnavailableError: the store does not answer.
        """

    @abc.abstractmethod
    def chunks(self, key: str, *, if_match: str | None = None) -> Iterator[bytes]:
        """Stream the content of ``key``.

        Raises:
            ObjectMissingError: there is no such object.
            PreconditionError: the object is not the version ``if_match``, or was replaced while it was being read.
        """

    @abc.abstractmethod
    def delete(self, key: str) -> None:
        """Remove ``key``; removing what is not there is no error."""

    @abc.abstractmethod
    def location(self, key: str) -> str:
        """Where a person finds ``key``: a path or a URL without credentials."""

    def read_bytes(self, key: str, *, sha256: str | None = None) -> bytes:
        """The whole content of a small object.

        Raises:
            ObjectMissingError: there is no such object.
            IntegrityError: the content does not have the digest ``sha256``.
        """
        content = b"".join(self.chunks(key))
        self.check_digest(key, hashlib.sha256(content).hexdigest(), sha256)
        return content

    def download(self, key: str, target: Path, *, sha256: str | None = None, if_match: str | None = None) -> str:
        """Stream ``key`` into the file ``target`` and return its SHA-256.

        Raises:
            ObjectMissingError: there is no such object.
            PreconditionError: the object is not the version ``if_match``.
            IntegrityError: the content does not have the digest ``sha256``; ``target`` is removed.
        """
        digest = hashlib.sha256()
        with target.open("wb") as file:
            for chunk in self.chunks(key, if_match=if_match):
                digest.update(chunk)
                file.write(chunk)
        if sha256 is not None and digest.hexdigest() != sha256:
            target.unlink()
        self.check_digest(key, digest.hexdigest(), sha256)
        return digest.hexdigest()

    @contextmanager
    def as_file(self, key: str, scratch: Path, *, sha256: str | None = None) -> Iterator[Path]:
        """A file with the content of ``key`` to read from, for as long as the context lasts.

        Args:
            key: the object.
            scratch: an existing folder for the copy, where one is needed.
            sha256: the digest that the content must have.

        Raises:
            ObjectMissingError: there is no such object.
            IntegrityError: the content does not have the digest ``sha256``.
        """
        copy = scratch / f"{uuid.uuid4().hex}{Path(key).suffix}"
        self.download(key, copy, sha256=sha256)
        try:
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def digest(self, key: str) -> str:
        """SHA-256 (hex) of the content of ``key``.

        Raises:
            ObjectMissingError: there is no such object.
        """
        digest = hashlib.sha256()
        for chunk in self.chunks(key):
            digest.update(chunk)
        return digest.hexdigest()

    def require(self, key: str) -> ObjectInfo:
        """Like :meth:`stat`, for an object that must be there.

        Raises:
            ObjectMissingError: there is no such object.
        """
        info = self.stat(key)
        if info is None:
            raise ObjectMissingError(f"no object {key!r} in the store ({self.location(key)})")
        return info

    def check_digest(self, key: str, found: str, expected: str | None) -> None:
        """Raise IntegrityError if ``found`` is not the ``expected`` SHA-256 (None: not known)."""
        if expected is not None and found != expected:
            raise IntegrityError(
                f"the stored object {key!r} is damaged: its SHA-256 is {found}, its manifest says {expected};"
                f" materialize {writer_of(key)} again"
            )
