"""Progress in the store: few writes, the right figures, nothing left behind."""

import json
from pathlib import Path

import pytest

from resources import stored_progress
from resources.progress import Advance, LogProgress
from resources.stored_progress import StoredProgress
from stylize.errors import StoreUnavailableError
from stylize.records.progress_reports import read_progress_reports
from stylize.store.folder_store import FolderStore
from stylize.store.keys import progress_key
from stylize.store.media_store import StoredObject

KEY = progress_key("film", "style", 3)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class CountingStore(FolderStore):
    writes = 0

    def put(self, key: str, *arguments: object, **options: object) -> StoredObject:
        self.writes += 1
        return super().put(key, *arguments, **options)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stored_progress, "time", clock)
    return clock


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path)


class Silent(LogProgress):
    """Shows nothing; there is no run here that could have a log."""

    def say(self, line: str) -> None: ...


def steps(advance: Advance, clock: Clock, num_seconds: int) -> None:
    """Two frames every second."""
    for _ in range(num_seconds):
        clock.now += 1
        advance(2)


@pytest.fixture
def progress(store: CountingStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> StoredProgress:
    monkeypatch.setattr("resources.progress.LOG_INTERVAL_SECONDS", float("inf"))
    del clock  # must be in place before a stage begins
    return StoredProgress(shown=Silent(), store=store, clip="film", segment=3, run_id="run-1")


def test_a_long_stage_says_how_far_it_is_four_times_a_minute(
    progress: StoredProgress, store: CountingStore, clock: Clock
) -> None:
    with progress.track("style", total=240, done=24) as advance:
        steps(advance, clock, 61)
        assert store.writes == 4
        (report,) = read_progress_reports(store, "film", ["run-1"])
        assert (report.stage, report.done, report.total, report.unit) == ("style", 24 + 120, 240, "frames")
        assert report.frames_per_second == pytest.approx(2.0)
        assert report.seconds_left == pytest.approx((240 - 144) / 2)
    assert store.stat(KEY) is None


def test_a_short_stage_costs_nothing(progress: StoredProgress, store: CountingStore, clock: Clock) -> None:
    with progress.track("style", total=240) as advance:
        steps(advance, clock, 14)
    assert store.writes == 0


def test_a_stage_that_fails_leaves_nothing_behind(progress: StoredProgress, store: CountingStore, clock: Clock) -> None:
    def fail() -> None:
        with progress.track("style", total=240) as advance:
            steps(advance, clock, 20)
            assert json.loads(store.read_bytes(KEY))["done"] == 30
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert store.stat(KEY) is None


def test_a_store_that_does_not_answer_holds_up_nothing(
    progress: StoredProgress, store: CountingStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> StoredObject:
        raise StoreUnavailableError("no answer")

    monkeypatch.setattr(store, "put", refuse)
    with progress.track("style", total=240) as advance:
        steps(advance, clock, 40)
