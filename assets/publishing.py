"""Publish a delivery: the video, its table of frames and its receipt, each once and never changed."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from assets.delivery import Assembled, Parts
from stylize.errors import PreconditionError, StoreError
from stylize.records.receipt import Receipt, current_versions
from stylize.records.records import Delivery, SegmentRecord, digest_of_file
from stylize.store.keys import ContentKeys, delivery_key, latest_delivery_key
from stylize.store.media_store import MediaStore, StoreUsage


def publish(
    store: MediaStore,
    parts: Parts,
    assembled: Assembled,
    checks: dict[str, bool],
    folder: Path,
    *,
    flicker: dict[str, Any],
    used: Callable[[], StoreUsage],
) -> Delivery:
    """Publish the video, its table and its receipt, and then make them the clip's latest delivery.

    ``flicker`` is what was found; ``used`` says what the clip cost its store until it is called.

    Raises:
        StoreError: another file lies where an immutable delivery shall be.
    """
    from stylize.records.frames_table import write_frames_table

    table = folder / "frames.parquet"
    num_rows = write_frames_table(parts.manifest.video, parts.segments, table)
    video_key, video_sha256 = _put_once(store, parts, assembled.file)
    table_key, table_sha256 = _put_once(store, parts, table)
    receipt = _receipt(
        parts,
        assembled,
        checks,
        video_sha256,
        flicker=flicker,
        table={"sha256": table_sha256, "rows": num_rows},
        storage=_describe_storage(store, parts, used(), assembled.file.stat().st_size + table.stat().st_size),
    )
    receipt_key, receipt_sha256 = _put_receipt_once(store, parts, receipt, folder)
    delivery = Delivery(
        delivery=parts.delivery,
        video_key=video_key,
        video_sha256=video_sha256,
        table_key=table_key,
        table_sha256=table_sha256,
        receipt_key=receipt_key,
        receipt_sha256=receipt_sha256,
    )
    delivery.write(store, latest_delivery_key(parts.clip))
    return delivery


def _put_once(store: MediaStore, parts: Parts, file: Path) -> tuple[str, str]:
    key = delivery_key(parts.clip, parts.delivery, file.name)
    try:
        return key, store.put(key, file, if_absent=True).sha256
    except PreconditionError:
        present = store.digest(key)
    if present != digest_of_file(file):
        raise StoreError(
            f"another {key!r} was delivered before, and deliveries are never changed: it has SHA-256 {present};"
            " remove it by hand if it is wrong, then materialize final_video again"
        )
    return key, present


def _put_receipt_once(store: MediaStore, parts: Parts, receipt: Receipt, folder: Path) -> tuple[str, str]:
    """Like :func:`_put_once`; one of a run that was killed may count other requests, and have seen other frames."""
    file = folder / "receipt.json"
    key = delivery_key(parts.clip, parts.delivery, file.name)
    present = Receipt.find(store, key)
    if present is not None:
        receipt = replace(receipt, storage=present.storage, flicker=present.flicker)
    file.write_text(json.dumps(receipt.to_dict(), indent=2, ensure_ascii=False))
    return _put_once(store, parts, file)


def _describe_storage(store: MediaStore, parts: Parts, used: StoreUsage, delivered_bytes: int) -> dict[str, Any]:
    keys = ContentKeys(parts.clip, parts.source.sha256)
    split = (SegmentRecord.find(store, keys.frames_segment(segment.index)) for segment in parts.plan.segments)
    return {
        "stored_bytes": {
            "original": parts.source.size_bytes,
            "frames": sum(record.size_bytes for record in split if record),
            "styled": sum(record.size_bytes for record in parts.segments),
            "delivered": delivered_bytes,
        },
        "requests": used.requests,
        "sent_bytes": used.sent_bytes,
        "received_bytes": used.received_bytes,
    }


def _receipt(
    parts: Parts,
    assembled: Assembled,
    checks: dict[str, bool],
    video_sha256: str,
    *,
    flicker: dict[str, Any],
    table: dict[str, Any],
    storage: dict[str, Any],
) -> Receipt:
    return Receipt(
        clip=parts.clip,
        source=_describe_source(parts),
        delivered=_describe_delivered(parts, assembled, video_sha256),
        counts={
            "frames": parts.manifest.video.num_frames,
            "segments": len(parts.segments),
            "chunks": len(parts.plan.chunks),
        },
        audio=[facts.to_dict() for facts in assembled.verification.sound],
        other_tracks=[track.to_dict() for track in assembled.report.tracks],
        settings=parts.settings.to_dict()
        | {"look": parts.settings.look, "controls": parts.settings.describe_controls()},
        frames_table=table,
        storage=storage,
        checks=checks,
        flicker=flicker,
        versions=current_versions(),
        notes=[*parts.manifest.notes, *assembled.picture.notes, *assembled.report.notes],
    )


def _describe_source(parts: Parts) -> dict[str, Any]:
    video = parts.manifest.video
    return {
        "upload": parts.source.landing_key,
        "sha256": parts.source.sha256,
        "size_bytes": parts.source.size_bytes,
        "container": parts.manifest.container,
        "stream_index": video.stream_index,
        "codec": video.codec,
        "width": video.width,
        "height": video.height,
        "pixel_format": video.pixel_format,
        "time_base": str(video.time_base),
        "start_seconds": str(video.start_seconds),
        "duration_seconds": str(video.duration_seconds),
    }


def _describe_delivered(parts: Parts, assembled: Assembled, video_sha256: str) -> dict[str, Any]:
    picture = assembled.picture
    return {
        "name": assembled.file.name,
        "sha256": video_sha256,
        "size_bytes": assembled.file.stat().st_size,
        "width": picture.width,
        "height": picture.height,
        "sample_aspect_ratio": str(picture.sample_aspect_ratio),
        "color": asdict(picture.color),
        "duration_seconds": str(parts.manifest.video.duration_seconds),
        "shift_seconds": str(assembled.report.shift_seconds),
        "rounding_seconds": str(assembled.report.rounding_seconds),
    }
