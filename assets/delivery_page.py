"""The page that shows the current delivery of a clip to whoever ordered it: ``delivery/<clip>/index.html``.

One file, beside the deliveries, which never change: it links what it does not hold. It is made of stored chunks and of
the delivered file, is replaced when a newer delivery becomes current, and holds up a delivery in no case.
"""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from assets.checks import DELIVERY_CHECKS, is_steady
from assets.source_pictures import source_pictures_of_clip
from stylize.errors import StoreError, VideoError
from stylize.records.receipt import Receipt
from stylize.records.records import Delivery
from stylize.store.keys import delivery_page_key
from stylize.store.media_store import MediaStore

if TYPE_CHECKING:
    from assets.delivery import Parts
    from stylize.pictures.before_after import Moment
    from stylize.pictures.delivery_page import DeliveryPage


def ensure_page(
    store: MediaStore, parts: "Parts", delivery: Delivery, receipt: Receipt, folder: Path, *, made: Path | None
) -> str:
    """The key of the page of a delivery; an empty one where it cannot be made.

    Args:
        store: where it shall lie.
        parts: what the delivery is made of.
        delivery: the published one.
        receipt: of it.
        folder: for temporary files.
        made: the delivered file, if it was made just now; None if it has to be read from the store.
    """
    from stylize.pictures.delivery_page import render_page

    key = delivery_page_key(parts.clip)
    with suppress(StoreError, VideoError):
        if not find_page(store, parts.clip, delivery):
            moments = _moments(store, parts, delivery, folder, made)
            store.put(key, render_page(_describe(key, delivery, receipt, moments)))
        return key
    return ""


def find_page(store: MediaStore, clip: str, delivery: Delivery) -> str:
    """The key of the page of a clip, if it shows that delivery; an empty one if it does not, or there is none."""
    from stylize.pictures.delivery_page import shows_delivery

    key = delivery_page_key(clip)
    is_there = store.stat(key) is not None
    return key if is_there and shows_delivery(store.read_bytes(key), delivery.delivery) else ""


def _moments(
    store: MediaStore, parts: "Parts", delivery: Delivery, folder: Path, made: Path | None
) -> "Sequence[Moment]":
    from stylize.pictures.before_after import as_displayed, read_moments, spread_frames
    from stylize.video.pixels.pixels import delivered_picture

    track = parts.manifest.video
    aspect = delivered_picture(track).sample_aspect_ratio
    wanted = spread_frames(track.num_frames)
    sources = source_pictures_of_clip(store, parts, wanted, folder)
    displayed = {frame: as_displayed(picture, aspect) for frame, picture in sources}
    stored = store.as_file(delivery.video_key, folder, sha256=delivery.video_sha256)
    with nullcontext(made) if made else stored as delivered:
        return read_moments(delivered, track, displayed)


def _describe(key: str, delivery: Delivery, receipt: Receipt, moments: "Sequence[Moment]") -> "DeliveryPage":
    from stylize.pictures.delivery_page import CheckState, DeliveryPage

    folder = PurePosixPath(key).parent
    video, receipt_file, table = (
        str(PurePosixPath(linked).relative_to(folder))
        for linked in (delivery.video_key, delivery.receipt_key, delivery.table_key)
    )
    return DeliveryPage(
        delivery=delivery.delivery,
        receipt=receipt.to_dict(),
        checks=[
            CheckState(name=name, description=DELIVERY_CHECKS.get(name, name), passed=passed)
            for name, passed in receipt.checks.items()
        ],
        is_steady=is_steady(receipt.flicker),
        moments=moments,
        video_path=video,
        receipt_path=receipt_file,
        table_path=table,
    )
