"""Temporary files of processes that were killed."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dagster_project.doctor.finding import Finding, Patient
from stylize.store.folder_store import FolderStore

WHY = "it takes space and nobody will ever read it"


def find_leftover_files(patient: Patient) -> Iterator[Finding]:
    """Uncommitted objects of the folder store, and scratch folders. Azure drops uncommitted blocks by itself."""
    for file in patient.store.leftovers() if isinstance(patient.store, FolderStore) else ():
        yield Finding(
            ailment="orphaned temporary object",
            subject=str(file),
            what=f"{file.stat().st_size:,} bytes that were never committed, and whose writer is gone",
            why=WHY,
            remedy="delete the file",
            fix=partial(file.unlink, missing_ok=True),
        )
    for folder in patient.scratch.leftovers():
        yield Finding(
            ailment="orphaned temporary object",
            subject=str(folder),
            what=f"{_size_bytes(folder):,} bytes of a process that is gone",
            why=WHY,
            remedy="delete the folder",
            fix=partial(shutil.rmtree, folder, ignore_errors=True),
        )


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
