"""Give a clip the look that was asked for on the command line."""

from pathlib import Path

import dagster as dg

from assets.clip_settings import resolve_settings
from assets.clip_wishes import ClipSettingsConfig, check_wishes
from dagster_project.cli.runs import LocalRuns
from dagster_project.partitions import styles
from resources.stylizer import StylizerResource
from stylize.errors import StyleError
from stylize.records.records import ClipSettings
from stylize.records.style_uploads import CHECKPOINT_SUFFIXES, IMAGE_SUFFIXES, upload_checkpoint, upload_picture
from stylize.store.keys import settings_key
from stylize.store.media_store import MediaStore


def resolve_wishes(store: MediaStore, stylizer: StylizerResource, wishes: ClipSettingsConfig) -> ClipSettingsConfig:
    """The same wishes with styles by name: pictures and checkpoints are put into the store and named after themselves.

    Raises:
        SettingsError: a value is out of range.
        StyleError: there is no such style, or the file cannot be used.
    """
    check_wishes(wishes)
    named = {name: getattr(wishes, name) for name in ("style", "blend_with")}
    found = {name: resolve_style(store, stylizer, style) for name, style in named.items() if style is not None}
    return wishes.model_copy(update=found)


def choose_look(
    runs: LocalRuns,
    instance: dg.DagsterInstance,
    store: MediaStore,
    stylizer: StylizerResource,
    clip: str,
    config: ClipSettingsConfig,
    scratch: Path,
) -> bool:
    """Materialize ``clip_settings``, and the styles it needs, where that changes anything.

    Args:
        runs: execute the jobs.
        instance: knows what was materialized.
        store: of the clip.
        stylizer: knows the styles.
        clip: partition key.
        config: with styles by name; what it leaves open stays as it is.
        scratch: an existing folder.

    Returns:
        Whether the look is another one now.

    Raises:
        StylizeError: as the step that could not go on says.
    """
    wished = resolve_settings(store, stylizer, clip, config, scratch)
    present = ClipSettings.find(store, settings_key(clip))
    for style in [wished.style, wished.second.style] if wished.second else [wished.style]:
        if style not in _materialized(instance, "style_model"):
            instance.add_dynamic_partitions(str(styles.name), [style])
            runs.run("load_style_job", partition_key=style)
    if present == wished and clip in _materialized(instance, "clip_settings"):
        return False
    wishes = config.model_dump(exclude_none=True)
    runs.run("choose_look_job", partition_key=clip, config={"clip_settings": wishes})
    return True


def _materialized(instance: dg.DagsterInstance, asset: str) -> set[str]:
    return instance.get_materialized_partitions(dg.AssetKey(asset))


def resolve_style(store: MediaStore, stylizer: StylizerResource, style: str) -> str:
    """The name of a style that is given by its name, or as a file, which is put into the store.

    Raises:
        StyleError: there is no such style, or the file cannot be used.
    """
    if style.endswith(CHECKPOINT_SUFFIXES):
        return upload_checkpoint(store, Path(style).expanduser())
    if style.lower().endswith(IMAGE_SUFFIXES):
        return upload_picture(store, Path(style).expanduser())
    known = stylizer.known(store)
    if style not in known:
        raise StyleError(
            f"unknown style {style!r}: expected one of {', '.join(known)}, a picture, or a checkpoint file"
        )
    return style
