"""What a style looks like: the painting that it was made from, beside a photograph before and after."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from resources.stylizer import StylizerResource
from stylize.errors import StoreError, StyleError
from stylize.records.records import StyleRecord
from stylize.records.refined_styles import read_header
from stylize.records.style_uploads import find_style_upload
from stylize.store.media_store import MediaStore

if TYPE_CHECKING:
    from stylize.style.pictures import Picture

HEIGHT_PIXELS: Final = 300


def style_pictures(store: MediaStore, stylizer: StylizerResource, record: StyleRecord, folder: Path) -> dict[str, Any]:
    """The pictures of a style, by the names that the UI shows; what there is no picture of is left out.

    The painting is shown if it is in ``landing/styles/`` still; the sample comes from refining, from the file of
    the style, or from the folder of the shipped ones.
    """
    from stylize.style.pictures import joined

    painting = _painting(store, record.style, folder)
    sample = _sample(store, stylizer, record, folder)
    if painting is not None and sample is not None:
        return {"painting_and_sample": joined([painting, sample], height=HEIGHT_PIXELS)}
    return {"painting": painting} if painting is not None else {"sample": sample}


def _painting(store: MediaStore, style: str, folder: Path) -> "Picture | None":
    from stylize.style.untrusted_pictures import read_untrusted_style_image

    with suppress(StyleError, StoreError):  # an unusable file was reported, or does not matter, before
        upload = find_style_upload(store, style)
        if upload is not None and upload.is_image:
            with store.as_file(upload.info.key, folder) as image:
                return read_untrusted_style_image(image, folder, name=upload.name)
    return None


def _sample(store: MediaStore, stylizer: StylizerResource, record: StyleRecord, folder: Path) -> "Picture | None":
    from stylize.style.untrusted_pictures import read_untrusted_style_image

    jpeg = _sample_jpeg(store, stylizer, record)
    if not jpeg:
        return None
    file = folder / "sample.jpg"
    file.write_bytes(jpeg)
    with suppress(StyleError):  # it may have come with anybody's file
        return read_untrusted_style_image(file, folder, name=file.name)
    return None


def _sample_jpeg(store: MediaStore, stylizer: StylizerResource, record: StyleRecord) -> bytes:
    from stylize.style.checkpoint import checkpoint_digest
    from stylize.style.library import list_styles

    with suppress(StoreError):
        if record.sample_key:
            return store.read_bytes(record.sample_key)
        if jpeg := read_header(store, record.model_key).sample_jpeg:
            return jpeg
    shipped = {card.name: card for card in list_styles(Path(stylizer.styles_dir))}.get(record.style)
    if shipped and shipped.sample_path.is_file() and checkpoint_digest(shipped.model_path) == record.sha256:
        return shipped.sample_path.read_bytes()
    return b""
