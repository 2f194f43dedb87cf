"""What a delivery took: time per frame and per segment, waiting, tries, bytes, GPU seconds, an estimate of its cost.

Lies in ``clips/<clip>/reports/<delivery>/``, as Parquet and CSV; partitioned by clip. Times were measured while the
frames were styled, tries and waiting stand in Dagster's event log, bytes in the receipt and in the metadata of the
steps.
"""

import io
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.automation import when_inputs_are_fresh
from assets.embedded_pictures import CLIP_BUDGET_BYTES, embed
from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.final_video import final_video
from assets.storage_use import storage_use_of_cells
from assets.tries import tries_of_clip
from dagster_project.partitions import clips
from resources.pricing import PricingResource
from stylize import code_versions
from stylize.prices import Prices
from stylize.records.receipt import Receipt
from stylize.records.records import Delivery, SegmentRecord
from stylize.records.report_files import write_clip_report
from stylize.records.segment_times import find_segment_times
from stylize.store.keys import ContentKeys, latest_delivery_key
from stylize.store.media_store import MediaStore

if TYPE_CHECKING:
    import pandas as pd

    from stylize.pictures.clip_report import Facts


def gather_facts(
    store: MediaStore, instance: dg.DagsterInstance, clip: str, delivery: Delivery, prices: Prices
) -> "Facts":
    """Collect what the report on ``delivery`` is made from.

    Raises:
        ObjectMissingError: the delivery is not there as it was published.
        IntegrityError: it is damaged.
    """
    import pandas as pd

    from stylize.pictures.clip_report import Facts

    receipt = Receipt.read(store, delivery.receipt_key)
    num_segments = receipt.counts["segments"]
    keys = ContentKeys(clip, receipt.source["sha256"])
    records = [SegmentRecord.find(store, keys.styled_segment(segment)) for segment in range(num_segments)]
    return Facts(
        clip=clip,
        receipt=receipt.to_dict(),
        frames=pd.read_parquet(io.BytesIO(store.read_bytes(delivery.table_key, sha256=delivery.table_sha256))),
        times=_times(store, keys, receipt.settings["look"], num_segments),
        segment_bytes={record.segment: record.size_bytes for record in records if record},
        storage=storage_use_of_cells(instance, "styled_frames", clip, num_segments),
        tries=tries_of_clip(instance, clip, num_segments),
        prices=prices,
    )


def _times(store: MediaStore, keys: ContentKeys, look: str, num_segments: int) -> "pd.DataFrame":
    import pandas as pd

    found = [find_segment_times(store, keys.styled_times(look, segment)) for segment in range(num_segments)]
    tables = [table for table in found if table is not None]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


@dg.asset(
    partitions_def=clips,
    deps=[final_video],
    automation_condition=when_inputs_are_fresh(),
    group_name="reports",
    kinds={"pandas"},
    owners=["team:video-operations"],
    code_version=code_versions.REPORT,
    retry_policy=TRANSIENT_RETRIES,
)
def processing_report(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[MediaStore], pricing: PricingResource
) -> dg.MaterializeResult:
    """What the delivery took: time per frame and segment, waiting, tries, bytes, GPU seconds, estimated cost."""
    from stylize.pictures.clip_report import frames_table, segments_table, totals
    from stylize.pictures.tries import tries_table

    clip = context.partition_key
    with failures_explained():
        delivery = Delivery.read(store, latest_delivery_key(clip))
        facts = gather_facts(store, context.instance, clip, delivery, pricing.prices)
        frames = frames_table(facts)
        tables = {"frames": frames, "segments": segments_table(facts, frames), "tries": tries_table(facts.tries)}
        figures = totals(facts, frames)
        places = write_clip_report(store, clip, delivery.delivery, tables, figures)
    described = {name: "not known" if value is None else value for name, value in figures.items()}
    context.add_asset_metadata(
        embed(_plots(tables), budget_bytes=CLIP_BUDGET_BYTES)
        | described
        | {f"{name}_file": place for name, place in places.items()}
    )
    return dg.MaterializeResult()


def _plots(tables: "dict[str, pd.DataFrame]") -> dict[str, Any]:
    from stylize.pictures.plots import draw_segments, draw_timeline, rendered
    from stylize.video.measure.flicker import FLICKER_THRESHOLD

    return {
        "timeline": rendered(draw_timeline(tables["frames"], flicker_threshold=FLICKER_THRESHOLD)),
        "segments": rendered(draw_segments(tables["segments"])),
    }
