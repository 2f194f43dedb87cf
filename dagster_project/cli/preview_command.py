"""``stylize preview``: choose a style by looking, on a frame of one's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from assets.style_loading import load_network_style
from dagster_project.cli.home import prepare_home
from dagster_project.cli.look_choice import resolve_style
from dagster_project.cli.terminal import open_console
from dagster_project.settings import Settings
from resources.build import build_resources
from resources.stylizer import StylizerResource
from stylize.errors import SettingsError
from stylize.records.records import ClipSettings
from stylize.store.folder_store import FolderStore
from stylize.style.controls.quality import Quality

if TYPE_CHECKING:
    from stylize.sandbox.limits import DecodeLimits
    from stylize.style.pictures import Picture

FRAME_HEIGHT = 720
"""Rows of the frame that is painted; larger ones are reduced."""

OUTPUT_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def preview_styles(
    source: Path, output: Path, *, settings: Settings, styles: Sequence[str], quality: Quality | None
) -> list[str]:
    """Paint one frame in many styles and write them as one sheet; returns the lines to print.

    Args:
        source: a photograph, or a video, whose middle frame is taken.
        output: the picture to write; it replaces another.
        settings: of the home.
        styles: names or files; empty for every style that ships.
        quality: of the painting; the deployment's by default.

    Raises:
        SettingsError: the output cannot be written.
        StyleError: there is no such style, or the photograph cannot be read.
        VideoError: the video cannot be read.
    """
    from stylize.style.style_sheet import style_sheet

    _check_output(output)
    store, resources = prepare_home(settings), build_resources(settings)
    stylizer: StylizerResource = resources["stylizer"]
    names = [resolve_style(store, stylizer, style) for style in styles] or list(stylizer.shipped())
    console = open_console()
    with resources["scratch"].folder() as scratch:
        frame = _read_frame(source, scratch, resources["decoder"].limits)
        pictures = {"the frame": frame}
        for number, name in enumerate(names, 1):
            console.print(f"{number} of {len(names)}: {name}")
            pictures[name] = _paint(frame, name, store, stylizer, quality or settings.default_quality, scratch)
    Image.fromarray(style_sheet(pictures)).save(output)
    return [f"styles: {output}", f"next: stylize video YOUR.mp4 --style {names[0]}"]


def _check_output(output: Path) -> None:
    if output.suffix.lower() not in OUTPUT_SUFFIXES:
        raise SettingsError(f"{output.name!r}: expected a name that ends in {', '.join(OUTPUT_SUFFIXES)}")
    if not output.parent.is_dir():
        raise SettingsError(f"{str(output)!r}: expected a file name in an existing folder")


def _read_frame(source: Path, scratch: Path, limits: "DecodeLimits") -> "Picture":
    from stylize.style.pictures import PICTURE_SUFFIXES, read_picture
    from stylize.style.refining.photographs import sample_frames

    if source.suffix.lower() in PICTURE_SUFFIXES:
        picture = read_picture(source)
    else:
        (picture,) = sample_frames(source, scratch, count=1, limits=limits)
    height, width = picture.shape[:2]
    if height <= FRAME_HEIGHT:
        return picture
    size = max(1, round(width * FRAME_HEIGHT / height)), FRAME_HEIGHT
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def _paint(
    frame: "Picture", style: str, store: FolderStore, stylizer: StylizerResource, quality: Quality, scratch: Path
) -> "Picture":
    """As a clip would be painted that names nothing but the style."""
    record = load_network_style(store, stylizer, style, scratch)
    choice = stylizer.resolve_engine()
    look = ClipSettings(
        style=style,
        model_key=record.model_key,
        model_sha256=record.sha256,
        quality=quality,
        device=choice.device,
        precision=choice.precision,
        engine=choice.engine,
        style_scale=record.style_scale,
    )
    height, width = frame.shape[:2]
    return stylizer.transform(store, look, width=width, height=height, scratch=scratch)(frame[None])[0]
