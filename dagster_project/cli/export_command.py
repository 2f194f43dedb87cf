"""``stylize export-style``: a style as one file that can be sent to somebody."""

from pathlib import Path

from assets.style_loading import load_network_style
from dagster_project.cli.home import prepare_home
from dagster_project.settings import Settings
from resources.build import build_resources
from stylize.errors import SettingsError
from stylize.records.records import StyleRecord
from stylize.records.refined_styles import read_header


def export_style(style: str, file: Path, *, settings: Settings) -> list[str]:
    """Write the networks of ``style`` with its card and its sample to ``file``; returns the lines to print.

    Raises:
        SettingsError: ``file`` cannot be written, or has another ending.
        StyleError: there is no such style.
    """
    from stylize.style.checkpoint import load_networks
    from stylize.style.style_file import save_style_file

    if file.suffix != ".safetensors":
        raise SettingsError(f"{file.name!r}: expected a name that ends in .safetensors")
    if not file.parent.is_dir():
        raise SettingsError(f"{str(file)!r}: expected a file name in an existing folder")
    store, resources = prepare_home(settings), build_resources(settings)
    with resources["scratch"].folder() as scratch:
        record = load_network_style(store, resources["stylizer"], style, scratch)
        header = read_header(store, record.model_key)
        card, sample_jpeg = header.card, header.sample_jpeg
        if not card:
            card, sample_jpeg = _card_beside_the_model(settings, record)
        with store.as_file(record.model_key, scratch, sha256=record.sha256) as checkpoint:
            networks = load_networks(checkpoint)
    try:
        save_style_file(networks, file, card=card, sample_jpeg=sample_jpeg)
    except OSError as error:
        raise SettingsError(f"{str(file)!r} cannot be written: {error.strerror or error}") from error
    return [f"style: {file}", f"use it: stylize video YOUR.mp4 --style {file.name}"]


def _card_beside_the_model(settings: Settings, record: StyleRecord) -> tuple[dict[str, object], bytes]:
    """Card and sample of a shipped style; of a checkpoint that came without, what little is known."""
    from stylize.style.library import list_styles

    for card in list_styles(settings.styles_dir):
        if (card.name, card.title) == (record.style, record.title):
            return card.to_document(), card.sample_path.read_bytes()
    return {"title": record.title, "description": record.description}, b""
