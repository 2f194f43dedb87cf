"""``stylize demo``: a short clip made from photographs, restyled, and shown side by side."""

from pathlib import Path

from assets.clip_wishes import ClipSettingsConfig
from dagster_project.cli.demo_clip import make_demo_clip
from dagster_project.cli.video_command import restyle_file
from dagster_project.settings import Settings

FRAMES_PER_SEGMENT = 48


def run_demo(settings: Settings) -> list[str]:
    """Make, restyle and compare the demo clip; returns the lines to print.

    Raises:
        StylizeError: with the one line that the user needs.
    """
    from stylize.pictures.preview import render_side_by_side

    source = settings.home / "demo" / "demo.mp4"
    source.parent.mkdir(parents=True, exist_ok=True)
    if not source.exists():
        make_demo_clip(source)
    report = restyle_file(
        source, settings=settings, wishes=ClipSettingsConfig(), output=None, frames_per_segment=FRAMES_PER_SEGMENT
    )
    preview = source.with_name("demo-side-by-side.mp4")
    render_side_by_side(source, Path(report.output), preview)
    places = [
        f"result: {report.output}",
        f"preview: {preview}",
        f"page: {report.page_path}",
        f"receipt: {report.receipt_path}",
    ]
    return [*report.summary(), "", *_what_next(), "", *places]


def _what_next() -> list[str]:
    return [
        "Next, try one of these:",
        "  .venv/bin/stylize styles                        which styles there are",
        "  .venv/bin/stylize video YOUR.mp4 --style NAME   restyle a video of your own",
        "  make ui                                         browse every step in the Dagster UI",
    ]
