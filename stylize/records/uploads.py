"""What lies in ``landing/``, and the ledger of what became of every version of it.

A version is one content of one upload together with one content of the wishes beside it: ``film.mp4`` and, if there is
one, ``film.mp4.json``. The ledger lies in ``uploads/``: a record per version, under ``open/`` while it is worked on and
under ``closed/`` once its end is known. Whoever lists the two knows every version that was ever seen, whatever became
of cursors, runs and daemons.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

from stylize.errors import ObjectMissingError, PreconditionError, SettingsError
from stylize.names import clip_key
from stylize.records.records import Record, digest_of
from stylize.store.keys import (
    LANDING_STYLES,
    closed_upload_key,
    landing_key,
    open_upload_key,
    rejection_key,
    sidecar_key,
)
from stylize.store.media_store import MediaStore, ObjectInfo

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "divx", "wmv", "asf", "flv", "f4v", "mpg", "mpeg", "m2v"),
        *("vob", "ts", "m2ts", "mts", "mxf", "gxf", "3gp", "3g2", "ogv", "ogg", "dv", "rm", "rmvb", "y4m", "nut"),
    )
)
"""Endings under which videos are uploaded. What such a file really is, is found out by reading it."""

MAX_SIDECAR_BYTES = 64 * 1024
"""Settings are a few lines; what is longer is another file under the wrong name, and is not read into memory."""

VERSION_TAG = "stylize/upload_version"
"""On a run that the upload sensor launched: the version that it shall read."""

OpenState = Literal["requested", "read"]
ClosedState = Literal["delivered", "duplicate", "superseded", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One version of an uploaded file, and of the wishes that lie beside it."""

    key: str
    etag: str
    size_bytes: int
    sidecar_etag: str | None = None

    @property
    def clip(self) -> str:
        """The partition key of the clip that it becomes."""
        return clip_key(self.key.removeprefix(landing_key("")))

    @property
    def version(self) -> str:
        """Name of this version: the same file with the same wishes has the same one."""
        return digest_of([self.key, self.etag, self.sidecar_etag])[:16]

    @property
    def is_video(self) -> bool:
        """Whether its name says that it is a video."""
        return _is_video(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadVersion(Record):
    """What became of one version of an upload.

    Attributes:
        version: see :attr:`Upload.version`.
        clip: partition key.
        landing_key: the upload.
        etag: its version.
        size_bytes: its length.
        wishes: what its sidecar asks for.
        seen_at: ISO 8601, UTC: when it was found settled.
        state: ``requested``: a run shall read it. ``read``: its content is known and on its way. ``delivered``.
            ``duplicate``: the last delivery already is this content in this look. ``superseded``: replaced or removed
            before it was delivered. ``rejected``: it can never be delivered.
        attempt: how often a run was requested to read it.
        sha256: of its content, once read.
        reason: why it ended as it did, for people.
        changed_at: ISO 8601, UTC: when the state or the attempt was last changed.
    """

    version: str
    clip: str
    landing_key: str
    etag: str
    size_bytes: int
    wishes: dict[str, Any] = field(default_factory=dict)
    seen_at: str
    state: OpenState | ClosedState
    attempt: int = 1
    sha256: str = ""
    reason: str = ""
    changed_at: str

    @classmethod
    def of(cls, upload: Upload, state: OpenState | ClosedState, *, reason: str = "", **more: Any) -> "UploadVersion":
        """The record of ``upload`` as it is now in ``state``."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(
            version=upload.version,
            clip=upload.clip,
            landing_key=upload.key,
            etag=upload.etag,
            size_bytes=upload.size_bytes,
            seen_at=now,
            changed_at=now,
            state=state,
            reason=reason,
            **more,
        )

    @property
    def run_key(self) -> str:
        """Of the run that shall read it. Dagster never launches one twice, so every attempt has its own."""
        first = f"{self.clip}/{self.version}"
        return first if self.attempt == 1 else f"{first}#{self.attempt}"

    @property
    def is_closed(self) -> bool:
        """Whether its end is known."""
        return self.state in get_args(ClosedState)


class UploadLedger:
    """The records of all versions; one writer at a time, which is the sensor's tick."""

    def __init__(self, store: MediaStore) -> None:
        """The ledger of ``store``."""
        self._store = store

    def versions(self) -> set[str]:
        """The names of all versions that were ever recorded."""
        folders = (open_upload_key(), closed_upload_key())
        return {PurePosixPath(info.key).stem for folder in folders for info in self._store.list(folder)}

    def read_open(self) -> Iterator[UploadVersion]:
        """The records of the open versions, in order of their clips."""
        for info in self._store.list(open_upload_key()):
            yield UploadVersion.read(self._store, info.key)

    def write(self, version: UploadVersion) -> None:
        """Record ``version`` in its present state. A version that was closed once keeps that end."""
        opened = open_upload_key(version.clip, version.version)
        if not version.is_closed:
            version.write(self._store, opened)
            return
        # In this order: one that could not be closed stays open, and is closed by the next tick.
        version.write_once(self._store, closed_upload_key(version.clip, version.version))
        self._store.delete(opened)


def find_uploads(objects: Iterable[ObjectInfo]) -> list[Upload]:
    """The uploads among the objects in ``landing/``, each with its sidecar, in order of their keys.

    Left out are styles, sidecars, reasons of rejections, and names that begin with a dot, under which programs put what
    is not complete.
    """
    found = {info.key: info for info in objects}
    sidecars = {sidecar_key(key): info for key in found if (info := found.get(sidecar_key(key))) and _is_video(key)}
    return [
        Upload(
            key=key,
            etag=info.etag,
            size_bytes=info.size_bytes,
            sidecar_etag=sidecars[sidecar_key(key)].etag if sidecar_key(key) in sidecars else None,
        )
        for key, info in sorted(found.items())
        if not _is_beside_an_upload(key) and not _is_hidden(key) and not key.startswith(LANDING_STYLES)
    ]


def _is_video(key: str) -> bool:
    return PurePosixPath(key).suffix.lower() in VIDEO_SUFFIXES


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(key).parts)


