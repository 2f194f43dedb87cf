"""What every asset says about itself in the catalog besides its description: where to read more."""

from collections.abc import Iterable, Mapping
from typing import Final

import dagster as dg

DOCS: Final[Mapping[str, str]] = {
    "source_video": "uploads.md",
    "audio_track": "architecture.md",
    "frames": "architecture.md",
    "style_model": "styles.md",
    "clip_settings": "styles.md",
    "styled_frames": "operating.md",
    "final_video": "operating.md",
    "processing_report": "reports.md",
    "all_clips_report": "reports.md",
}
"""File in docs/ by asset."""


def documented(assets: Iterable[dg.AssetsDefinition], *, docs_url: str) -> list[dg.AssetsDefinition]:
    """The same assets with a link to their page; the name of the file where it is not known where people read it."""

    def add_link(spec: dg.AssetSpec) -> dg.AssetSpec:
        page = DOCS.get(spec.key.to_user_string())
        return spec.merge_attributes(metadata={"documentation": _link(page, docs_url)}) if page else spec

    return [asset.map_asset_specs(add_link) for asset in assets]


def _link(page: str, docs_url: str) -> dg.MetadataValue:
    if docs_url:
        return dg.MetadataValue.url(f"{docs_url.rstrip('/')}/{page}")
    return dg.MetadataValue.path(f"docs/{page}")
