"""The media store in a folder: a laptop's disk, or a mounted share (blobfuse, Azure Files, NFS)."""

import errno
import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from stylize.errors import NO_SPACE, ObjectMissingError, PreconditionError, StoreError, StoreFullError
from stylize.store.media_store import MediaStore, ObjectInfo, StoredObject

COPY_SIZE_BYTES = 4 * 1024 * 1024

# What file systems without hard links say when one is wanted.
NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})


class FolderStore(MediaStore):
    """Objects are files below ``root``; uncommitted ones lie in ``root/.incoming``, which no listing shows.

    Commit is a hard link (only if absent) or a rename (replace), both atomic on POSIX file systems; a mount that has no
    hard links makes do with a lock, which on blobfuse holds for one machine only. An ETag is made of inode, size
    and modification time: every commit brings a new inode, so it changes even if the bytes do not.
    """

    def __init__(self, root: Path) -> None:
        """Use the folder ``root``, which is created on the first write."""
        self.root = root
        self._incoming = root / ".incoming"

    def stat(self, key: str) -> ObjectInfo | None:
        """See :meth:`MediaStore.stat`."""
        try:
            status = self._path(key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return ObjectInfo(key=key, size_bytes=status.st_size, etag=_etag(status))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See :meth:`MediaStore.list`."""
        folder = self._path(prefix) if prefix.endswith("/") else self._path(prefix).parent
        keys = (path.relative_to(self.root).as_posix() for path in folder.rglob("*") if path.is_file())
        for key in sorted(key for key in keys if key.startswith(prefix)):
            info = self.stat(key)
            if info is not None:
                yield info

    def put(
        self, key: str, source: Path | bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> StoredObject:
        """See :meth:`MediaStore.put`."""
        target = self._path(key)
        with self._space_errors_named(key), self._temporary() as file:
            digest = hashlib.sha256()
            for block in _blocks(source):
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            self._commit(Path(file.name), target, key, if_absent=if_absent, if_match=if_match)
            status = os.fstat(file.fileno())
        return StoredObject(key=key, size_bytes=status.st_size, etag=_etag(status), sha256=digest.hexdigest())

    def chunks(self, key: str, *, if_match: str | None = None) -> Iterator[bytes]:
        """See :meth:`MediaStore.chunks`."""
        try:
            file = self._path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ObjectMissingError(f"no object {key!r} in the store ({self.location(key)})") from None
        with file:
            if if_match is not None and _etag(os.fstat(file.fileno())) != if_match:
                raise PreconditionError(f"the object {key!r} was replaced while it was being read")
            while block := file.read(COPY_SIZE_BYTES):
                yield block

    @contextmanager
    def as_file(self, key: str, scratch: Path, *, sha256: str | None = None) -> Iterator[Path]:
        """See :meth:`MediaStore.as_file`; the stored file itself, no copy."""
        if sha256 is not None:
            self.check_digest(key, self.digest(key), sha256)
        self.require(key)
        yield self._path(key)

    def delete(self, key: str) -> None:
        """See :meth:`MediaStore.delete`."""
        self._path(key).unlink(missing_ok=True)

    def location(self, key: str) -> str:
        """See :meth:`MediaStore.location`."""
        return str(self._path(key))

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or ".." in parts:
            raise StoreError(f"bad object key {key!r}: expected area/name without '..'")
        return self.root.joinpath(*parts)

    def sweep(self) -> None:
        """Remove uncommitted files that killed writers left behind; those of living writers are locked."""
        for leftover in self.leftovers():
            with suppress(FileNotFoundError, BlockingIOError), leftover.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()

    def leftovers(self) -> Iterator[Path]:
        """Uncommitted files whose writers were killed."""
        return (path for path in sorted(self._incoming.glob("*.part")) if not _is_locked(path))

    @contextmanager
    def _space_errors_named(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in NO_SPACE:
                raise StoreFullError(
                    f"no space left in {self.root} while writing {key!r}: free some space and run the same again,"
                    " finished work is kept"
                ) from error
            raise StoreError(f"cannot write {key!r} in {self.root}: {error.strerror or error}") from error

    @contextmanager
    def _temporary(self) -> Iterator[BinaryIO]:
        self._incoming.mkdir(parents=True, exist_ok=True)
        file = _create_locked(self._incoming)
        try:
            with file:
                yield file
        finally:
            Path(file.name).unlink(missing_ok=True)

    def _commit(self, temporary: Path, target: Path, key: str, *, if_absent: bool, if_match: str | None) -> None:
        if if_absent and _link(temporary, target, key):
            return
        with self._replace_lock():
            if if_absent and target.exists():
                raise PreconditionError(f"the object {key!r} exists already")
            if if_match is not None:
                current = self.stat(key)
                if current is None or current.etag != if_match:
                    raise PreconditionError(f"the object {key!r} was replaced by another writer")
            temporary.replace(target)

    @contextmanager
    def _replace_lock(self) -> Iterator[None]:
        # Compare-and-replace is two system calls: a lock makes them one step among the writers of this folder.
        with (self._incoming / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _link(temporary: Path, target: Path, key: str) -> bool:
    """Give the file its name unless that is taken; False where the file system has no hard links (blobfuse, SMB)."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise PreconditionError(f"the object {key!r} exists already") from None
    except OSError as error:
        if error.errno in NO_HARD_LINKS:
            return False
        raise
    return True


def _create_locked(folder: Path) -> BinaryIO:
    """A new file that :meth:`FolderStore.sweep` leaves alone."""
    while True:
        file = (folder / f"{uuid.uuid4().hex}.part").open("xb")
        fcntl.flock(file, fcntl.LOCK_SH)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # swept between its creation and its lock


def _is_locked(path: Path) -> bool:
    """Whether its writer lives; also a file that is gone by now needs nothing done about it."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return True
    return False


def _blocks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while block := file.read(COPY_SIZE_BYTES):
            yield block


def _etag(status: os.stat_result) -> str:
    return f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"
