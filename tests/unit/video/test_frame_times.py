"""The stopwatch between the stages, on a clock that only moves when the test says so."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from stylize.video.measure import frame_times
from stylize.video.measure.frame_times import FrameTimes

PICTURE = np.zeros((4, 4, 3), np.uint8)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(frame_times, "time", clock)
    return clock


class Slow:
    batch_size, device, digest, memory_rung = 2, "cpu", "slow", "2 frames at once"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        self.clock.now += 3.0
        return frames


def decoded(clock: Clock, num_frames: int) -> Iterator[np.ndarray]:
    for _ in range(num_frames):
        clock.now += 0.5
        yield PICTURE


def test_every_stage_is_charged_with_its_own_seconds_and_with_no_others(clock: Clock) -> None:
    times = FrameTimes()
    transform = times.timed(Slow(clock))
    chunks = {}
    for start in (10, 12):
        clock.now += 2.0  # the chunk is fetched
        chunks[start] = list(times.sources(decoded(clock, 2), start=start))
    for pictures in chunks.values():
        transform(np.stack(pictures))
    for start, pictures in chunks.items():
        for _ in times.styled(pictures, start=start):
            clock.now += 0.25  # the encoder works
        clock.now += 1.0  # the chunk is published
    times.finish()
    rows = {row.pop("frame"): row for row in times.rows()}
    assert list(rows) == [10, 11, 12, 13]
    assert [row["read_seconds"] for row in rows.values()] == [2.5, 0.5, 2.5, 0.5]
    assert [row["paint_seconds"] for row in rows.values()] == [1.5] * 4
    assert [row["encode_seconds"] for row in rows.values()] == [0.25] * 4
    assert [row["publish_seconds"] for row in rows.values()] == [0.0, 1.0, 0.0, 1.0]
    assert [row["finished_seconds"] for row in rows.values()] == [12.25, 12.5, 13.75, 14.0]


def test_frames_that_were_not_encoded_have_no_times(clock: Clock) -> None:
    times = FrameTimes()
    transform = times.timed(Slow(clock))
    pictures = list(times.sources(decoded(clock, 3), start=0))
    transform(np.stack(pictures[:2]))
    styled: Any = times.styled(pictures, start=0)
    next(styled)
    clock.now += 1.0
    next(styled)
    styled.close()
    assert [row["frame"] for row in times.rows()] == [0]
