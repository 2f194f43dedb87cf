"""Finding the network of a style: an uploaded checkpoint, else one that was trained here, else a shipped one.

A frame transform that the settings name comes before all of them.
"""

from pathlib import Path

from dagster_project.errors import StyleError, StyleNotTrainedError
from resources.media_store import MediaStore
from resources.other_transforms import is_other_transform, make_other_transform, other_transform_key
from resources.records import StyleRecord
from resources.store_layout import model_key, style_record_key
from resources.style_uploads import find_style_upload
from resources.stylizer import StylizerResource
from resources.trained_styles import find_trained, read_header


def load_style(store: MediaStore, stylizer: StylizerResource, style: str, scratch: Path) -> StyleRecord:
    """Make ``style`` usable: check its checkpoint and put it into the store. Never trains.

    Raises:
        StyleNotTrainedError: an image was uploaded for it, and nothing has been trained from it yet.
        StyleError: there is no such style, or its checkpoint cannot be used.
    """
    if style in stylizer.frame_transforms:
        return _record_other_transform(store, stylizer, style)
    upload = find_style_upload(store, style)
    if upload is not None and not upload.is_image:
        header = read_header(store, upload.info.key)
        with store.as_file(upload.info.key, scratch) as checkpoint:
            return publish_style(
                store,
                style,
                checkpoint,
                title=header.title or style,
                description=header.description or "Uploaded checkpoint.",
            )
    # An image that was replaced: its style goes on as it was until the new one has been trained.
    trained = find_trained(store, style)
    if trained is not None:
        return trained
    shipped = _publish_shipped(store, stylizer, style)
    if shipped is not None:
        return shipped
    if upload is not None:
        raise StyleNotTrainedError(
            f"style {style!r} is not trained yet: its image {upload.name!r} is in landing/styles/; materialize"
            f" style_model for {style!r} (load_style_job), then try again"
        )
    raise StyleError(
        f"unknown style {style!r}: expected one of {', '.join(stylizer.known(store))}, or a checkpoint file"
    )


def load_network_style(store: MediaStore, stylizer: StylizerResource, style: str, scratch: Path) -> StyleRecord:
    """Like :func:`load_style`, for whoever needs a network.

    Raises:
        StyleError: there is none, or the style is a frame transform of other code.
    """
    record = load_style(store, stylizer, style, scratch)
    if is_other_transform(record.model_key):
        raise StyleError(f"{style!r} is a frame transform without a style network ({record.description}); name a style")
    return record


def publish_style(store: MediaStore, style: str, checkpoint: Path, **about: object) -> StyleRecord:
    """Put a checkpoint into the store and record it as the one that ``style`` uses.

    Args:
        store: where to put it.
        style: its name.
        checkpoint: the file.
        about: the other fields of :class:`StyleRecord`.

    Raises:
        StyleError: it is no checkpoint that can be used.
    """
    from dagster_project.style_transfer.checkpoint import checkpoint_digest, load_checkpoint

    load_checkpoint(checkpoint)
    sha256 = checkpoint_digest(checkpoint)
    key = model_key(style, sha256, checkpoint.suffix)
    if store.stat(key) is None:
        store.put(key, checkpoint)
    record = StyleRecord.from_dict({"style": style, "model_key": key, "sha256": sha256, **about})
    record.write(store, style_record_key(style))
    return record


def _record_other_transform(store: MediaStore, stylizer: StylizerResource, style: str) -> StyleRecord:
    target = stylizer.frame_transforms[style]
    # Only its digest is asked for: no reason to have a GPU here, where others style.
    key, device = other_transform_key(target), "cpu" if stylizer.on_gpu_pods else stylizer.resolve_engine().device
    transform = make_other_transform(key, device=device, width=640, height=360)
    record = StyleRecord(
        style=style,
        title=style,
        description=f"Frame transform {target}.",
        model_key=key,
        sha256=transform.digest,
    )
    record.write(store, style_record_key(style))
    return record


def _publish_shipped(store: MediaStore, stylizer: StylizerResource, style: str) -> StyleRecord | None:
    from dagster_project.style_transfer.library import list_styles

    card = {card.name: card for card in list_styles(Path(stylizer.styles_dir))}.get(style)
    if card is None:
        return None
    return publish_style(store, style, card.model_path, title=card.title, description=card.description)
