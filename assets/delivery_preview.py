"""What a delivery looks like: a short film, source and result side by side, and pictures of it for the UI.

The film lies in ``work/``, for whoever looks at a run; customers get what lies in ``delivery/`` and nothing else. It is
made of the beginning of the clip, beside the delivery, and holds it up in no case.
"""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import EncodeError, StoreError, VideoError
from stylize.records.content import original_file
from stylize.records.records import Delivery
from stylize.store.keys import ContentKeys
from stylize.store.media_store import MediaStore

if TYPE_CHECKING:
    from assets.delivery import Parts


def ensure_preview(store: MediaStore, parts: "Parts", delivery: Delivery, folder: Path, *, made: Path | None) -> str:
    """The key of the side-by-side film of a delivery; an empty one where it cannot be made.

    Args:
        store: where it shall lie.
        parts: what the delivery is made of.
        delivery: the published one.
        folder: for temporary files.
        made: the film, if it was made just now; None if it may have to be made of what is stored.
    """
    keys = ContentKeys(parts.clip, parts.source.sha256)
    key = keys.preview(delivery.delivery)
    with suppress(StoreError):
        if store.stat(key) is None:
            film = made or _render_again(store, parts, delivery, keys, folder)
            if film is None:
                return ""
            store.put(key, film)
        return key
    return ""


def render_preview(original: Path, delivered: Path, stream_index: int) -> Path | None:
    """Make the film beside ``delivered``; None if FFmpeg's program cannot show that stream of the source."""
    from stylize.pictures.preview import render_side_by_side

    film = delivered.with_name("side-by-side.mp4")
    try:
        render_side_by_side(original, delivered, film, stream_index=stream_index)
    except EncodeError:
        return None
    return film


def _render_again(
    store: MediaStore, parts: "Parts", delivery: Delivery, keys: ContentKeys, folder: Path
) -> Path | None:
    with (
        original_file(store, keys, folder) as original,
        store.as_file(delivery.video_key, folder, sha256=delivery.video_sha256) as delivered,
    ):
        return render_preview(original, delivered, parts.manifest.video.stream_index)


def preview_pictures(store: MediaStore, key: str, folder: Path) -> dict[str, Any]:
    """Poster and loop of the film at ``key``, by the names that the UI shows; none where there is no film."""
    from stylize.pictures.preview_pictures import pictures_of_preview

    if key:
        with suppress(VideoError, StoreError), store.as_file(key, folder) as film:
            poster, loop = pictures_of_preview(film)
            return {"poster": poster, "preview": loop}
    return {}
