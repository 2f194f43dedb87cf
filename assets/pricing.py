"""A price before a clip is styled, the check that holds a dear clip, and what it came to afterwards.

The check is the hold: automation starts no segment of a clip whose check failed, and approving a clip evaluates it
again. The step itself looks at the records, by :func:`resources.quote.refuse_held`, so that a person who starts it is
told the same.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from dagster_project.partitions import cell_key, clips, parse_cell
from dagster_project.video.manifest import VideoManifest
from resources.media_store import MediaStore
from resources.pricing import PricingResource
from resources.quote import Quote, Speed, explain_hold, find_hold
from resources.records import SourceRecord
from resources.store_layout import quote_key, source_record_key

BUDGET_CHECK: Final = "within_budget"

MAX_RECORDS = 2000
"""Latest events of styled_frames that a speed is taken from; most of them are cells that a clip does not need."""

SIMILAR_SIZE = 2.0
"""Pictures whose pixels differ by no more than this factor are painted about equally fast per pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StyledSample:
    """What one segment took: painted frames of so many pixels, on an engine such as ``torch cuda bf16``."""

    engine: str
    pixels: int
    num_frames: int
    seconds: float


def quote_source(
    store: MediaStore, instance: dg.DagsterInstance, pricing: PricingResource, source: SourceRecord, clip: str,
    manifest: VideoManifest,
) -> Quote:  # fmt: skip
    """Say what styling the clip is expected to take, and keep it with the records of the clip."""
    video = manifest.video
    speed = measured_speed(_samples(store, instance), pixels=video.width * video.height) or pricing.presumed_speed()
    quote = pricing.quote(
        sha256=source.sha256, num_frames=video.num_frames, width=video.width, height=video.height, speed=speed
    )
    quote.write(store, quote_key(clip))
    return quote


def measured_speed(samples: Iterator[StyledSample], *, pixels: int) -> Speed | None:
    """The speed of the engine that styled most of late, from pictures of a similar size where there are any."""
    found = list(samples)
    if not found:
        return None
    ((engine, _),) = Counter(sample.engine for sample in found).most_common(1)
    same_engine = [sample for sample in found if sample.engine == engine]
    similar = [it for it in same_engine if 1 / SIMILAR_SIZE <= it.pixels / pixels <= SIMILAR_SIZE]
    used = similar or same_engine
    megapixels = sum(sample.num_frames * sample.pixels for sample in used) / 1e6
    size = "pictures of a similar size" if similar else "pictures of other sizes"
    return Speed(
        seconds_per_megapixel=sum(sample.seconds for sample in used) / megapixels,
        device="cuda" if "cuda" in engine.split() else "cpu",
        basis=f"measured on {len(used)} segments with {engine}, {size}",
    )


def _samples(store: MediaStore, instance: dg.DagsterInstance) -> Iterator[StyledSample]:
    """What the segments took that were styled last, as far as their clips are known."""
    pixels: dict[str, int] = {}
    for record in instance.fetch_materializations(dg.AssetKey("styled_frames"), limit=MAX_RECORDS).records:
        found = _sample_facts(record)
        if found is None or record.partition_key is None:
            continue
        clip, _ = parse_cell(record.partition_key)
        if clip not in pixels:
            quote = Quote.find(store, quote_key(clip))
            pixels[clip] = quote.width * quote.height if quote else 0
        if pixels[clip]:
            yield StyledSample(pixels=pixels[clip], **found)


def _sample_facts(record: dg.EventLogRecord) -> dict[str, Any] | None:
    metadata = record.asset_materialization.metadata if record.asset_materialization else {}
    if not {"styled_frames", "seconds", "engine"} <= metadata.keys():
        return None
    num_frames, seconds = int(_value(metadata, "styled_frames")), float(_value(metadata, "seconds"))
    return (
        {"engine": str(_value(metadata, "engine")), "num_frames": num_frames, "seconds": seconds}
        if num_frames
        else None
    )


def _value(metadata: Mapping[str, Any], name: str) -> Any:
    return metadata[name].value


def budget_check_spec() -> dg.AssetCheckSpec:
    """Specification of the check that holds a clip."""
    return dg.AssetCheckSpec(
        BUDGET_CHECK,
        asset="source_video",
        description="Styling the clip is expected to cost no more than its budget, or somebody approved it. While this"
        " fails, no segment is styled: approve the clip with approve_clip_job, or `stylize approve CLIP`.",
        partitions_def=clips,
    )


def budget_result(store: MediaStore, clip: str) -> dg.AssetCheckResult:
    """Whether the clip may be styled, as its records say now."""
    held = find_hold(store, clip)
    return dg.AssetCheckResult(
        check_name=BUDGET_CHECK,
        asset_key="source_video",
        passed=held is None,
        description=None if held is None else explain_hold(clip, held),
        metadata=describe_quote(Quote.find(store, quote_key(clip))),
    )


def describe_quote(quote: Quote | None) -> dict[str, Any]:
    """What an operator wants to know of a quote, as metadata."""
    if quote is None:
        return {}
    minutes = "quoted_gpu_minutes" if quote.device == "cuda" else "quoted_cpu_minutes"
    cost = {} if quote.cost is None else {"quoted_cost": quote.cost, "currency": quote.currency}
    budget = {} if quote.budget is None else {"budget": quote.budget}
    return {minutes: round(quote.minutes, 2), **cost, **budget, "quote_basis": quote.basis}


def cost_of_clip(
    store: MediaStore, instance: dg.DagsterInstance, pricing: PricingResource, clip: str, num_segments: int
) -> dict[str, Any]:
    """What styling the clip's present segments took, next to what was quoted, as metadata of the delivery.

    Summed over all runs that styled frames of this clip since its content was quoted; what a killed run painted without
    recording its segment is not in it.
    """
    source = SourceRecord.find(store, source_record_key(clip))
    quote = Quote.find(store, quote_key(clip))
    if source is None or quote is None or quote.sha256 != source.sha256:
        return {}
    cells = [cell_key(clip, segment) for segment in range(num_segments)]
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey("styled_frames"), asset_partitions=cells)
    latest: dict[str, float] = {}
    for record in instance.fetch_materializations(wanted, limit=4 * num_segments).records:
        facts = _sample_facts(record)
        if facts and record.partition_key and record.partition_key not in latest:
            latest[record.partition_key] = facts["seconds"]
    seconds = sum(latest.values())
    cost = pricing.cost(seconds, device=quote.device)
    actual = {"styling_minutes": round(seconds / 60, 2)}
    return actual | ({} if cost is None else {"styling_cost": round(cost, 4)}) | describe_quote(quote)
