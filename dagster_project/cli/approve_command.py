"""``stylize approve``: let a clip go on that costs more than its budget."""

from dagster_project.cli.deployment import named_clip, open_deployment
from dagster_project.cli.interrupts import Interrupts
from dagster_project.cli.runs import LocalRuns
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from stylize.records.quote import find_hold


def approve_clip(settings: Settings, clip: str) -> list[str]:
    """Approve the quoted cost of ``clip``, a partition key or an upload's name; returns lines that say what was done.

    Runs ``approve_clip_job``, so that the UI shows what was approved, and when.

    Raises:
        ApprovalError: the clip is unknown, or has not been read yet.
    """
    key, interrupts = named_clip(clip), Interrupts()
    with open_deployment(settings) as deployment, interrupts.noticed():
        held = find_hold(deployment.store, key)
        runs = LocalRuns(build_defs(settings), deployment.instance, interrupts)
        runs.run("approve_clip_job", config={"approve_clip": {"clip": key}})
    if held is None:
        return [f"{key} is not held: there is nothing to approve"]
    return [
        f"approved {key}: {held.describe_cost()} for {held.minutes:.1f} minutes on {held.device}",
        "automation starts its segments at its next look; `stylize video` does when it is run again",
    ]