def _is_beside_an_upload(key: str) -> bool:
    """Whether it is a sidecar, also one that came before its video, or the reason of a rejection."""
    if key.endswith(rejection_key("")):
        return True
    return key.endswith(sidecar_key("")) and _is_video(key.removesuffix(sidecar_key("")))


def explain_rejection(store: MediaStore, version: UploadVersion) -> None:
    """Put the reason next to the upload, where its owner finds it."""
    document = {
        "upload": version.landing_key.removeprefix(landing_key("")),
        "reason": version.reason,
        "what_to_do": "Replace the file, or the .json with its settings: it is then processed again.",
        "size_bytes": version.size_bytes,
        "etag": version.etag,
        "rejected_at": version.changed_at,
    }
    store.put(rejection_key(version.landing_key), json.dumps(document, indent=2, ensure_ascii=False).encode())


def read_sidecar(store: MediaStore, upload: Upload) -> bytes:
    """The content of the wishes beside ``upload``, in the version that was listed; ``b"{}"`` if there are none.

    Raises:
        PreconditionError: the sidecar was replaced or removed since it was listed.
        SettingsError: it is too long to be settings.
    """
    if upload.sidecar_etag is None:
        return b"{}"
    content = bytearray()
    try:
        for chunk in store.chunks(sidecar_key(upload.key), if_match=upload.sidecar_etag):
            content += chunk
            if len(content) > MAX_SIDECAR_BYTES:
                limit = f"expected a JSON object of at most {MAX_SIDECAR_BYTES:,} bytes"
                raise SettingsError(f"{sidecar_key(upload.key)!r} is too long to be settings; {limit}")
    except ObjectMissingError as error:
        raise PreconditionError(f"{sidecar_key(upload.key)!r} was removed while it was being read") from error
    return bytes(content)
