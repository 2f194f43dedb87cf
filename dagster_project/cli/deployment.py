"""The deployment that a command looks at: its settings, its store, its Dagster instance, its leases."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from dagster_project.cli.home import open_instance, prepare_home
from dagster_project.partitions import clips
from dagster_project.settings import Settings
from resources.build import build_store
from resources.clip_lease import ClipLease
from stylize.names import clip_key
from stylize.store.media_store import MediaStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """An opened deployment; what killed processes left in it is left as it is."""

    settings: Settings
    store: MediaStore
    instance: dg.DagsterInstance
    lease: ClipLease

    def clips(self) -> list[str]:
        """Partition keys of all clips that are not retired, in order."""
        return sorted(self.instance.get_dynamic_partitions(str(clips.name)))


@contextmanager
def open_deployment(settings: Settings) -> Iterator[Deployment]:
    """Open the store, which may be a folder or Azure, and the instance that belongs to it.

    Raises:
        SettingsError: the home cannot be used.
        StoreError: the store cannot be opened.
    """
    prepare_home(settings)
    with open_instance(settings) as instance, build_store(settings).process_config_and_initialize_cm() as store:
        yield Deployment(settings=settings, store=store, instance=instance, lease=ClipLease(settings.leases_dir))


def named_clip(name: str) -> str:
    """The partition key of a clip that a person names by its key or by its upload."""
    return clip_key(name) if "." in name else name
