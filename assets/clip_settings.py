"""How each clip shall look: the style, its exact model, the artist's controls, the arithmetic.

Lies in ``clips/<clip>/settings.json``; partitioned by clip. It is an asset of its own so that restyling a clip makes
its styled frames stale but not its split frames.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg

from assets.clip_wishes import ClipSettingsConfig, check_second_style, check_wishes
from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.pricing import report_budget_check
from assets.style_loading import load_style
from assets.style_model import style_model
from assets.unchanged import is_known_upload
from assets.unused_cells import unused_cells_recorded, unused_segments
from dagster_project.partitions import clips
from resources.clip_lease import ClipLease
from resources.deployment import ScratchResource
from resources.stylizer import StylizerResource
from stylize import code_versions
from stylize.errors import SettingsError
from stylize.other_transforms import is_other_transform
from stylize.records.content import find_current_plan
from stylize.records.quote import find_hold
from stylize.records.records import ClipSettings, SecondStyle, StyleRecord
from stylize.store.keys import settings_key
from stylize.store.media_store import MediaStore
from stylize.style.controls.controls import DECIMALS, Controls
from stylize.style.controls.quality import Quality

Value = TypeVar("Value")


def resolve_settings(
    store: MediaStore, stylizer: StylizerResource, clip: str, config: ClipSettingsConfig, scratch: Path
) -> ClipSettings:
    """Fill in what ``config`` leaves open, and pin the styles to the digests of their models.

    Raises:
        SettingsError: a value is out of range, or the two styles of a blend are the same.
        StyleError: there is no such style, or its checkpoint cannot be used here.
    """
    check_wishes(config)
    present = ClipSettings.find(store, settings_key(clip))
    style = config.style or (present.style if present else stylizer.default_style)
    quality = config.quality
    if quality == "unchanged":
        quality = present.quality if present else stylizer.default_quality
    media_container = config.media_container
    if media_container == "unchanged":
        media_container = present.media_container if present else "mp4"
    model = _chosen_model(store, stylizer, style, present if config.style is None else None, scratch)
    controls = _chosen_controls(config, present.controls if present else Controls(), model)
    kept = present.second.style if present and present.second else None
    second = kept if config.blend is None else config.blend_with
    second_style = _load_second(store, stylizer, style, second, controls.share, scratch)
    steady_shots = _chosen(config.steady_shots, present.steady_shots if present else False)
    style_weight = round(_chosen(config.style_weight, present.style_weight if present else 1.0), DECIMALS)
    if style_weight != 1:
        named = {style: model.model_key} | ({second_style.style: second_style.model_key} if second_style else {})
        for name, key in named.items():
            _check_can_be_weighted(store, name, key, quality, scratch)
    if steady_shots:
        _check_can_be_steady(model.model_key, second_style)
    choice = stylizer.engine_of_clips()
    return ClipSettings(
        style=style,
        model_key=model.model_key,
        model_sha256=model.sha256,
        quality=quality,
        device=choice.device,
        precision=choice.precision,
        engine=choice.engine,
        media_container=media_container,
        strength=controls.strength,
        keep_colors=controls.keep_colors,
        style_scale=controls.style_scale,
        style_weight=style_weight,
        steady_shots=steady_shots,
        second=second_style,
    )


def _chosen_model(
    store: MediaStore, stylizer: StylizerResource, style: str, present: ClipSettings | None, scratch: Path
) -> StyleRecord:
    """The model that a clip has as long as nobody names its style anew: a style may have become another since.

    A frame transform of other code cannot be kept: it is what that code does today.
    """
    if present is None or is_other_transform(present.model_key) or store.stat(present.model_key) is None:
        return load_style(store, stylizer, style, scratch)
    return StyleRecord(
        style=style,
        title="",
        description="",
        model_key=present.model_key,
        sha256=present.model_sha256,
        style_scale=present.style_scale,
    )


def _check_can_be_weighted(store: MediaStore, style: str, model_key: str, quality: Quality, scratch: Path) -> None:
    if not is_other_transform(model_key):
        from stylize.style.checkpoint import load_checkpoint
        from stylize.style.network.any_painting import is_any_painting

        with store.as_file(model_key, scratch) as checkpoint:
            if is_any_painting(load_checkpoint(checkpoint, quality), quality):
                return
    raise SettingsError(
        f"'style_weight' needs a style that was made by this version; {style!r} has a network of its own: set it to 1,"
        " and use 'strength'"
    )


def _check_can_be_steady(model_key: str, second: SecondStyle | None) -> None:
    if is_other_transform(model_key) or (second and is_other_transform(second.model_key)):
        raise SettingsError(
            "'steady_shots' needs a style network: a frame transform of other code paints every frame by itself; set it"
            " to false"
        )


def _chosen_controls(config: ClipSettingsConfig, present: Controls, model: StyleRecord) -> Controls:
    """Rounded, so that 0.3 and 0.30000000000000004 are one look. Each style has strokes of its own width."""
    style_scale = _chosen(config.style_scale, model.style_scale)
    return Controls(
        strength=round(_chosen(config.strength, present.strength), DECIMALS),
        keep_colors=_chosen(config.keep_colors, present.keep_colors),
        style_scale=round(style_scale, DECIMALS) if style_scale else None,
        share=round(_chosen(config.blend, present.share), DECIMALS),
    )


def _chosen(wished: Value | None, present: Value) -> Value:
    return present if wished is None else wished


def _load_second(
    store: MediaStore, stylizer: StylizerResource, style: str, second: str | None, share: float, scratch: Path
) -> SecondStyle | None:
    if second is None or share == 0:
        return None
    check_second_style(style, second)
    model = load_style(store, stylizer, second, scratch)
    return SecondStyle(style=second, model_key=model.model_key, model_sha256=model.sha256, share=share)


@dg.asset(
    partitions_def=clips,
    deps=[dg.AssetDep(style_model, partition_mapping=dg.AllPartitionMapping())],
    group_name="look",
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
        was_held = find_hold(store, clip) is not None
        settings.write(store, settings_key(clip))
        is_held = find_hold(store, clip) is not None
        plan = find_current_plan(store, clip)
    if is_held != was_held and not _reads_source(context):
        report_budget_check(context.op_execution_context, store, clip)
    data_version = f"{settings.look}-{settings.media_container}"
    if is_known_upload(context, data_version):
        return
    with unused_cells_recorded(context.instance, {clip: unused_segments(plan)} if plan else {}):
        yield dg.MaterializeResult(data_version=dg.DataVersion(data_version), metadata=_describe(settings))


def _reads_source(context: dg.AssetExecutionContext) -> bool:
    """Whether this run tells by itself whether the clip is held."""
    return dg.AssetKey("source_video") in context.job_def.asset_layer.executable_asset_keys


def _describe(settings: ClipSettings) -> dict[str, Any]:
    """One value of the record a line, as the catalog shows them; the model of a second style too."""
    return settings.to_dict() | {"controls": settings.describe_controls()}
