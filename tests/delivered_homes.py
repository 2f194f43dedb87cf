"""Homes in which one clip was delivered: made once, and copied for every test."""

import shutil
from dataclasses import replace
from pathlib import Path

from assets.clip_wishes import ClipSettingsConfig
from dagster_project.cli.video_command import restyle_file
from dagster_project.settings import Settings
from stylize.records.records import SourceRecord
from stylize.store.folder_store import FolderStore
from stylize.store.keys import source_record_key

FRAMES_PER_SEGMENT = 24


def deliver(source: Path, home: Path) -> None:
    """Restyle ``source`` in the default style, in several segments."""
    settings = Settings(home=home)
    restyle_file(
        source, settings=settings, wishes=ClipSettingsConfig(), output=None, frames_per_segment=FRAMES_PER_SEGMENT
    )


def copy_home(original: Path, home: Path, clip: str) -> None:
    """Copy a home; the upload, which as a copy is another version, stays the one that was read."""
    shutil.copytree(original, home)
    store = FolderStore(home / "store")
    record = SourceRecord.read(store, source_record_key(clip))
    replace(record, etag=store.require(record.landing_key).etag).write(store, source_record_key(clip))
