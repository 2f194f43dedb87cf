"""The delivered video, its receipt and its table of frames.

Lies in ``delivery/<clip>/<delivery>/``; partitioned by clip. Chunks are joined without decoding or encoding; sound and
everything else comes from the snapshot of the upload. The finished file is read back and checked before anything is
published: what is wrong or incomplete is never delivered.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import dagster as dg

from assets.audio_track import audio_track
from assets.automation import when_inputs_are_fresh
from assets.checks import delivery_check_specs, flicker_check_spec, flicker_result, recorded_results, results_of
from assets.delivery import assemble, delivery_digest, find_delivery, gather_parts
from assets.delivery_page import ensure_page
from assets.delivery_preview import ensure_preview, preview_pictures
from assets.embedded_pictures import CLIP_BUDGET_BYTES, embed
from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.pricing import cost_of_clip
from assets.publishing import publish
from assets.source_video import source_video
from assets.steadiness import measure_delivery
from assets.storage_use import storage_use, storage_use_of_clip
from assets.styled_frames import styled_frames
from dagster_project.partitions import clips, grid_by_clip
from resources.clip_lease import ClipLease
from resources.deployment import DecoderResource, ScratchResource
from resources.pricing import PricingResource
from resources.progress import Progress
from resources.stored_progress import StoredProgress
from stylize import code_versions
from stylize.errors import VerificationError
from stylize.records.receipt import Receipt
from stylize.records.records import ClipSettings, Delivery, SourceRecord
from stylize.store.keys import settings_key, source_record_key
from stylize.store.media_store import MediaStore


def find_current_delivery(store: MediaStore, clip: str) -> Delivery | None:
    """The delivery of the content that was read last, in the look that is set now; None if it is not there."""
    source = SourceRecord.find(store, source_record_key(clip))
    settings = ClipSettings.find(store, settings_key(clip))
    return find_delivery(store, clip, delivery_digest(source, settings)) if source and settings else None


def _refuse_failed(clip: str, results: list[dg.AssetCheckResult]) -> None:
    failed = [f"{result.check_name} ({result.description})" for result in results if not result.passed]
    if failed:
        raise VerificationError(f"clip {clip!r} was not delivered, because checks failed: {'; '.join(failed)}")


@dg.asset(
    partitions_def=clips,
    deps=[
        source_video,
        audio_track,
        dg.AssetDep(styled_frames, partition_mapping=grid_by_clip),
    ],
    check_specs=[*delivery_check_specs(), flicker_check_spec("final_video", clips)],
    automation_condition=when_inputs_are_fresh(),
    group_name="delivery",
    kinds={"mp4"},
    owners=["team:video-operations"],
    code_version=code_versions.DELIVER,
    retry_policy=TRANSIENT_RETRIES,
)
def final_video(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[MediaStore],
    lease: dg.ResourceParam[ClipLease],
    progress: dg.ResourceParam[Progress],
    decoder: DecoderResource,
    scratch: ScratchResource,
    pricing: PricingResource,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """The restyled video as the customer gets it: same sound, same timing, no frame lost; with its receipt."""
    clip, before = context.partition_key, store.usage
    reported = StoredProgress(shown=progress, store=store, clip=clip, run_id=context.run_id)
    with failures_explained(), lease.shared(clip), scratch.folder() as folder:
        parts = gather_parts(store, clip)
        delivery, assembled = find_delivery(store, clip, parts.delivery), None
        if delivery is not None:
            results = recorded_results(Receipt.read(store, delivery.receipt_key).checks)
        else:
            assembled = assemble(store, parts, folder, decoder=decoder, progress=reported)
            results = results_of(assembled.verification)
            if not all(result.passed for result in results):
                yield from results
                _refuse_failed(clip, results)
            checks = {str(result.check_name): result.passed for result in results}
            flicker = measure_delivery(store, parts, assembled, folder).to_dict(parts.manifest.video)
            earlier = storage_use_of_clip(context.instance, clip, len(parts.plan.segments))
            delivery = publish(
                store, parts, assembled, checks, folder, flicker=flicker, used=lambda: earlier + (store.usage - before)
            )
        receipt = Receipt.read(store, delivery.receipt_key)
        cost = cost_of_clip(store, context.instance, pricing, clip, len(parts.plan.segments))
        preview_key = ensure_preview(store, parts, delivery, folder, made=assembled.preview if assembled else None)
        page_key = ensure_page(store, parts, delivery, receipt, folder, made=assembled.file if assembled else None)
        pictures = embed(preview_pictures(store, preview_key, folder), budget_bytes=CLIP_BUDGET_BYTES)
    context.add_asset_metadata(
        pictures | _describe(store, delivery, receipt, preview_key, page_key) | cost | storage_use(store, since=before)
    )
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(delivery.video_sha256),
        check_results=[*results, flicker_result("final_video", receipt.flicker)],
    )


def _describe(
    store: MediaStore, delivery: Delivery, receipt: Receipt, preview_key: str, page_key: str
) -> dict[str, Any]:
    return {
        "video": store.location(delivery.video_key),
        "receipt": store.location(delivery.receipt_key),
        "frames_table": store.location(delivery.table_key),
        "side_by_side": store.location(preview_key) if preview_key else "none: the source cannot be shown",
        "page": store.location(page_key) if page_key else "none: the delivery cannot be shown",
        "frames": receipt.counts["frames"],
        "segments": receipt.counts["segments"],
        "duration_seconds": float(Fraction(receipt.delivered["duration_seconds"])),
        "picture": f"{receipt.delivered['width']}x{receipt.delivered['height']}",
        "style": receipt.settings["style"],
        "controls": receipt.settings.get("controls", "none"),
        "notes": "; ".join(receipt.notes) or "none",
        "size_bytes": receipt.delivered["size_bytes"],
        "sha256": delivery.video_sha256,
    }
