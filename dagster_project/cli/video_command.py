"""``stylize video``: check what the user gave, run the graph, report."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from assets.clip_wishes import ClipSettingsConfig
from assets.delivery_page import find_page
from dagster_project.cli.home import clean_up_after_killed_processes, open_instance, prepare_home
from dagster_project.cli.interrupts import Interrupts
from dagster_project.cli.look_choice import resolve_wishes
from dagster_project.cli.output_file import check_output, write_output
from dagster_project.cli.progress_bars import ProgressBars
from dagster_project.cli.restyle import ClipRestyler, Outcome, upload_name
from dagster_project.cli.runs import LocalRuns
from dagster_project.cli.terminal import open_console
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from resources.build import build_resources
from resources.clip_lease import ClipLease
from resources.stylizer import StylizerResource
from stylize.errors import ProbeError, StyleError
from stylize.names import clip_key
from stylize.records.receipt import Receipt
from stylize.store.folder_store import FolderStore


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoReport:
    """What ``stylize video`` tells its user; ``page_path`` is empty if there is no page."""

    clip: str
    output: str
    receipt_path: str
    page_path: str
    receipt: Receipt
    outcome: Outcome

    def to_dict(self) -> dict[str, Any]:
        """The machine-readable form."""
        return {
            "clip": self.clip,
            "output": self.output,
            "receipt": self.receipt_path,
            "page": self.page_path,
            "style": self.receipt.settings["style"],
            "controls": self.receipt.settings.get("controls", "none"),
            "frames": self.receipt.counts["frames"],
            "duration_seconds": float(Fraction(self.receipt.delivered["duration_seconds"])),
            "segments": {"styled": self.outcome.num_styled_segments, "reused": self.outcome.num_reused_segments},
            "seconds": self.outcome.stage_seconds,
            "notes": list(self.receipt.notes),
        }

    def lines(self) -> list[str]:
        """The whole report for people."""
        page = [f"page: {self.page_path}"] if self.page_path else []
        return [*self.summary(), f"result: {self.output}", f"receipt: {self.receipt_path}", *page]

    def summary(self) -> list[str]:
        """What was done, without where it lies."""
        counts, delivered = self.receipt.counts, self.receipt.delivered
        seconds = float(Fraction(delivered["duration_seconds"]))
        outcome = self.outcome
        stages = ", ".join(f"{stage} {spent:.1f} s" for stage, spent in outcome.stage_seconds.items())
        return [
            f"{counts['frames']} frames, {seconds:.2f} s, {delivered['width']}x{delivered['height']},"
            f" style {self.receipt.settings['style']}, controls: {self.receipt.settings.get('controls', 'none')}",
            f"segments: {outcome.num_styled_segments} styled, {outcome.num_reused_segments} reused",
            f"time: {stages}",
        ]


def restyle_file(
    source: Path,
    *,
    settings: Settings,
    wishes: ClipSettingsConfig,
    output: Path | None,
    frames_per_segment: int | None,
) -> VideoReport:
    """Restyle the video file ``source`` on the local home and describe what came out.

    Args:
        source: the video.
        settings: of the home.
        wishes: how it shall look; styles may be checkpoint files. ``output`` decides on the media container.
        output: where to copy the result.
        frames_per_segment: when the clip is read for the first time.

    Raises:
        StylizeError: with the one line that the user needs.
    """
    check_readable(source)
    media_container = check_output(output, source) if output else "unchanged"
    console = open_console()
    store = prepare_home(settings)
    stylizer: StylizerResource = build_resources(settings)["stylizer"]
    config = resolve_wishes(store, stylizer, wishes).model_copy(update={"media_container": media_container})
    clip = clip_key(upload_name(source))
    lease, bars, interrupts = ClipLease(settings.leases_dir), ProgressBars(console), Interrupts()
    definitions = build_defs(settings, {"lease": lease, "progress": bars})
    with (
        open_instance(settings) as instance,
        interrupts.noticed(),
        lease.alone(clip, on_wait=lambda: console.print(f"waiting: another process works on clip {clip}")),
        build_resources(settings)["scratch"].folder() as scratch,
        bars.shown(),
    ):
        clean_up_after_killed_processes(settings, instance, store)
        restyler = ClipRestyler(LocalRuns(definitions, instance, interrupts), instance, store, stylizer, bars)
        outcome = restyler.restyle(source, config, scratch=scratch, frames_per_segment=frames_per_segment)
    report = _report(store, clip, outcome, output)
    for note in report.receipt.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    return report


def _report(store: FolderStore, clip: str, outcome: Outcome, output: Path | None) -> VideoReport:
    delivery = outcome.delivery
    if delivery is None:
        raise StyleError(f"clip {clip!r} was not delivered")
    if output is not None:
        write_output(store, delivery.video_key, delivery.video_sha256, output)
    page_key = find_page(store, clip, delivery)
    return VideoReport(
        clip=clip,
        output=str(output or store.location(delivery.video_key)),
        receipt_path=store.location(delivery.receipt_key),
        page_path=store.location(page_key) if page_key else "",
        receipt=Receipt.read(store, delivery.receipt_key),
        outcome=outcome,
    )


def check_readable(source: Path) -> None:
    """Refuse at once what is no readable file, before anything is uploaded.

    Raises:
        ProbeError: it is missing, a folder, or may not be read.
    """
    try:
        if source.is_file():
            source.open("rb").close()
            return
    except OSError as error:
        raise ProbeError(f"cannot read {str(source)!r}: {error.strerror}") from error
    what = "is a folder" if source.is_dir() else "there is no such file" if not source.exists() else "is not a file"
    raise ProbeError(f"cannot read {str(source)!r}: {what}; expected a video file")
