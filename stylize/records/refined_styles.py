"""The styles that were refined here, and what style files in the store say about themselves."""

from typing import TYPE_CHECKING

from stylize.records.records import StyleRecord
from stylize.store.keys import style_record_key
from stylize.store.media_store import MediaStore

if TYPE_CHECKING:
    from stylize.style.style_file import StyleHeader

MODELS = "models/"


def find_refined(store: MediaStore, style: str) -> StyleRecord | None:
    """The record of ``style`` if it was refined here and its model is there."""
    record = StyleRecord.find(store, style_record_key(style))
    return record if record and record.order and store.stat(record.model_key) else None


def refined_styles(store: MediaStore) -> dict[str, StyleRecord]:
    """The records of all styles that were refined here, by name, in order."""
    names = [
        key.split("/")[1] for info in store.list(MODELS) if (key := info.key) == style_record_key(key.split("/")[1])
    ]
    return {name: record for name in names if (record := find_refined(store, name))}


def read_header(store: MediaStore, key: str) -> "StyleHeader":
    """What the style file at ``key`` says about itself; only its beginning is read."""
    from stylize.style.style_file import MAX_HEADER_BYTES, read_style_header

    beginning = b""
    for chunk in store.chunks(key):
        beginning += chunk
        if len(beginning) >= MAX_HEADER_BYTES:
            break
    return read_style_header(beginning[:MAX_HEADER_BYTES])
