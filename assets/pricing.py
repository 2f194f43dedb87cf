"""A price before a clip is styled, the check that holds a dear clip, and what it came to afterwards.

The check is the hold: automation starts no segment of a clip whose check failed, and approving a clip evaluates it
again. The step itself looks at the records (:func:`stylize.records.quote.refuse_held`), so that a person who starts it
is told the same.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation  # to report a result

from dagster_project.partitions import cell_key, clips
from resources.pricing import PricingResource
from stylize.records.quote import RELATIVE_SECONDS, Quote, Speed, explain_hold, find_hold, find_quote, priced_pixels
from stylize.records.records import SourceRecord
from stylize.store.keys import quote_key, source_record_key
from stylize.store.media_store import MediaStore
from stylize.style.controls.controls import USUAL_STYLE_SCALE, Controls
from stylize.style.controls.quality import Quality
from stylize.video.source.manifest import VideoManifest

BUDGET_CHECK: Final = "within_budget"

MAX_RECORDS = 2000
"""Latest events of styled_frames that a speed is taken from; most of them are cells that a clip does not need."""

SIMILAR_SIZE = 2.0
"""Pictures whose pixels differ by no more than this factor are painted about equally fast per pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StyledSample:
    """What one segment took: frames priced by so many pixels, on an engine such as ``torch cuda bf16``."""

    engine: str
    quality: Quality
    pixels: int
    num_frames: int
    seconds: float


def quote_source(
    store: MediaStore, instance: dg.DagsterInstance, pricing: PricingResource, source: SourceRecord, clip: str,
    manifest: VideoManifest, quality: Quality,
) -> Quote:  # fmt: skip
    """Say what styling the clip is expected to take, in ``quality`` as long as it has no look, and record it."""
    video = manifest.video
    pixels = priced_pixels(Controls(style_scale=USUAL_STYLE_SCALE), width=video.width, height=video.height)
    speed = measured_speed(_samples(instance), pixels=pixels) or pricing.presumed_speed()
    quote = pricing.quote(
        sha256=source.sha256, num_frames=video.num_frames, width=video.width, height=video.height, speed=speed,
        quality=quality,
    )  # fmt: skip
    quote.write(store, quote_key(clip))
    return quote


def measured_speed(samples: Iterator[StyledSample], *, pixels: int) -> Speed | None:
    """The speed of the engine that styled most of late, from pictures of a similar size where there are any.

    A quality in which nothing was styled is presumed to be slower or faster than the others as it usually is.
    """
    found = list(samples)
    if not found:
        return None
    ((engine, _),) = Counter(sample.engine for sample in found).most_common(1)
    same_engine = [sample for sample in found if sample.engine == engine]
    similar = [it for it in same_engine if 1 / SIMILAR_SIZE <= it.pixels / pixels <= SIMILAR_SIZE]
    used = similar or same_engine
    size = "pictures of a similar size" if similar else "pictures of other sizes"
    return Speed(
        seconds_per_megapixel={quality: _seconds_per_megapixel(used, quality) for quality in RELATIVE_SECONDS},
        device="cuda" if "cuda" in engine.split() else "cpu",
        basis=f"measured on {len(used)} segments with {engine}, {size}",
    )


def _seconds_per_megapixel(samples: Sequence[StyledSample], quality: Quality) -> float:
    same = [sample for sample in samples if sample.quality == quality]
    seconds = sum(it.seconds * RELATIVE_SECONDS[quality] / RELATIVE_SECONDS[it.quality] for it in same or samples)
    return seconds / sum(it.num_frames * it.pixels / 1e6 for it in same or samples)


def _samples(instance: dg.DagsterInstance) -> Iterator[StyledSample]:
    """What the segments took that were styled last."""
    for record in instance.fetch_materializations(dg.AssetKey("styled_frames"), limit=MAX_RECORDS).records:
        sample = _sample(record)
        if sample is not None:
            yield sample


def _sample(record: dg.EventLogRecord) -> StyledSample | None:
    """None of a segment that took nothing, or that was styled before there were qualities."""
    metadata = record.asset_materialization.metadata if record.asset_materialization else {}
    if not {"styled_frames", "seconds", "engine", "quality", "priced_pixels"} <= metadata.keys():
        return None
    value = {name: entry.value for name, entry in metadata.items()}
    sample = StyledSample(
        engine=str(value["engine"]),
        quality=cast("Quality", value["quality"]),
        pixels=cast("int", value["priced_pixels"]),
        num_frames=cast("int", value["styled_frames"]),
        seconds=cast("float", value["seconds"]),
    )
    return sample if sample.num_frames else None


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
        metadata=describe_quote(find_quote(store, clip)),
    )


def report_budget_check(context: dg.OpExecutionContext, store: MediaStore, clip: str) -> None:
    """Record the present result of the check, as one of a run that does not materialize ``source_video``.

    Not without a run: Dagster keeps one result per check, partition and run, and would refuse the second.
    """
    result = budget_result(store, clip)
    evaluation = AssetCheckEvaluation(
        asset_key=dg.AssetKey("source_video"),
        check_name=str(result.check_name),
        passed=result.passed,
        description=result.description,
        metadata=result.metadata,
        partition=clip,
    )
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
        job_name=context.job_name,
        event_specific_data=evaluation,
    )
    context.instance.report_dagster_event(event, run_id=context.run_id)


def describe_quote(quote: Quote | None) -> dict[str, Any]:
    """What an operator wants to know of a quote, as metadata."""
    if quote is None:
        return {}
    minutes = "quoted_gpu_minutes" if quote.device == "cuda" else "quoted_cpu_minutes"
    cost = {} if quote.cost is None else {"quoted_cost": quote.cost, "currency": quote.currency}
    budget = {} if quote.budget is None else {"budget": quote.budget}
    by_quality = ", ".join(f"{name} {speed:.3g}" for name, speed in quote.seconds_per_megapixel.items())
    speeds = {"quoted_seconds_per_megapixel": by_quality} if by_quality else {}
    return {minutes: round(quote.minutes, 2), **speeds, **cost, **budget, "quote_basis": quote.basis}


def cost_of_clip(
    store: MediaStore, instance: dg.DagsterInstance, pricing: PricingResource, clip: str, num_segments: int
) -> dict[str, Any]:
    """What styling the clip's present segments took, next to what was quoted, as metadata of the delivery.

    Summed over all runs that styled frames of this clip since its content was quoted; what a killed run painted without
    recording its segment is not in it.
    """
    source = SourceRecord.find(store, source_record_key(clip))
    quote = find_quote(store, clip)
    if source is None or quote is None or quote.sha256 != source.sha256:
        return {}
    cells = [cell_key(clip, segment) for segment in range(num_segments)]
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey("styled_frames"), asset_partitions=cells)
    latest: dict[str, float] = {}
    for record in instance.fetch_materializations(wanted, limit=4 * num_segments).records:
        sample = _sample(record)
        if sample and record.partition_key and record.partition_key not in latest:
            latest[record.partition_key] = sample.seconds
    seconds = sum(latest.values())
    cost = pricing.cost(seconds, device=quote.device)
    actual = {"styling_minutes": round(seconds / 60, 2)}
    return actual | ({} if cost is None else {"styling_cost": round(cost, 4)}) | describe_quote(quote)
