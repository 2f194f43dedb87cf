"""Writing the delivered video where the user wants it, whole or not at all."""

import os
import tempfile
from pathlib import Path
from typing import Literal, cast, get_args

from stylize.errors import SettingsError, StoreError
from stylize.store.media_store import MediaStore

MediaContainer = Literal["mp4", "mov", "mkv"]


def check_output(output: Path, source: Path) -> MediaContainer:
    """The media container that the suffix of ``output`` names, after checking that ``output`` can be written.

    Raises:
        SettingsError: another suffix, the folder is missing or not writable, or it is the input itself.
    """
    suffix = output.suffix.removeprefix(".").lower()
    if suffix not in get_args(MediaContainer):
        raise SettingsError(f"output {output.name!r}: expected a name that ends in .mp4, .mov or .mkv")
    if output.is_dir() or not output.parent.is_dir():
        raise SettingsError(f"output {str(output)!r}: expected a file name in an existing folder")
    if output.exists() and output.samefile(source):
        raise SettingsError(f"output {str(output)!r} is the input itself; choose another name")
    try:
        with tempfile.NamedTemporaryFile(dir=output.parent, prefix=".stylize-"):
            pass
    except OSError as error:
        raise SettingsError(f"output {str(output)!r} cannot be written: {error.strerror}") from error
    return cast("MediaContainer", suffix)


def write_output(store: MediaStore, key: str, sha256: str, output: Path) -> None:
    """Copy the stored object ``key`` to ``output``, in one step as seen from outside.

    Raises:
        StoreError: it cannot be written, e.g. because the disk is full; ``output`` is as it was.
    """
    temporary = output.with_name(f".stylize-{os.getpid()}{output.suffix}")
    try:
        store.download(key, temporary, sha256=sha256)
        temporary.replace(output)
    except OSError as error:
        raise StoreError(
            f"cannot write {str(output)!r}: {error.strerror or error}; the video is kept in the store"
            f" ({store.location(key)}), free some space and run the same command again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
