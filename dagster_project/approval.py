"""Approval: a clip that is expected to cost more than its budget goes on once somebody allows it."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from assets.failures import failures_explained
from assets.pricing import report_budget_check
from stylize.errors import ApprovalError
from stylize.records.quote import Approval, Quote, find_hold
from stylize.store.keys import approval_key, quote_key, registration_key
from stylize.store.media_store import MediaStore


def approve(store: MediaStore, clip: str) -> Quote | None:
    """Allow the present content of a clip to be styled at its quoted cost, in any look that costs no more.

    Automation waits for the check of ``source_video``, which :func:`approve_clip` evaluates after this.

    Args:
        store: where the clip lies.
        clip: partition key.

    Returns:
        The quote that was approved; None if the clip was not held.

    Raises:
        ApprovalError: the clip is unknown, or has not been read yet.
    """
    if store.stat(registration_key(clip)) is None:
        raise ApprovalError(f"unknown clip {clip!r}: `stylize status` lists the clips that there are")
    if Quote.find(store, quote_key(clip)) is None:
        raise ApprovalError(f"clip {clip!r} has no quote yet: it is made when source_video is materialized")
    held = find_hold(store, clip)
    if held is not None and held.cost is not None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        approval = Approval(sha256=held.sha256, cost=held.cost, currency=held.currency, approved_at=now)
        approval.write(store, approval_key(clip))
    return held


class ApproveClipConfig(dg.Config):
    """Which clip."""

    clip: str = Field(description="Partition key of a clip that waits for approval of its cost.")


@dg.op
def approve_clip(
    context: dg.OpExecutionContext, config: ApproveClipConfig, store: dg.ResourceParam[MediaStore]
) -> None:
    """Allow a clip to cost what it was quoted; automation then goes on with it."""
    with failures_explained():
        approved = approve(store, config.clip)
    # Also if nothing held it: a result that does not fit the records must not stay.
    report_budget_check(context, store, config.clip)
    cost = approved.describe_cost() if approved else "nothing: it was not held"
    context.log.info("approved %s: %s", config.clip, cost)
    context.add_output_metadata({"clip": config.clip, "approved": cost})


@dg.job(description="Approve a clip that is held because it costs more than the budget; automation goes on with it.")
def approve_clip_job() -> None:
    """Run :func:`approve_clip`."""
    approve_clip()
