"""``stylize styles``: what there is to choose from."""

from dagster_project.cli.home import prepare_home
from dagster_project.settings import Settings
from resources.build import build_resources
from stylize.records.refined_styles import read_header, refined_styles
from stylize.records.style_uploads import StyleUpload, sort_style_uploads
from stylize.store.keys import LANDING_STYLES
from stylize.store.media_store import MediaStore


def list_style_lines(settings: Settings) -> list[str]:
    """One line per style: its name and what it looks like; the user's own after the shipped ones."""
    store = prepare_home(settings)
    shipped: dict[str, str] = build_resources(settings)["stylizer"].shipped()
    refined = {name: f"{record.title}. {record.description}" for name, record in refined_styles(store).items()}
    uploads = sort_style_uploads(store.list(LANDING_STYLES)).by_style
    uploaded = {
        name: _about(store, upload) for name, upload in uploads.items() if not (upload.is_image and name in refined)
    }
    listed = {**shipped, **refined, **uploaded}
    width = max(map(len, listed), default=0)
    default = settings.default_style
    return [f"{style:<{width}}  {about}{' (default)' if style == default else ''}" for style, about in listed.items()]


def _about(store: MediaStore, upload: StyleUpload) -> str:
    if upload.is_image:
        return f"From the picture {upload.name}."
    header = read_header(store, upload.info.key)
    words = [text.rstrip(".") + "." for text in (header.title, header.description) if text]
    return " ".join(words) or "uploaded checkpoint"
