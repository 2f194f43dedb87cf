"""``stylize combine``: one style from several pictures, of a brand or of a painter."""

from collections.abc import Sequence
from pathlib import Path

from assets.style_loading import title_of
from dagster_project.cli.home import prepare_home
from dagster_project.settings import Settings
from resources.build import build_resources
from stylize.errors import StyleError
from stylize.records.style_uploads import check_style_name, upload_checkpoint
from stylize.style.controls.controls import USUAL_STYLE_SCALE

MAX_PICTURES = 100


def combine_pictures(pictures: Sequence[Path], *, name: str, settings: Settings) -> list[str]:
    """Make the style in the middle of those of ``pictures``, and put it into the home; returns lines to print.

    Raises:
        StyleError: the name cannot be that of a style, or a picture cannot be used; nothing is stored.
    """
    from stylize.style.network.any_painting import networks_for
    from stylize.style.style_file import save_style_file
    from stylize.style.untrusted_pictures import read_untrusted_style_image

    style, store = check_style_name(name), prepare_home(settings)
    resources = build_resources(settings)
    if style in resources["stylizer"].shipped():
        raise StyleError(f"{style!r} is a shipped style; choose another --name")
    if not 2 <= len(pictures) <= MAX_PICTURES:
        raise StyleError(
            f"got {len(pictures)} pictures: expected 2 to {MAX_PICTURES}; a single one is a style by itself"
        )
    with resources["scratch"].folder() as scratch:
        found = [read_untrusted_style_image(_existing(path), scratch, name=path.name) for path in pictures]
        file = scratch / f"{style}.safetensors"
        card = {
            "title": title_of(style),
            "description": f"From {len(pictures)} pictures.",
            "style_scale": USUAL_STYLE_SCALE,
        }
        save_style_file(networks_for(*found), file, card=card, sample_jpeg=b"")
        upload_checkpoint(store, file)
    return [f"style {style}, from {len(pictures)} pictures", f"next: stylize video YOUR.mp4 --style {style}"]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise StyleError(f"{str(path)!r}: there is no such picture")
    return path
