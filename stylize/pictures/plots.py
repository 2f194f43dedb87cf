"""Plots of a report, as pictures of a size that fits into a page of the UI.

matplotlib draws into memory (Agg) and is loaded only here: it takes most of a second.
"""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from stylize.pictures.clip_report import STAGES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Picture = npt.NDArray[np.uint8]

DOTS_PER_INCH: Final = 100
COLORS: Final = {
    "read_seconds": "#8fb8de",
    "paint_seconds": "#2e6eb7",
    "encode_seconds": "#f0a04b",
    "publish_seconds": "#7a9e7e",
    "flicker": "#b0413e",
    "neutral": "#5b6770",
}
MILLISECONDS: Final = 1000
MAX_CLIPS: Final = 40
FEW_BARS: Final = 8
"""Fewer bars than these are not drawn wider than so many would be."""


def draw_timeline(frames: "pd.DataFrame", *, flicker_threshold: float) -> "Figure":
    """Along the film: milliseconds per frame and stage, frames per second of every segment, and flicker.

    Args:
        frames: as :func:`stylize.pictures.clip_report.frames_table` makes it.
        flicker_threshold: above which a pair of frames is reported.
    """
    figure, (times, speed, flicker) = _figure(rows=3, inches_high=6.6)
    shown = frames["shown_seconds"]
    for stage in STAGES[:3]:
        smooth = (frames[stage] * MILLISECONDS).rolling(24, center=True, min_periods=1).median()
        times.plot(shown, smooth, color=COLORS[stage], linewidth=1.4, label=stage.removesuffix("_seconds"))
    times.set(title="Time per frame (median of 24)", ylabel="ms", ylim=(0, None))
    times.legend(ncols=3, loc="upper right", frameon=False)
    groups: Any = frames.groupby("segment")
    rates = groups["finished_seconds"].count() / groups["finished_seconds"].max()
    borders = [*groups["shown_seconds"].min(), float(shown.iloc[-1])]
    speed.stairs(rates.to_numpy(), borders, fill=True, color=COLORS["paint_seconds"], alpha=0.85)
    speed.set(title="Frames per second, by segment", ylabel="frames/s", ylim=(0, None))
    looked_at = frames.dropna(subset=["flicker"])
    flicker.plot(looked_at["shown_seconds"], looked_at["flicker"] * MILLISECONDS, "o-", color=COLORS["flicker"], ms=3)
    flicker.axhline(flicker_threshold * MILLISECONDS, color=COLORS["neutral"], linestyle="--", linewidth=1)
    flicker.set(title="Flicker (warping error; dashed: what is reported)", ylabel="1/1000", ylim=(0, None))
    flicker.set(xlabel="seconds of film", xlim=times.get_xlim())
    return figure


def draw_segments(segments: "pd.DataFrame") -> "Figure":
    """Per segment: stored size, where time went, and how long it waited before its tries.

    Args:
        segments: as :func:`stylize.pictures.clip_report.segments_table` makes it.
    """
    figure, (size, stages, waiting) = _figure(rows=3, inches_high=6.6)
    index = segments["segment"]
    size.bar(index, segments["size_bytes"] / 1e6, color=COLORS["neutral"])
    size.set(title="Stored size of styled segments", ylabel="MB")
    below = np.zeros(len(segments))
    for stage in STAGES:
        seconds = segments[stage].fillna(0.0).to_numpy()
        stages.bar(index, seconds, bottom=below, color=COLORS[stage], label=stage.removesuffix("_seconds"))
        below += seconds
    stages.set(title="Where time went (stages overlap)", ylabel="s")
    stages.margins(y=0.3)
    stages.legend(ncols=4, loc="upper right", frameon=False)
    _stack(waiting, index, segments)
    for segment, waited, ran, retries in zip(
        index, segments["waiting_seconds"], segments["running_seconds"], segments["retries"], strict=True
    ):
        if retries:
            waiting.annotate(f"{retries}x again", (segment, waited + ran), ha="center", va="bottom", color="#b0413e")
    waiting.set(title="Waiting and running of all tries", ylabel="s", xlabel="segment")
    for axes in (size, stages, waiting):
        axes.set_xlim(-0.6, max(len(segments), FEW_BARS) - 0.4)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def draw_clips(clips: "pd.DataFrame") -> "Figure":
    """All clips, in the order in which they were reported: speed, waiting and running, and cost where prices are set.

    Args:
        clips: a row of :func:`stylize.pictures.clip_report.totals` per clip; the last 40 are shown.
    """
    last = clips.tail(MAX_CLIPS)
    cost_is_known = bool(last["estimated_cost"].notna().any())
    figure, rows = _figure(rows=2 + cost_is_known, inches_high=4.8 + 2.2 * cost_is_known)
    places, (speed, work) = np.arange(len(last)), rows[:2]
    speed.bar(places, last["frames"] / last["running_seconds"].clip(lower=1e-3), color=COLORS["paint_seconds"])
    speed.set(title="Frames per second of work", ylabel="frames/s")
    _stack(work, places, last)
    work.set(title="Waiting and running of all steps", ylabel="s")
    if cost_is_known:
        rows[2].bar(places, last["estimated_cost"].astype(float).fillna(0.0), color=COLORS["publish_seconds"])
        rows[2].set(title="Estimated cost", ylabel=", ".join(sorted(set(last["currency"]))))
    for axes in rows:
        axes.set(xticks=[], xlim=(-0.6, max(len(last), FEW_BARS) - 0.4))
    rows[-1].set_xticks(places, [str(clip)[:18] for clip in last["clip"]], rotation=60, ha="right", fontsize=7)
    return figure


def _stack(axes: "Axes", places: Any, table: "pd.DataFrame") -> None:
    """Bars of the seconds waited, with the seconds at work on top of them."""
    waited, ran = table["waiting_seconds"], table["running_seconds"]
    axes.bar(places, waited, color=COLORS["read_seconds"], label="waiting")
    axes.bar(places, ran, bottom=waited, color=COLORS["paint_seconds"], label="running")
    axes.margins(y=0.3)
    axes.legend(ncols=2, loc="upper right", frameon=False)


def rendered(figure: "Figure") -> Picture:
    """The figure as picture, RGB ``(H, W, 3)``, values 0..255."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _figure(*, rows: int, inches_high: float) -> "tuple[Figure, Any]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, inches_high), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots(rows, 1)
    for one in axes:
        _style(one)
    return figure, axes


def _style(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dfe4e8", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.title.set_fontsize(10)
    axes.yaxis.label.set_fontsize(9)
    axes.xaxis.label.set_fontsize(9)
