"""How each clip shall look: the style, its exact model, the arithmetic.

Lies in ``clips/<clip>/settings.json``; partitioned by clip. It is an asset of its own so that restyling a clip makes
its styled frames stale but not its split frames.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import Field, ValidationError

from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.style_loading import load_style
from assets.style_model import style_model
from assets.unchanged import is_known_upload
from assets.unused_cells import unused_cells_recorded, unused_segments
from dagster_project import code_versions
from dagster_project.errors import SettingsError
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


def parse_wishes(document: bytes, *, name: str, styles: Collection[str]) -> ClipSettingsConfig:
    """Read what a JSON object beside an upload asks for.

    Args:
        document: the content of the file.
        name: what to call the file in messages.
        styles: those that there are.

    Raises:
        SettingsError: it is no JSON object, or one of its keys or values is not to be had.
    """
    try:
        wishes = ClipSettingsConfig.model_validate_json(document)
        unknown = sorted(json.loads(document).keys() - ClipSettingsConfig.model_fields.keys())
    except ValidationError as error:
        raise SettingsError(f"{name!r}: {_first_problem(error)}") from error
    if unknown:
        raise SettingsError(
            f"{name!r}: unknown key {unknown[0]!r}; expected {', '.join(ClipSettingsConfig.model_fields)}"
        )
    if wishes.style is not None and wishes.style not in styles:
        raise SettingsError(f"{name!r}: unknown style {wishes.style!r}; expected one of {', '.join(sorted(styles))}")
    return wishes


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(map(str, problem["loc"]))
    if not key:
        return f"expected a JSON object ({problem['msg']})"
    return f"{key!r} cannot be {problem['input']!r}: {problem['msg']}"


def resolve_settings(
    store: MediaStore, stylizer: StylizerResource, clip: str, config: ClipSettingsConfig, scratch: Path
) -> ClipSettings:
    """Fill in what ``config`` leaves open, and pin the style to the digest of its model.

    Raises:
        StyleNotTrainedError: an image was uploaded for the style, and nothing has been trained from it yet.
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
    output_required=False,
    retry_policy=TRANSIENT_RETRIES,
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
    data_version = f"{settings.look}-{settings.media_container}"
    if is_known_upload(context, data_version):
        return
    with unused_cells_recorded(context.instance, {clip: unused_segments(plan)} if plan else {}):
        yield dg.MaterializeResult(data_version=dg.DataVersion(data_version), metadata=settings.to_dict())
