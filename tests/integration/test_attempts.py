"""Attempts at a segment in one process: memory ran out, the store was away; and whose attempts count together."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import RETRY_NUMBER_TAG

from assets.retries import launch_of
from assets.styled_frames import StyledSegment, style_segment
from dagster_project.settings import Settings
from resources.build import build_resources
from resources.cell_attempt import CellAttempt
from resources.progress import LogProgress
from stylize.errors import StoreUnavailableError
from stylize.records.attempts import MAX_ERRORS, Attempt, AttemptLog
from stylize.records.content import current_content, read_plan
from stylize.records.records import ClipSettings
from stylize.store.folder_store import FolderStore
from stylize.store.keys import settings_key
from stylize.store.media_store import MediaStore
from tests.landing import Landing, open_landing

Clip = Callable[[str], Path]


class _AwayStore(FolderStore):
    """Real, but does not answer the first ``num_refusals`` readings of a lossless chunk."""

    num_refusals = 0

    def as_file(self, key, scratch, *, sha256=None):
        if "/frames/" in key and self.num_refusals:
            self.num_refusals -= 1
            raise StoreUnavailableError("the storage account does not answer")
        return super().as_file(key, scratch, sha256=sha256)


@pytest.fixture
def away_store(tmp_path: Path) -> _AwayStore:
    return _AwayStore(tmp_path / "store")


@pytest.fixture
def landing(tmp_path: Path, away_store: _AwayStore, clip: Clip) -> Iterator[Landing]:
    """With a clip that is split and not styled."""
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path, away_store) as landing:
        landing.put("film.mp4", clip("one_frame"))
        landing.ticks()
        assert all(result.success for result in landing.run_requested())
        assert landing.run("split_frames_job", "film|000").success
        yield landing


def _key(store: MediaStore) -> str:
    look = ClipSettings.read(store, settings_key("film")).look
    return current_content(store, "film").styled_attempts(look, 0)


def _style(landing: Landing, attempt: CellAttempt) -> StyledSegment:
    keys, resources = current_content(landing.store, "film"), build_resources(Settings(home=landing.settings.home))
    with resources["scratch"].folder() as folder:
        return style_segment(
            landing.store,
            keys,
            read_plan(landing.store, keys).segments[0],
            ClipSettings.read(landing.store, settings_key("film")),
            folder,
            stylizer=resources["stylizer"],
            decoder=resources["decoder"],
            progress=LogProgress(),
            attempt=attempt,
        )


def _attempt(store: MediaStore, number: int, *, launch: str = "launch") -> CellAttempt:
    return CellAttempt(store=store, launch=launch, run_id=f"run {launch}", retry_number=number)


def _entry() -> Attempt:
    return Attempt(
        launch="launch",
        run_id="run",
        retry_number=0,
        host="pod",
        process_id=1,
        process_start_seconds=0.0,
        started_at="2026-01-01T00:00:00+00:00",
        resumed_frames=0,
        memory_steps_down=0,
    )


def test_after_memory_ran_out_fewer_frames_are_painted_at_once_and_the_bits_stay(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylize.style.engines.engine_choice.usable_cores", lambda: 4)
    whole = _style(landing, _attempt(landing.store, 0))
    assert whole.memory_rung == "4 frames at once"
    for number, rung in ((1, "2 frames at once"), (2, "1 frame at once")):
        # What the pod's status says of the attempt before, once it is looked at.
        AttemptLog.update(
            landing.store,
            _key(landing.store),
            lambda log: replace(log, attempts=(*log.attempts[:-1], replace(log.attempts[-1], reason="out of memory"))),
        )
        for chunk in whole.record.chunks:
            landing.store.delete(chunk.key)
        again = _attempt(landing.store, number)
        smaller = _style(landing, again)
        assert smaller.memory_rung == rung
        assert smaller.record == whole.record
        assert again.describe()["retry_reasons"] == f"{number} out of memory"
    fresh = _attempt(landing.store, 0, launch="another")
    for chunk in whole.record.chunks:
        landing.store.delete(chunk.key)
    assert _style(landing, fresh).memory_rung == "4 frames at once"


@pytest.mark.usefixtures("no_pauses")
def test_a_store_that_is_away_costs_no_errors(landing: Landing, away_store: _AwayStore) -> None:
    away_store.num_refusals = MAX_ERRORS + 2
    result = landing.run("style_segment_job", "film|000")
    assert result.success
    reasons = [attempt.reason for attempt in AttemptLog.read(away_store, _key(away_store)).attempts]
    assert reasons == ["store away"] * (MAX_ERRORS + 2) + ["finished"]
    (event,) = result.asset_materializations_for_node("styled_frames")
    assert event.metadata["attempts"].value == MAX_ERRORS + 3
    assert event.metadata["errors"].value == 0


def test_a_segment_that_is_done_costs_no_record(landing: Landing, away_store: _AwayStore) -> None:
    assert landing.run("style_segment_job", "film|000").success
    before = away_store.require(_key(away_store))
    result = landing.run("style_segment_job", "film|000")
    (event,) = result.asset_materializations_for_node("styled_frames")
    assert event.metadata["attempts"].value == 0
    assert away_store.stat(_key(away_store)) == before


def test_retries_of_the_daemon_belong_to_the_launch_and_those_of_people_do_not() -> None:
    @dg.job
    def nothing() -> None: ...

    with dg.DagsterInstance.ephemeral() as instance:

        def run_after(parent: dg.DagsterRun, tags: dict[str, str]) -> dg.DagsterRun:
            root = parent.root_run_id or parent.run_id
            return instance.create_run_for_job(nothing, tags=tags, parent_run_id=parent.run_id, root_run_id=root)

        launched = instance.create_run_for_job(nothing)
        retried = run_after(launched, {RETRY_NUMBER_TAG: "1"})
        by_hand = run_after(retried, {})
        again = run_after(by_hand, {RETRY_NUMBER_TAG: "2"})
        assert [launch_of(instance, run) for run in (launched, retried)] == [launched.run_id] * 2
        assert [launch_of(instance, run) for run in (by_hand, again)] == [by_hand.run_id] * 2


def test_two_writers_of_one_record_lose_nothing_of_each_other(store: MediaStore) -> None:
    key, both_have_read = "work/film/0/styled/0/attempts-000.json", threading.Barrier(2)

    def write(number: int) -> None:
        meetings = iter([both_have_read.wait])
        entry = replace(_entry(), retry_number=number)

        def change(log: AttemptLog) -> AttemptLog:
            for meet in meetings:
                meet(60)
            return log.with_attempt(entry)

        AttemptLog.update(store, key, change)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    assert {entry.retry_number for entry in AttemptLog.read(store, key).attempts} == {0, 1}
