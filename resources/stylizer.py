"""What styles there are, and the transform that paints frames in one of them.

Everything torch lives behind functions that import it when called, so that the code server starts fast and without
CUDA.
"""

from pathlib import Path

import dagster as dg
from pydantic import Field

from dagster_project.errors import StyleError
from dagster_project.frame_transform import FrameTransform
from dagster_project.partitions import slugify
from dagster_project.settings import Device, Precision
from resources.media_store import MediaStore, ObjectInfo
from resources.records import ClipSettings
from resources.store_layout import landing_style_key

CHECKPOINT_SUFFIXES = (".safetensors", ".pth")


class StylizerResource(dg.ConfigurableResource):
    """The shipped styles and the engine that applies a style."""

    styles_dir: str = Field(description="Folder of the shipped styles.")
    default_style: str = Field(description="Style of a clip that names none.")
    device: Device = Field(description="Where frames are styled; auto takes a CUDA device if there is one.")
    precision: Precision = Field(description="Arithmetic of the network; auto takes the fastest the device does well.")

    def resolve_engine(self) -> tuple[str, str]:
        """Device and precision with "auto" decided on this machine.

        Raises:
            StyleError: a CUDA device is demanded and there is none.
        """
        from dagster_project.style_transfer.engine import choose_engine

        choice = choose_engine(device=self.device, precision=self.precision, width=1, height=1)
        return choice.device, choice.precision

    def transform(
        self, store: MediaStore, settings: ClipSettings, *, width: int, height: int, scratch: Path
    ) -> FrameTransform:
        """The transform that ``settings`` name, for frames of ``width`` x ``height`` pixels."""
        from dagster_project.style_transfer.engine import StyleTransform, choose_engine

        choice = choose_engine(device=settings.device, precision=settings.precision, width=width, height=height)
        with store.as_file(settings.model_key, scratch, sha256=settings.model_sha256) as checkpoint:
            return StyleTransform.from_checkpoint(checkpoint, choice)

    def shipped(self) -> dict[str, str]:
        """The shipped styles: name and one line about each, in order."""
        from dagster_project.style_transfer.library import list_styles

        return {card.name: f"{card.title}. {card.description}" for card in list_styles(Path(self.styles_dir))}


def uploaded_checkpoint(store: MediaStore, style: str) -> ObjectInfo | None:
    """The checkpoint that a user uploaded for ``style``, if there is one."""
    candidates = (store.stat(landing_style_key(style, suffix)) for suffix in CHECKPOINT_SUFFIXES)
    return next((info for info in candidates if info is not None), None)


def uploaded_styles(store: MediaStore) -> list[str]:
    """Names of the styles for which users uploaded checkpoints, in order."""
    names = (Path(info.key) for info in store.list("landing/styles/"))
    return sorted({path.stem for path in names if path.suffix in CHECKPOINT_SUFFIXES})


def upload_checkpoint(store: MediaStore, path: Path) -> str:
    """Put a user's checkpoint file where ``style_model`` finds it; returns the name of the style.

    Raises:
        StyleError: the file is no checkpoint that can be used; nothing is stored.
    """
    from dagster_project.style_transfer.checkpoint import load_checkpoint

    if path.suffix not in CHECKPOINT_SUFFIXES:
        raise StyleError(f"unknown checkpoint type {path.name!r}: expected {' or '.join(CHECKPOINT_SUFFIXES)}")
    load_checkpoint(path)
    style = slugify(path.stem)
    store.put(landing_style_key(style, path.suffix), path)
    return style
