"""The style models: one network checkpoint per style.

Lies in ``models/<style>/``; partitioned by style. A checkpoint comes from ``landing/styles/<style>.safetensors|.pth``
if a user put one there, else from the styles that ship with this project.
"""

from pathlib import Path

import dagster as dg

from assets.failures import failures_explained
from dagster_project import code_versions
from dagster_project.errors import StyleError
from dagster_project.partitions import styles
from resources.deployment import ScratchResource
from resources.media_store import MediaStore
from resources.records import StyleRecord
from resources.store_layout import model_key, style_record_key
from resources.stylizer import StylizerResource, uploaded_checkpoint, uploaded_styles


def load_style(store: MediaStore, stylizer: StylizerResource, style: str, scratch: Path) -> StyleRecord:
    """Make ``style`` usable: check its checkpoint and put it into the store.

    Raises:
        StyleError: there is no such style, or its checkpoint cannot be used.
    """
    uploaded = uploaded_checkpoint(store, style)
    if uploaded is not None:
        with store.as_file(uploaded.key, scratch) as checkpoint:
            return _publish(store, style, checkpoint, title=style, description="Uploaded checkpoint.")
    return _publish_shipped(store, stylizer, style)


def _publish_shipped(store: MediaStore, stylizer: StylizerResource, style: str) -> StyleRecord:
    from dagster_project.style_transfer.library import list_styles

    cards = {card.name: card for card in list_styles(Path(stylizer.styles_dir))}
    if style not in cards:
        known = sorted({*cards, *uploaded_styles(store)})
        raise StyleError(f"unknown style {style!r}: expected one of {', '.join(known)}, or a checkpoint file")
    card = cards[style]
    return _publish(store, style, card.model_path, title=card.title, description=card.description)


def _publish(store: MediaStore, style: str, checkpoint: Path, *, title: str, description: str) -> StyleRecord:
    from dagster_project.style_transfer.checkpoint import checkpoint_digest, load_checkpoint

    load_checkpoint(checkpoint)
    sha256 = checkpoint_digest(checkpoint)
    key = model_key(style, sha256, checkpoint.suffix)
    if store.stat(key) is None:
        store.put(key, checkpoint)
    record = StyleRecord(style=style, title=title, description=description, model_key=key, sha256=sha256)
    record.write(store, style_record_key(style))
    return record


@dg.asset(
    partitions_def=styles,
    group_name="styles",
    kinds={"pytorch"},
    owners=["team:artists"],
    code_version=code_versions.STYLE,
)
def style_model(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[MediaStore],
    stylizer: StylizerResource,
    scratch: ScratchResource,
) -> dg.MaterializeResult:
    """The network that paints in one style: a shipped one, or a checkpoint that a user uploaded."""
    with failures_explained(), scratch.folder() as folder:
        record = load_style(store, stylizer, context.partition_key, folder)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(record.sha256),
        metadata={
            "title": record.title,
            "description": record.description,
            "checkpoint": store.location(record.model_key),
            "sha256": record.sha256,
        },
    )
