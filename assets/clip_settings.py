"""How each clip shall look: the style, its exact model, the arithmetic.

Lies in ``work/<clip>/settings.json``; partitioned by clip. It is an asset of its own so that restyling a clip makes its
styled frames stale but not its split frames.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import Field

from assets.failures import failures_explained
from assets.style_model import load_style, style_model
from assets.unused_cells import record_unused_cells, unused_segments
from dagster_project import code_versions
from dagster_project.partitions import clips
from resources.clip_lease import ClipLease
from resources.content import find_current_plan
from resources.deployment import ScratchResource
from resources.media_store import MediaStore
from resources.records import ClipSettings
from resources.store_layout import settings_key
from resources.stylizer import StylizerResource


class ClipSettingsConfig(dg.Config):
    """What a person may choose. A field left out keeps the clip's present value, or takes the default."""

    style: str | None = Field(default=None, description="Name of the style, e.g. starry-night.")
    media_container: Literal["unchanged", "mp4", "mov", "mkv"] = Field(
        default="unchanged", description="Media container of the delivered video; mp4 unless chosen otherwise."
    )


def resolve_settings(
    store: MediaStore, stylizer: StylizerResource, clip: str, config: ClipSettingsConfig, scratch: Path
) -> ClipSettings:
    """Fill in what ``config`` leaves open, and pin the style to the digest of its model.

    Raises:
        StyleError: there is no such style, or its checkpoint cannot be used here.
    """
    present = ClipSettings.find(store, settings_key(clip))
    style = config.style or (present.style if present else stylizer.default_style)
    media_container = config.media_container
    if media_container == "unchanged":
        media_container = present.media_container if present else "mp4"
    model = load_style(store, stylizer, style, scratch)
    device, precision = stylizer.resolve_engine()
    return ClipSettings(
        style=style,
        model_key=model.model_key,
        model_sha256=model.sha256,
        device=device,
        precision=precision,
        media_container=media_container,
    )


@dg.asset(
    partitions_def=clips,
    deps=[dg.AssetDep(style_model, partition_mapping=dg.AllPartitionMapping())],
    group_name="styles",
    kinds={"json"},
    owners=["team:artists"],
    code_version=code_versions.STYLE,
)
def clip_settings(
    context: dg.AssetExecutionContext,
    config: ClipSettingsConfig,
    store: dg.ResourceParam[MediaStore],
    lease: dg.ResourceParam[ClipLease],
    stylizer: StylizerResource,
    scratch: ScratchResource,
) -> Iterator[dg.MaterializeResult]:
    """How the clip shall look. Materialize it with another style to restyle the clip: nothing is split again."""
    clip = context.partition_key
    with failures_explained(), lease.shared(clip), scratch.folder() as folder:
        settings = resolve_settings(store, stylizer, clip, config, folder)
        settings.write(store, settings_key(clip))
        plan = find_current_plan(store, clip)
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(f"{settings.look}-{settings.media_container}"), metadata=settings.to_dict()
    )
    if plan is not None:
        record_unused_cells(context.instance, clip, unused_segments(plan), assets=("styled_frames",))
