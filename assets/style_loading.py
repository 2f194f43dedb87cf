"""Finding the networks of a style: an uploaded checkpoint or picture, else what was refined here, else a shipped one.

A frame transform that the settings name comes before all of them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resources.stylizer import StylizerResource
from stylize.errors import StyleError
from stylize.other_transforms import is_other_transform, make_other_transform, other_transform_key
from stylize.records.records import StyleRecord, digest_of_file
from stylize.records.refined_styles import find_refined, read_header
from stylize.records.style_uploads import StyleUpload, find_style_upload
from stylize.store.keys import model_key, style_record_key
from stylize.store.media_store import MediaStore
from stylize.style.controls.controls import MAX_STYLE_SCALE, MIN_STYLE_SCALE, USUAL_STYLE_SCALE


def load_style(store: MediaStore, stylizer: StylizerResource, style: str, scratch: Path) -> StyleRecord:
    """Make ``style`` usable, in seconds: check its checkpoint, or look at its picture, and put it into the store.

    Raises:
        StyleError: there is no such style, or its checkpoint or picture cannot be used.
    """
    if style in stylizer.frame_transforms:
        return _record_other_transform(store, stylizer, style)
    upload = find_style_upload(store, style)
    if upload is not None:
        return _load_picture(store, upload, scratch) if upload.is_image else _load_checkpoint(store, upload, scratch)
    found = find_refined(store, style) or _publish_shipped(store, stylizer, style)
    if found is not None:
        return found
    raise StyleError(
        f"unknown style {style!r}: expected one of {', '.join(stylizer.known(store))}, a picture, or a checkpoint file"
    )


def _load_checkpoint(store: MediaStore, upload: StyleUpload, scratch: Path) -> StyleRecord:
    header = read_header(store, upload.info.key)
    with store.as_file(upload.info.key, scratch) as checkpoint:
        return publish_style(
            store,
            upload.style,
            checkpoint,
            title=header.title or upload.style,
            description=header.description or "Uploaded checkpoint.",
            style_scale=_scale_on(header.card),
        )


def _scale_on(card: Mapping[str, Any]) -> float | None:
    """The width of strokes that the card of a style file names, if it is one."""
    scale = card.get("style_scale")
    return scale if isinstance(scale, float) and MIN_STYLE_SCALE <= scale <= MAX_STYLE_SCALE else None


def _load_picture(store: MediaStore, upload: StyleUpload, scratch: Path) -> StyleRecord:
    """What was refined from this very picture, if anything was; else the networks for any painting, with its style."""
    from stylize.style.network.any_painting import networks_digest, networks_for
    from stylize.style.style_file import save_style_file
    from stylize.style.untrusted_pictures import read_untrusted_style_image

    present = StyleRecord.find(store, style_record_key(upload.style))
    with store.as_file(upload.info.key, scratch) as image:
        image_sha256 = digest_of_file(image)
        made_of = {"image_sha256": image_sha256, "networks_sha256": networks_digest()}
        if present is not None and store.stat(present.model_key) and _is_of(present, **made_of):
            return present
        painting = read_untrusted_style_image(image, scratch, name=upload.name)
    file = scratch / f"{upload.style}.safetensors"
    about = {
        "title": title_of(upload.style),
        "description": f"From the picture {upload.name}.",
        "style_scale": USUAL_STYLE_SCALE,
    }
    save_style_file(networks_for(painting), file, card=about, sample_jpeg=b"")
    return publish_style(store, upload.style, file, **about, **made_of)


def _is_of(record: StyleRecord, *, image_sha256: str, networks_sha256: str) -> bool:
    """Whether it was made from this picture, and would not be made anew."""
    return record.image_sha256 == image_sha256 and (bool(record.order) or record.networks_sha256 == networks_sha256)


def title_of(style: str) -> str:
    """Of a style that nobody gave one."""
    return style.replace("-", " ").capitalize()


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
    from stylize.style.checkpoint import checkpoint_digest, load_checkpoint

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
    from stylize.style.library import find_retired, list_styles

    styles_dir = Path(stylizer.styles_dir)
    card = {card.name: card for card in list_styles(styles_dir)}.get(style)
    if card is not None:
        about = {"title": card.title, "description": card.description, "style_scale": card.style_scale}
        return publish_style(store, style, card.model_path, **about)
    retired = find_retired(styles_dir, style)
    return retired and publish_style(store, style, retired, title=title_of(style), description="No longer shipped.")
