"""An outage of the store that outlasts the tries of one step."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assets.failures import STORE_OUTAGE_RETRIES, TRANSIENT_RETRIES, explained_failures
from stylize.errors import StoreUnavailableError
from stylize.store.folder_store import FolderStore
from tests.landing import Landing, open_landing

Clip = Callable[[str], Path]


class _AwayStore(FolderStore):
    """Real, but does not answer the first ``num_refusals`` readings of an upload."""

    num_refusals = 0
    num_calls = 0
    fault: type[Exception] = StoreUnavailableError

    def download(self, *arguments, **options) -> str:
        self.num_calls += 1
        if self.num_calls <= self.num_refusals:
            raise self.fault("the storage account does not answer")
        return super().download(*arguments, **options)


@pytest.fixture
def store(tmp_path: Path) -> _AwayStore:
    return _AwayStore(tmp_path / "store")


@pytest.fixture
def landing(tmp_path: Path, store: _AwayStore, clip: Clip) -> Iterator[Landing]:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path, store) as landing:
        landing.put("film.mp4", clip("one_frame"))
        landing.ticks()
        yield landing


@pytest.mark.usefixtures("no_pauses")
def test_a_step_waits_for_a_store_that_is_away_for_long(landing: Landing, store: _AwayStore) -> None:
    store.num_refusals = STORE_OUTAGE_RETRIES.max_retries
    (result,) = landing.run_requested()
    assert result.success
    landing.tick()
    assert landing.states("film.mp4") == ["read"]


@pytest.mark.usefixtures("no_pauses")
def test_in_the_end_it_fails_and_says_why(landing: Landing, store: _AwayStore) -> None:
    store.num_refusals = 1000
    (result,) = landing.run_requested()
    assert not result.success
    assert store.num_calls == STORE_OUTAGE_RETRIES.max_retries + 1
    (failure,) = explained_failures(landing.instance, result.run_id)
    assert (failure.kind, failure.message) == ("StoreUnavailableError", "the storage account does not answer")


def test_the_pauses_of_a_step_bridge_twenty_minutes() -> None:
    policy = STORE_OUTAGE_RETRIES
    pauses = [policy.calculate_delay(attempt) for attempt in range(1, policy.max_retries + 1)]
    assert min(pauses) >= 0
    assert sum(pauses) >= 20 * 60


def test_what_nobody_foresaw_is_tried_only_a_few_times(landing: Landing, store: _AwayStore) -> None:
    store.num_refusals, store.fault = 1000, RuntimeError
    (result,) = landing.run_requested()
    assert not result.success
    assert store.num_calls == TRANSIENT_RETRIES.max_retries + 1
