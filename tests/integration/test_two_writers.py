"""Two pods that were given the same cell: one wins, the other notices, and what lies there is consistent."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from assets.frames import split_segments
from assets.style_loading import load_style
from assets.styled_frames import StyledSegment, style_segment
from dagster_project.settings import Settings
from resources.build import build_resources
from resources.cell_attempt import CellAttempt
from resources.progress import LogProgress
from stylize.errors import PreconditionError
from stylize.records.content import current_content, read_plan
from stylize.records.records import ClipSettings, SegmentRecord
from stylize.store.azure.blob_store import AzureStore
from stylize.store.keys import ContentKeys, settings_key
from tests.azure_accounts import AzureAccounts
from tests.landing import open_landing

Clip = Callable[[str], Path]


class _AtOnce(AzureStore):
    """Writes the record of a styled cell only when the other writer is about to do the same."""

    meeting = threading.Barrier(2)

    def put(self, key, source, *, if_absent=False, if_match=None):
        if "/styled/segment-" in key:
            self.meeting.wait(60)
        return super().put(key, source, if_absent=if_absent, if_match=if_match)


@pytest.fixture
def writers(azure_accounts: AzureAccounts, container_prefix: str) -> Iterator[list[AzureStore]]:
    with (
        closing(azure_accounts.store(container_prefix)) as first,
        closing(azure_accounts.store(container_prefix)) as second,
    ):
        for store in (first, second):
            store.__class__ = _AtOnce
        yield [first, second]


def _style(store: AzureStore, keys: ContentKeys, settings: ClipSettings, folder: Path) -> StyledSegment | None:
    folder.mkdir()
    resources = build_resources(Settings(home=folder))
    try:
        return style_segment(
            store,
            keys,
            read_plan(store, keys).segments[0],
            settings,
            folder,
            stylizer=resources["stylizer"],
            decoder=resources["decoder"],
            progress=LogProgress(),
            attempt=CellAttempt(store=store, launch="", run_id=str(folder), retry_number=0),
        )
    except PreconditionError:
        return None


@pytest.mark.parametrize("same_look", [True, False])
def test_one_of_two_writers_on_one_cell_wins_and_the_other_notices(
    writers: list[AzureStore], azure_store: AzureStore, clip: Clip, tmp_path: Path, same_look: bool
) -> None:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path, azure_store) as landing:
        landing.put("film.mp4", clip("one_frame"))
        landing.ticks()
        assert all(result.success for result in landing.run_requested())
    resources = build_resources(Settings(home=tmp_path))
    keys = current_content(azure_store, "film")
    split_segments(
        azure_store,
        keys,
        read_plan(azure_store, keys).segments,
        tmp_path,
        decoder=resources["decoder"],
        progress=LogProgress(),
    )
    mine = ClipSettings.read(azure_store, settings_key("film"))
    scream = load_style(azure_store, resources["stylizer"], "scream", tmp_path)
    other = replace(mine, style="scream", model_key=scream.model_key, model_sha256=scream.sha256)
    looks = [mine, mine if same_look else other]
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(_style, store, keys, look, tmp_path / str(number))
            for number, (store, look) in enumerate(zip(writers, looks, strict=True))
        ]
        finished = [job.result() for job in jobs]
    record = SegmentRecord.read(azure_store, keys.styled_segment(0))
    assert [styled is not None and styled.record == record for styled in finished].count(True) == (
        2 if same_look else 1
    )
    assert same_look or None in finished
    assert all(azure_store.digest(chunk.key) == chunk.sha256 for chunk in record.chunks)
