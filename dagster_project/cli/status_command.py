"""``stylize status``: what every clip is doing and what comes next."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dagster_project.cli.clip_status import ClipStatus, StatusReader
from dagster_project.cli.deployment import named_clip, open_deployment
from dagster_project.cli.terminal import say
from dagster_project.settings import Settings
from resources.daemon import daemon_lives
from stylize.errors import SettingsError
from stylize.records.progress_reports import ProgressReport
from stylize.records.quote import explain_hold

COLORS = {"delivered": "green", "failed": "red", "rejected": "red", "stuck": "red", "held": "yellow"}

NEXT = {
    "uploaded": "upload_sensor takes it up when it has settled",
    "to read": "receive_upload_job reads it",
    "reading": "its frames are split, its sound is read",
    "to split": "automation splits it",
    "splitting": "its segments are styled, each in a run of its own",
    "to style": "automation styles the rest",
    "styling": "delivered when the last segment is done",
    "to deliver": "automation delivers it",
    "delivering": "delivered when its checks pass",
    "rejected": "replace the upload, or the wishes beside it",
    "stuck": "the process of its run is gone: stylize doctor --fix",
}
WAITS_FOR_DAEMON = frozenset({"uploaded", "to read", "to split", "to style", "to deliver"})

NO_DAEMON = "no Dagster daemon gives a sign of life: nothing goes on until one runs (stylize ui)"


def show_status(settings: Settings, clip: str | None, *, as_json: bool) -> None:
    """Print all clips in a table, or one in detail; as JSON, a list in both cases.

    Raises:
        SettingsError: the clip is unknown.
    """
    with open_deployment(settings) as deployment:
        reader = StatusReader(deployment)
        statuses = list(reader.read_all())
        daemon = daemon_lives(deployment.instance)
    if clip is not None:
        statuses = [status for status in statuses if status.clip == named_clip(clip)]
        if not statuses:
            raise SettingsError(f"unknown clip {clip!r}: `stylize status` lists the clips that there are")
    if as_json:
        say(json.dumps([status.to_dict() for status in statuses]))
    elif clip is not None:
        for line in detail_lines(statuses[0], daemon=daemon):
            say(line)
    else:
        print_table(statuses, daemon=daemon, console=Console(file=sys.stdout, highlight=False))


def print_table(statuses: Sequence[ClipStatus], *, daemon: bool, console: Console) -> None:
    """A row per clip; below it what went wrong, whose messages need a line of their own."""
    if not statuses:
        console.print("no clips: drop a video into landing/, or run stylize video FILE")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("clip", overflow="fold", max_width=24)
    table.add_column("state", no_wrap=True)
    table.add_column("segments", no_wrap=True, justify="right")
    table.add_column("what comes next", overflow="fold")
    for status in statuses:
        state = Text(status.state, style=COLORS.get(status.state, ""))
        table.add_row(status.clip, state, _segments(status), Text(_now_or_next(status)))
    console.print(table)
    trouble = [line for status in statuses for line in _trouble(status)]
    for line in ["", *trouble] if trouble else []:
        console.print(line, markup=False, soft_wrap=True)
    if not daemon and any(status.state in WAITS_FOR_DAEMON for status in statuses):
        console.print(
            "no Dagster daemon gives a sign of life: nothing goes on until one runs (stylize ui)", soft_wrap=True
        )


def detail_lines(status: ClipStatus, *, daemon: bool) -> Iterator[str]:
    """Everything about one clip."""
    yield f"{status.clip}: {status.state}"
    if status.work is not None:
        work = status.work
        yield f"  frames     {work.num_frames}"
        yield f"  segments   {work.num_segments}, {work.num_split} split, {work.num_styled} styled"
    for report in status.progress:
        yield f"  now        {describe_progress(report)}"
    for run in status.runs:
        yield f"  run        {run}"
    if status.num_retries:
        yield f"  retries    {status.num_retries}"
    for line in _trouble(status):
        yield f"  {line.removeprefix(f'{status.clip}: ')}"
    if status.delivered:
        yield f"  delivered  {status.delivered}"
    if status.state != "delivered":
        waits = status.state in WAITS_FOR_DAEMON and not daemon
        yield f"  next       {_next(status)}{', once a daemon runs (stylize ui)' if waits else ''}"


def describe_progress(report: ProgressReport) -> str:
    """One running step, in a line."""
    total = "" if report.total is None else f" of {report.total}"
    left = "" if report.seconds_left is None else f", {report.seconds_left:.0f} s left"
    return f"{report.stage}: {report.done}{total} {report.unit}, {report.frames_per_second:.1f}/s{left}"


def _segments(status: ClipStatus) -> str:
    return "" if status.work is None else f"{status.work.num_styled}/{status.work.num_segments}"


def _now_or_next(status: ClipStatus) -> str:
    return "; ".join(map(describe_progress, status.progress)) or _next(status)


def _next(status: ClipStatus) -> str:
    if status.state == "delivered":
        return "/".join(PurePosixPath(status.delivered).parts[-2:])  # whole in the details
    if status.state == "held" and status.hold is not None:
        return f"{status.hold.describe_cost()} quoted, waits for approval"
    if status.state == "failed":
        return f"mend the cause, then materialize {status.failures[0].subject}"
    return NEXT[status.state]


def _trouble(status: ClipStatus) -> Iterator[str]:
    """What a person has to know or to do, a line each."""
    for failure in status.failures:
        run = f" (run {failure.run_id})" if failure.run_id else ""
        yield f"{status.clip}: {failure.subject} failed: {failure.reason}{run}"
    if status.reason:
        yield f"{status.clip}: rejected: {status.reason}"
    if status.hold is not None:
        yield explain_hold(status.clip, status.hold)
