"""Intermediates that nothing describes any more."""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial

from dagster_project.doctor.finding import Finding, Patient
from stylize.errors import RepairError
from stylize.store.keys import DIGEST_LENGTH, ContentKeys, work_prefix
from stylize.store.media_store import MediaStore

CONTENT = re.compile(rf"work/([^/]+)/([0-9a-f]{{{DIGEST_LENGTH}}})/")


def find_orphaned_work(patient: Patient) -> Iterator[Finding]:
    """Snapshots and chunks of contents that have no manifest."""
    sizes: dict[tuple[str, str], list[int]] = defaultdict(list)
    for info in patient.store.list(work_prefix()):
        content = CONTENT.match(info.key)
        if content is not None:
            sizes[content[1], content[2]].append(info.size_bytes)
    busy = patient.busy_clips()
    for (clip, content), found in sizes.items():
        keys, size = ContentKeys(clip, content), f"{len(found)} objects ({sum(found):,} bytes)"
        if clip in busy or patient.store.stat(keys.manifest) is not None:
            continue
        yield Finding(
            ailment="work without manifest",
            subject=f"clip {clip}",
            what=f"{keys.intermediates}/ holds {size}, but {keys.manifest} is missing",
            why="no step can use frames whose times and order are not known: they only cost storage",
            remedy="delete these objects; everything in work/ can be made again from the upload",
            fix=partial(_delete_work, patient, keys),
        )


def _delete_work(patient: Patient, keys: ContentKeys) -> None:
    with patient.alone_with(keys.clip):
        if patient.store.stat(keys.manifest) is not None:
            raise RepairError(f"{keys.manifest!r} is there by now")
        _delete_all(patient.store, f"{keys.intermediates}/")


def _delete_all(store: MediaStore, prefix: str) -> None:
    for info in list(store.list(prefix)):
        store.delete(info.key)
