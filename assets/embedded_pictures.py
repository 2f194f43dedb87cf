"""Pictures inside the metadata of a materialization, so that the UI shows them.

A browser cannot open what lies in a local folder or behind the store's sign-in, so the picture itself stands in the
metadata, as a ``data:`` URI in Markdown. All of it goes into the event log, which must stay small: a materialization
has a budget, and every picture is made to fit what is left of it.
"""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import dagster as dg

if TYPE_CHECKING:
    from stylize.pictures.small_pictures import Loop
    from stylize.video.pixels.pixels import Picture

CELL_BUDGET_BYTES: Final = 24 * 1024
"""Of Markdown, for one cell of the grid: 300 clips of 64 segments come to 450 MiB."""

CLIP_BUDGET_BYTES: Final = 128 * 1024
"""Of Markdown, for a partition of any other asset."""


def embed(pictures: "Mapping[str, Picture | Loop | None]", *, budget_bytes: int) -> dict[str, dg.MetadataValue]:
    """Markdown with one picture each, all of it together at most ``budget_bytes`` long.

    Give it to ``context.add_asset_metadata``, before all else, so that the UI shows it at the top: what a step returns
    with its result is stored twice, and shown above that.

    Args:
        pictures: by the name that the UI shows; what is None is left out. They share the budget equally, and what one
            does not need goes to those after it. A loop gets twice the share of a still picture.
        budget_bytes: one of the budgets above.
    """
    from stylize.pictures.small_pictures import Loop, loop_webp, still_webp

    present = {name: picture for name, picture in pictures.items() if picture is not None}
    shares = {name: 2 if isinstance(picture, Loop) else 1 for name, picture in present.items()}
    embedded: dict[str, dg.MetadataValue] = {}
    left_bytes, left_shares = budget_bytes, sum(shares.values())
    for name, picture in present.items():
        prefix, suffix = f"![{name.replace('_', ' ')}](data:image/webp;base64,", ")"
        file_bytes = (left_bytes * shares[name] // left_shares - len(prefix) - len(suffix)) // 4 * 3
        file = loop_webp(picture, file_bytes) if isinstance(picture, Loop) else still_webp(picture, file_bytes)
        markdown = f"{prefix}{base64.b64encode(file).decode()}{suffix}"
        left_bytes, left_shares = left_bytes - len(markdown), left_shares - shares[name]
        embedded[name] = dg.MetadataValue.md(markdown)
    return embedded
