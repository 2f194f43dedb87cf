"""What users put into ``landing/styles/``: pictures of paintings, and checkpoints.

The name of the file is the name of the style, as a slug. A checkpoint wins over an image of the same name; two of a
kind are refused, because neither can be meant more than the other.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stylize.errors import StyleError
from stylize.names import slugify
from stylize.records.records import digest_of_file
from stylize.store.keys import LANDING_STYLES, RESERVED_STYLES, landing_style_key
from stylize.store.media_store import MediaStore, ObjectInfo

CHECKPOINT_SUFFIXES = (".safetensors", ".pth")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
EXPECTED = f"expected a checkpoint ({', '.join(CHECKPOINT_SUFFIXES)}) or an image ({', '.join(IMAGE_SUFFIXES)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleUpload:
    """One usable object in ``landing/styles/``."""

    style: str
    info: ObjectInfo

    @property
    def name(self) -> str:
        """Of the file, as its owner called it."""
        return self.info.key.removeprefix(LANDING_STYLES)

    @property
    def is_image(self) -> bool:
        """Whether it is the picture of a painting."""
        return PurePosixPath(self.name).suffix.lower() in IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleUploads:
    """All that lies in ``landing/styles/``.

    Attributes:
        by_style: the upload that counts for each style, in order.
        ambiguous: the names of the files that claim the same style, by style.
        unusable: names of files that are neither checkpoint nor image, or whose style's name is reserved.
    """

    by_style: dict[str, StyleUpload]
    ambiguous: dict[str, tuple[str, ...]]
    unusable: tuple[str, ...]


def sort_style_uploads(objects: Iterable[ObjectInfo]) -> StyleUploads:
    """Find out what each object in ``landing/styles/`` is; names that begin with a dot are temporary files."""
    candidates: dict[str, list[StyleUpload]] = defaultdict(list)
    unusable = []
    for info in sorted(objects, key=lambda info: info.key):
        path = PurePosixPath(info.key.removeprefix(LANDING_STYLES))
        if any(part.startswith(".") for part in path.parts):
            continue
        style = slugify(str(path.with_suffix("")))
        if path.suffix.lower() in (*CHECKPOINT_SUFFIXES, *IMAGE_SUFFIXES) and style not in RESERVED_STYLES:
            candidates[style].append(StyleUpload(style=style, info=info))
        else:
            unusable.append(str(path))
    by_style, ambiguous = {}, {}
    for style, uploads in sorted(candidates.items()):
        best = [upload for upload in uploads if not upload.is_image] or uploads
        if len(best) == 1:
            by_style[style] = best[0]
        else:
            ambiguous[style] = tuple(upload.name for upload in best)
    return StyleUploads(by_style=by_style, ambiguous=ambiguous, unusable=tuple(unusable))


def find_style_upload(store: MediaStore, style: str) -> StyleUpload | None:
    """The checkpoint or image that was uploaded for ``style``, if there is one.

    Raises:
        StyleError: there are several, and none counts more than the others.
    """
    uploads = sort_style_uploads(store.list(LANDING_STYLES))
    if style in uploads.ambiguous:
        files = " and ".join(map(repr, uploads.ambiguous[style]))
        raise StyleError(f"{files} in {LANDING_STYLES} are both style {style!r}: rename or remove all but one")
    return uploads.by_style.get(style)


def upload_checkpoint(store: MediaStore, path: Path) -> str:
    """Put a user's checkpoint file where ``style_model`` finds it; returns the name of the style.

    It replaces another checkpoint of that name; the same one again changes nothing.

    Raises:
        StyleError: the file is no checkpoint that can be used; nothing is stored.
    """
    from stylize.style.checkpoint import load_checkpoint

    if path.suffix not in CHECKPOINT_SUFFIXES:
        raise StyleError(f"unknown checkpoint type {path.name!r}: expected {' or '.join(CHECKPOINT_SUFFIXES)}")
    load_checkpoint(path)
    style = check_style_name(slugify(path.stem))
    _upload(store, path, style, instead_of=CHECKPOINT_SUFFIXES)
    return style


def upload_picture(store: MediaStore, path: Path) -> str:
    """Put a user's picture of a painting where ``style_model`` finds it; returns the name of the style.

    It replaces another picture of that name; the same one again changes nothing.

    Raises:
        StyleError: there is no such file, or the name is one of a checkpoint. What it shows is looked at later.
    """
    if not path.is_file():
        raise StyleError(f"{str(path)!r}: there is no such picture")
    style = check_style_name(slugify(path.stem))
    upload = find_style_upload(store, style)
    if upload is not None and not upload.is_image:
        raise StyleError(f"style {style!r} is the checkpoint {upload.name!r} in landing/styles/: rename the picture")
    _upload(store, path, style, instead_of=IMAGE_SUFFIXES)
    return style


def _upload(store: MediaStore, path: Path, style: str, *, instead_of: Iterable[str]) -> None:
    suffix = path.suffix.lower()
    key = landing_style_key(style, suffix)
    for other in instead_of:
        if other != suffix:
            store.delete(landing_style_key(style, other))
    if store.stat(key) is None or store.digest(key) != digest_of_file(path):
        store.put(key, path)


def check_style_name(style: str) -> str:
    """``style`` if a style can be called so.

    Raises:
        StyleError: it is no slug, or a folder of another kind has that name.
    """
    if style != slugify(style):
        raise StyleError(
            f"{style!r} cannot name a style: expected letters, digits and hyphens, e.g. {slugify(style)!r}"
        )
    if style in RESERVED_STYLES:
        raise StyleError(f"{style!r} cannot name a style: the name is taken by a folder of models/; choose another")
    return style
