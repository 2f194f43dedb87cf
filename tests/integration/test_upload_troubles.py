"""The upload sensor where stores do not answer, cursors are lost, and runs never start."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stylize.errors import StoreUnavailableError
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import ObjectInfo
from tests.landing import Landing, open_landing

Clip = Callable[[str], Path]


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path) as landing:
        yield landing


class _TroubledStore(FolderStore):
    """Real, but for the times at which it does not answer."""

    lists = reads = True

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        if not self.lists:
            raise StoreUnavailableError("the storage account does not answer")
        return super().list(prefix)

    def download(self, *arguments: Any, **options: Any) -> str:
        if not self.reads:
            raise StoreUnavailableError("the storage account does not answer")
        return super().download(*arguments, **options)


def test_a_listing_that_failed_or_is_empty_is_no_reason_to_act(tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir()
    store = _TroubledStore(tmp_path / "store")
    with open_landing(tmp_path, store) as landing:
        landing.put("film.mp4", b"a")
        landing.tick()
        before = landing.cursor
        store.lists = False
        result = landing.tick()
        assert isinstance(result, dg.SkipReason)
        assert "does not answer" in str(result.skip_message)
        store.lists = True
        store.delete("landing/film.mp4")
        assert isinstance(landing.tick(), dg.SkipReason)
        assert landing.cursor == before
        assert landing.versions("film.mp4") == []


def test_a_lost_cursor_loses_and_repeats_nothing(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("one_frame"))
    landing.deliver("film.mp4")
    landing.put("other.mp4", clip("one_frame"))
    landing.tick()
    landing.cursor = None
    landing.ticks(3)
    assert {request.partition_key for request in landing.requested} == {"other"}
    assert landing.states("film.mp4") == ["delivered"]


def test_a_request_that_was_never_launched_is_made_again_under_the_same_key(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("one_frame"))
    landing.ticks()
    (lost,) = landing.requested
    landing.requested.clear()
    landing.tick()
    assert [request.run_key for request in landing.requested] == [lost.run_key]
    landing.run_requested()
    landing.tick()
    assert landing.states("film.mp4") == ["read"]


@pytest.mark.usefixtures("no_pauses")
def test_a_run_that_could_not_read_is_requested_again_under_another_key_after_a_pause(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "instance").mkdir()
    store = _TroubledStore(tmp_path / "store")
    with open_landing(tmp_path, store) as landing:
        landing.put("film.mp4", clip("one_frame"))
        landing.ticks()
        (first,) = landing.requested
        store.reads = False
        assert not landing.run_requested()[0].success
        landing.ticks(3)
        assert landing.requested == []
        store.reads = True
        monkeypatch.setattr("sensors.upload_states.FIRST_PAUSE_SECONDS", 0)
        landing.tick()
        (second,) = landing.requested
        assert second.run_key == f"{first.run_key}#2"
        landing.run_requested()
        landing.tick()
        assert landing.states("film.mp4") == ["read"]
