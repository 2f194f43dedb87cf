"""What all clips took: a row per clip, taken from the totals of its last report.

Lies in ``clips/_all/``, as Parquet and CSV; one for all clips. Clips that were retired stay in it.
"""

from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from assets.embedded_pictures import CLIP_BUDGET_BYTES, embed
from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.processing_report import processing_report
from stylize import code_versions
from stylize.records.report_files import find_clips_table, read_totals, write_clips_table
from stylize.store.media_store import MediaStore

if TYPE_CHECKING:
    import pandas as pd

SUMS: Final = (
    *("frames", "waiting_seconds", "running_seconds", "gpu_seconds", "cpu_seconds", "retries"),
    *("delivered_bytes", "stored_bytes", "storage_requests", "duration_seconds"),
)
OVERLAP_SECONDS: Final = 60.0
"""Reports that were recorded while the last table was being made are read again."""


def _at_most_every_quarter_of_an_hour() -> dg.AutomationCondition:
    """When some clip was reported; many clips that finish together are one update."""
    condition = dg.AutomationCondition
    handled = condition.newly_requested() | condition.newly_updated()
    reported = condition.any_deps_match(condition.newly_updated()).since(handled).with_label("a clip was reported")
    quarter = condition.cron_tick_passed("*/15 * * * *").since(handled).with_label("a quarter of an hour is over")
    return (reported & quarter & ~condition.in_progress()).with_label("new reports")


@dg.asset(
    deps=[dg.AssetDep(processing_report, partition_mapping=dg.AllPartitionMapping())],
    automation_condition=_at_most_every_quarter_of_an_hour(),
    group_name="reports",
    kinds={"pandas"},
    owners=["team:video-operations"],
    code_version=code_versions.REPORT,
    retry_policy=TRANSIENT_RETRIES,
)
def all_clips_report(context: dg.AssetExecutionContext, store: dg.ResourceParam[MediaStore]) -> dg.MaterializeResult:
    """What all clips took, a row per clip: speed, waiting, tries, bytes, GPU seconds, estimated cost."""
    from stylize.pictures.plots import draw_clips, rendered

    with failures_explained():
        table = _updated(store, find_clips_table(store), context.instance)
        place = write_clips_table(store, table)
    plot = None if table.empty else rendered(draw_clips(table))
    pictures = embed({"clips": plot}, budget_bytes=CLIP_BUDGET_BYTES)
    context.add_asset_metadata(pictures | {"clips_file": place, **_describe(table)})
    return dg.MaterializeResult()


def _updated(store: MediaStore, before: "pd.DataFrame | None", instance: dg.DagsterInstance) -> "pd.DataFrame":
    """The table with the clips that were reported since it was written; those that are new stand at its end."""
    import pandas as pd

    reported = _reported_clips(instance, since_last=before is not None)
    new = pd.DataFrame(read_totals(store, reported))
    if before is None:
        return new
    if new.empty:
        return before
    kept: Any = before[~before["clip"].isin(new["clip"])]  # also of clips that were reported, and retired since
    return pd.concat([kept, new], ignore_index=True)


def _reported_clips(instance: dg.DagsterInstance, *, since_last: bool) -> list[str]:
    """Clips with a report, each once, in the order of their last reports; all, or those since the last table."""
    last = instance.get_latest_materialization_event(dg.AssetKey("all_clips_report")) if since_last else None
    after = last.timestamp - OVERLAP_SECONDS if last else None
    wanted = dg.AssetRecordsFilter(dg.AssetKey("processing_report"), after_timestamp=after)
    clips: list[str] = []
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(wanted, limit=1000, cursor=cursor, ascending=True)
        clips += [str(record.partition_key) for record in page.records]
        if not page.has_more:
            return list(dict.fromkeys(reversed(clips)))[::-1]
        cursor = page.cursor


def _describe(table: "pd.DataFrame") -> dict[str, Any]:
    if table.empty:
        return {"number_of_clips": 0}
    sums = {name: table[name].sum().item() for name in SUMS}
    cost: Any = table.dropna(subset=["estimated_cost"]).groupby("currency")["estimated_cost"].sum()
    return {"number_of_clips": len(table), **sums, "estimated_cost": cost.round(4).to_dict() or "not known"}
