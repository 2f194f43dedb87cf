"""A tick of the upload sensor that fails at any of its writes loses nothing: the next ones make up for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stylize.errors import StoreUnavailableError
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import StoredObject
from tests.landing import Landing, open_landing

Clip = Callable[[str], Path]


class StoreThatFailsOnce(FolderStore):
    """Real, but for one change that it refuses."""

    _changes_until_failure: int | None = None

    def fail_at(self, change: int | None) -> int | None:
        """Refuse that change, counted from 0; returns what was left of the order before, None if it was carried out."""
        left, self._changes_until_failure = self._changes_until_failure, change
        return left

    def put(self, *arguments: Any, **options: Any) -> StoredObject:
        self._fail_in_turn()
        return super().put(*arguments, **options)

    def delete(self, key: str) -> None:
        self._fail_in_turn()
        super().delete(key)

    def _fail_in_turn(self) -> None:
        if self._changes_until_failure is None:
            return
        self._changes_until_failure -= 1
        if self._changes_until_failure < 0:
            self._changes_until_failure = None
            raise StoreUnavailableError("the storage account does not answer")


@pytest.fixture
def store(tmp_path: Path) -> StoreThatFailsOnce:
    return StoreThatFailsOnce(tmp_path / "store")


@pytest.fixture
def landing(tmp_path: Path, store: StoreThatFailsOnce) -> Iterator[Landing]:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path, store) as landing:
        yield landing


@pytest.mark.parametrize("change", range(11))
def test_whatever_change_fails_every_upload_ends_as_if_none_had(
    landing: Landing, store: StoreThatFailsOnce, clip: Clip, change: int
) -> None:
    """The ticks write reasons, registrations and records of three uploads; one of them was rejected and is mended."""
    landing.put("again.mp4.json", b"no settings")
    landing.put("again.mp4", clip("one_frame"))
    landing.ticks()
    landing.store.delete("landing/again.mp4.json")
    landing.put("bad.txt", b"no film")
    landing.put("broken.mp4", b"no film")
    landing.tick()
    store.fail_at(change)
    landing.ticks(3)
    still_to_come = store.fail_at(None)
    landing.run_requested()
    store.fail_at(still_to_come)
    landing.ticks(3)
    assert store.fail_at(None) is None, "the failure has happened"
    assert landing.requested == []
    assert landing.states("again.mp4") == ["read", "rejected"]
    assert landing.states("bad.txt") == landing.states("broken.mp4") == ["rejected"]
    reasons = {info.key for info in store.list("landing/") if info.key.endswith(".rejected.json")}
    assert reasons == {"landing/bad.txt.rejected.json", "landing/broken.mp4.rejected.json"}
