"""The resources that a deployment configures: where the store is, where scratch files go, what input is accepted."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psutil
from dagster._config.pythonic_config import ConfigurableResourceFactory  # the documented base of such resources
from pydantic import Field

from resources.local_process import process_is_alive
from stylize.sandbox.limits import DecodeLimits
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import MediaStore


class FolderStoreResource(ConfigurableResourceFactory[MediaStore]):
    """The media store in a local folder or on a mounted share."""

    root: str = Field(description="Folder that holds landing/, uploads/, clips/, work/, models/ and delivery/.")

    def create_resource(self, context: dg.InitResourceContext) -> MediaStore:
        """Called once per process and run."""
        return FolderStore(Path(self.root))


class ScratchResource(dg.ConfigurableResource):
    """Temporary folders; each names the process that made it, so that those of killed processes can be removed."""

    root: str = Field(description="Folder for temporary files; needs room for one clip.")

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new empty folder, removed afterwards."""
        process = psutil.Process()
        root = Path(self.root)
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=f"{process.pid}-{process.create_time():.2f}-") as folder:
            yield Path(folder)

    def sweep(self) -> None:
        """Remove the folders of processes that are gone."""
        for folder in self.leftovers():
            shutil.rmtree(folder, ignore_errors=True)

    def leftovers(self) -> Iterator[Path]:
        """The folders of processes that are gone."""
        for folder in Path(self.root).glob("*-*-*"):
            process_id, start_seconds, _ = folder.name.split("-", 2)
            if not process_is_alive(int(process_id), float(start_seconds)):
                yield folder


class DecoderResource(dg.ConfigurableResource):
    """What the decoder of untrusted input accepts, and how long it may take."""

    max_pixels: int = Field(description="Largest accepted picture, in pixels.")
    max_frames: int = Field(description="Longest accepted clip, in frames.")
    stall_seconds: int = Field(description="A decoder that yields nothing for so long is stopped.")
    total_seconds: int = Field(description="A decoder that runs longer than this is stopped.")

    @property
    def limits(self) -> DecodeLimits:
        """The same as the video package takes it."""
        return DecodeLimits(
            max_pixels=self.max_pixels,
            max_frames=self.max_frames,
            stall_seconds=self.stall_seconds,
            total_seconds=self.total_seconds,
        )
