"""``stylize styles``: what there is to choose from."""

from dagster_project.cli.home import prepare_home
from dagster_project.definitions import build_resources
from dagster_project.settings import Settings
from resources.stylizer import uploaded_styles


def list_style_lines(settings: Settings) -> list[str]:
    """One line per style: its name and what it looks like; the user's own checkpoints after the shipped ones."""
    shipped: dict[str, str] = build_resources(settings)["stylizer"].shipped()
    uploaded = dict.fromkeys(uploaded_styles(prepare_home(settings)), "uploaded checkpoint")
    listed = {**shipped, **uploaded}
    width = max(map(len, listed), default=0)
    default = settings.default_style
    return [f"{style:<{width}}  {about}{' (default)' if style == default else ''}" for style, about in listed.items()]
