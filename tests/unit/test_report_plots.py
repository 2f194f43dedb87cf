"""The plots show the figures of the tables."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from stylize.pictures.clip_report import STAGES
from stylize.pictures.plots import COLORS, draw_clips, draw_segments, draw_timeline, rendered


def frames() -> pd.DataFrame:
    """Two segments of 48 frames; the second is painted at half the speed."""
    table = pd.DataFrame({"frame": range(96)})
    table["segment"], table["shown_seconds"] = table["frame"] // 48, table["frame"] / 24
    slow = 1 + table["segment"]
    for stage, seconds in zip(STAGES, (0.01, 0.2, 0.03, 0.0), strict=True):
        table[stage] = seconds * slow
    table["finished_seconds"] = (table["frame"] % 48 + 1) * 0.25 * slow
    table["flicker"] = np.where(table["frame"] % 24 == 12, 0.001, np.nan)
    return table


def segments() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "segment": [0, 1],
            "size_bytes": [2_000_000, 5_000_000],
            "waiting_seconds": [3.0, 40.0],
            "running_seconds": [12.0, 24.0],
            "retries": [0, 2],
            **{stage: [1.0, 4.0] for stage in STAGES},
        }
    )


def heights(axes) -> list[float]:
    return [bar.get_height() for bar in axes.patches]


def test_the_timeline_shows_milliseconds_rates_and_flicker() -> None:
    axes: Any = draw_timeline(frames(), flicker_threshold=4e-3).axes
    times, speed, flicker = axes
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in times.lines}
    assert lines["paint"][[0, 95]] == pytest.approx([200, 400])
    assert lines["read"][[0, 95]] == pytest.approx([10, 20])
    assert speed.patches[0].get_data().values == pytest.approx([4.0, 2.0])
    measured, threshold = (np.asarray(line.get_ydata()) for line in flicker.lines)
    assert measured == pytest.approx([1.0] * 4)
    assert set(threshold) == {4.0}


def test_the_segments_show_sizes_stages_and_tries() -> None:
    size, stages, waiting = draw_segments(segments()).axes
    assert heights(size) == [2.0, 5.0]
    assert sum(heights(stages)) == 4 * (1.0 + 4.0)
    assert heights(waiting) == [3.0, 40.0, 12.0, 24.0]
    assert [text.get_text() for text in waiting.texts] == ["2x again"]


def test_costs_are_shown_where_prices_are_set_only() -> None:
    row = {"clip": "film", "frames": 100, "waiting_seconds": 1.0, "running_seconds": 50.0, "currency": "EUR"}
    dear = pd.DataFrame([{**row, "estimated_cost": 2.5}, {**row, "estimated_cost": None}])
    speed, _, cost = draw_clips(dear).axes
    assert heights(speed) == [2.0, 2.0]
    assert heights(cost) == [2.5, 0.0]
    assert cost.get_ylabel() == "EUR"
    unknown = pd.DataFrame([{**row, "estimated_cost": None}])
    assert len(draw_clips(unknown).axes) == 2


def test_the_picture_has_the_bars_where_the_figures_put_them() -> None:
    """Drawn for real: the second segment's bar of stored bytes is 2.5 times as high as the first."""
    picture = rendered(draw_segments(segments()))
    assert picture.shape[2] == 3
    color = tuple(int(COLORS["neutral"][place : place + 2], 16) for place in (1, 3, 5))
    rows_per_column = (picture == color).all(axis=2).sum(axis=0)
    found = sorted(set(rows_per_column[rows_per_column > 20]))
    assert found[-1] / found[0] == pytest.approx(2.5, rel=0.05)


def test_segments_without_times_can_be_drawn() -> None:
    unmeasured = frames().assign(**dict.fromkeys((*STAGES, "finished_seconds", "flicker"), float("nan")))
    assert rendered(draw_timeline(unmeasured, flicker_threshold=4e-3)).std() > 0
