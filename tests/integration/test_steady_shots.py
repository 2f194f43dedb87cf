"""Steady shots, from the setting to the delivered pixels."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.forked_programs import run_stylize

HEIGHT, WIDTH, NUM_FRAMES = 64, 160, 60
ENTERS, ENTERED, CUT = 8, 24, 34
CALM = slice(3 * WIDTH // 4, None)
"""Columns that nothing enters, further from what does than a brush stroke reaches."""


def _wall(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(30, 225, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


def _frame(index: int) -> np.ndarray:
    if index >= CUT:
        return _wall(2)
    frame = _wall(1)
    frame[:, : max(0, WIDTH // 2 * (min(index, ENTERED) - ENTERS) // (ENTERED - ENTERS))] = 250
    return frame


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wall; something large and bright slides in from the left; then a cut to another wall."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        for index in range(NUM_FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_frame(index), format="rgb24")))
        container.mux(stream.encode())
    return path


def _calm_part(delivered: str) -> np.ndarray:
    with av.open(delivered) as container:
        return np.stack([frame.to_ndarray(format="rgb24")[:, CALM] for frame in container.decode(video=0)]).astype(int)


def _change(calm: np.ndarray) -> float:
    """Mean difference, in levels, that the entering makes where nothing enters."""
    return float(np.abs(calm[ENTERED + 2 : CUT - 2].mean(0) - calm[1 : ENTERS - 1].mean(0)).mean())


@pytest.fixture(scope="module")
def reports(film: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the command says of the film without and with steady shots, and with them in three partitions."""
    home = tmp_path_factory.mktemp("home")
    runs = {
        "free": ("--home", home / "whole", "--style", "scream"),
        "steady": ("--home", home / "whole", "--steady-shots"),
        "parts": ("--home", home / "parts", "--style", "scream", "--steady-shots", "--frames-per-segment", "24"),
    }
    return {name: _restyle(film, *options) for name, options in runs.items()}


def _restyle(film: Path, *options: str | Path) -> dict[str, Any]:
    result = run_stylize("video", film, "--json", *options)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_what_stands_still_keeps_its_paint_through_a_shot(reports: dict[str, dict[str, Any]]) -> None:
    free, steady = (_change(_calm_part(reports[name]["output"])) for name in ("free", "steady"))
    assert free > 4
    assert steady < free / 4
    assert reports["steady"]["controls"] == "steady shots"


def test_a_shot_is_painted_alike_in_however_many_segments_it_lies(reports: dict[str, dict[str, Any]]) -> None:
    """In three partitions, one of which sees both shots; and in another home all in one."""
    parts, whole = reports["parts"], reports["steady"]
    assert (parts["segments"]["styled"], whole["segments"]["styled"]) == (3, 1)
    assert Path(parts["output"]).read_bytes() == Path(whole["output"]).read_bytes()


def test_every_shot_has_statistics_of_its_own(reports: dict[str, dict[str, Any]]) -> None:
    (store,) = (parent for parent in Path(reports["parts"]["output"]).parents if parent.name == "store")
    shots = [json.loads(record.read_text()) for record in sorted((store / "work").rglob("shot-*.json"))]
    assert [(shot["start"], shot["stop"]) for shot in shots] == [(0, CUT), (CUT, NUM_FRAMES)]
    assert shots[0]["statistics"] != shots[1]["statistics"]
