"""What only blobs do to the upload sensor: blocks before their commit, names without rules, very many of them."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from azure.storage.blob import BlobBlock, BlobClient

from stylize.names import clip_key
from stylize.records.records import ClipSettings
from stylize.store.azure.blob_store import MAX_NAME_CHARACTERS, AzureStore
from stylize.store.keys import settings_key
from tests.landing import Landing, open_landing
from tests.mp4_boxes import with_note

Clip = Callable[[str], Path]

LONGEST_NAME = f"{'season 1/' * 30}{'ü' * (MAX_NAME_CHARACTERS - 9 * 30 - 4)}.mp4"
COLLIDING_NAMES = ("a b.mp4", "a-b.mp4", "a_b.mp4", "A-B.mp4", "a/b.mp4", "a//b.mp4", "a-b.mov", "a b.MP4")
HARD_NAMES = (
    *(
        "2024/11/21/camera 1/film.mp4",
        "a#?%+&.mp4",
        "a%20b%2Fc.mp4",
        "日本語/映画.mp4",
        "🎬.mov",
        "' \"<&>;,|[]=@!~^`.mp4",
    ),
    *("\u00e9.mp4", "e\u0301.mp4"),  # look the same, and are two names
)


@pytest.fixture
def landing(tmp_path: Path, azure_store: AzureStore) -> Iterator[Landing]:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path, azure_store) as landing:
        yield landing


def _receive(landing: Landing) -> None:
    """From what lies in landing/ to what was read of it."""
    landing.ticks()
    assert all(result.success for result in landing.run_requested())
    landing.tick()


def _in_pieces(content: bytes, count: int) -> list[bytes]:
    length = -(-len(content) // count)
    return [content[start : start + length] for start in range(0, len(content), length)]


def _num_staged(blob: BlobClient) -> int:
    _, staged = blob.get_block_list("uncommitted")
    return len(staged)


def test_a_slow_upload_in_blocks_is_not_seen_before_its_commit_and_taken_up_after_it(
    landing: Landing, azure_store: AzureStore, clip: Clip
) -> None:
    landing.put("other.mp4", clip("one_frame"))
    blob = azure_store.blob("landing/film.mp4")
    blocks = [BlobBlock(f"{number:04d}") for number in range(4)]
    for number, piece in enumerate(_in_pieces(clip("constant_rate").read_bytes(), 4)):
        blob.stage_block(blocks[number].id, piece)
        landing.tick()
        assert _num_staged(blob) == number + 1, "an upload that is on its way stays as it is"
    assert {request.partition_key for request in landing.requested} == {"other"}
    assert landing.versions("film.mp4") == []
    blob.commit_block_list(blocks)
    _receive(landing)
    assert landing.states("film.mp4") == ["read"]
    assert landing.versions("film.mp4")[0].sha256 == azure_store.digest("landing/film.mp4")


def test_an_upload_that_is_being_replaced_block_by_block_keeps_its_version_until_the_commit(
    landing: Landing, azure_store: AzureStore
) -> None:
    landing.put("film.mp4", b"first")
    blob = azure_store.blob("landing/film.mp4")
    for number in range(3):
        blob.stage_block(f"{number}", b"second")
        landing.tick()
    (first,) = landing.versions("film.mp4")
    blob.commit_block_list([BlobBlock(f"{number}") for number in range(3)])
    landing.run_requested()
    landing.ticks(3)
    assert landing.states("film.mp4") == ["requested", "superseded"]
    (superseded,) = (version for version in landing.versions("film.mp4") if version.is_closed)
    assert superseded.version == first.version


def test_a_blob_that_is_replaced_between_two_ticks_is_read_in_its_last_version_only(
    landing: Landing, clip: Clip
) -> None:
    landing.put("film.mp4", b"not a film")
    landing.tick()
    landing.put("film.mp4", with_note(clip("one_frame"), "second"))
    landing.ticks()
    landing.put("film.mp4", with_note(clip("one_frame"), "third"))
    assert all(result.success for result in landing.run_requested())
    assert landing.materializations("source_video", "film") == 0
    _receive(landing)
    assert landing.states("film.mp4") == ["read", "superseded", "superseded"]
    assert landing.materializations("source_video", "film") == 1
    third = hashlib.sha256(with_note(clip("one_frame"), "third")).hexdigest()
    assert {version.sha256 for version in landing.versions("film.mp4")} == {"", third}


def test_a_blob_that_is_removed_between_two_ticks_is_not_requested(landing: Landing) -> None:
    landing.put("film.mp4", b"a")
    landing.put("other.mp4", b"a")
    landing.tick()
    landing.store.delete("landing/film.mp4")
    landing.ticks()
    assert {request.partition_key for request in landing.requested} == {"other"}
    assert landing.states("film.mp4") == ["superseded"]


def test_settings_count_whether_they_come_before_the_film_or_after_it(landing: Landing, clip: Clip) -> None:
    landing.wish("film.mp4", style="scream")
    landing.tick()
    landing.put("film.mp4", clip("one_frame"))
    landing.deliver("film.mp4")
    landing.wish("film.mp4", style="great-wave", media_container="mkv")
    landing.deliver("film.mp4")
    assert landing.states("film.mp4") == ["delivered", "delivered"]
    assert landing.materializations("source_video", "film") == 1
    receipts = [info.key for info in landing.store.list("delivery/film/") if info.key.endswith("/receipt.json")]
    styles = {json.loads(landing.store.read_bytes(key))["settings"]["style"] for key in receipts}
    assert styles == {"scream", "great-wave"}


def test_settings_that_are_replaced_before_the_film_is_taken_up_count_in_their_last_version(
    landing: Landing, clip: Clip
) -> None:
    landing.put("film.mp4", clip("one_frame"))
    landing.wish("film.mp4", style="scream")
    landing.tick()
    landing.wish("film.mp4", style="great-wave")
    _receive(landing)
    assert landing.states("film.mp4") == ["read", "superseded"]
    assert ClipSettings.read(landing.store, settings_key("film")).style == "great-wave"


def test_every_name_that_azure_allows_is_read_as_a_clip_of_its_own(landing: Landing, clip: Clip) -> None:
    names = [*COLLIDING_NAMES, *HARD_NAMES]
    contents = {name: with_note(clip("one_frame"), name) for name in names}
    for name, content in contents.items():
        landing.put(name, content)
    _receive(landing)
    assert len({clip_key(name) for name in names}) == len(names)
    for name, content in contents.items():
        (version,) = landing.versions(name)
        assert (version.state, version.clip) == ("read", clip_key(name))
        assert version.sha256 == hashlib.sha256(content).hexdigest()


def test_the_longest_name_is_delivered(landing: Landing, clip: Clip) -> None:
    assert len(LONGEST_NAME) == MAX_NAME_CHARACTERS
    landing.put(LONGEST_NAME, clip("constant_rate"))
    landing.deliver(LONGEST_NAME)
    assert landing.states(LONGEST_NAME) == ["delivered"]
    latest = json.loads(landing.store.read_bytes(f"delivery/{clip_key(LONGEST_NAME)}/latest.json"))
    assert landing.store.digest(latest["video_key"]) == latest["video_sha256"]
    receipt = json.loads(landing.store.read_bytes(latest["receipt_key"]))
    assert receipt["source"]["upload"] == f"landing/{LONGEST_NAME}"


def test_a_rejected_upload_beside_whose_name_nothing_fits_holds_up_nobody(landing: Landing, clip: Clip) -> None:
    landing.put(LONGEST_NAME, b"not a video")
    landing.put(f"{LONGEST_NAME[:-4]}.txt", b"not a video")
    landing.put("zebra.mp4", clip("one_frame"))  # comes last in every listing
    landing.ticks()
    assert len(landing.requested) == 2
    landing.run_requested()
    landing.ticks()
    assert landing.requested == []
    assert landing.states("zebra.mp4") == ["read"]
    (version,) = landing.versions(LONGEST_NAME)
    assert version.state == "rejected"
    assert "not a video that can be read" in version.reason
    (noted,) = landing.instance.fetch_observations(
        dg.AssetRecordsFilter(dg.AssetKey("source_video"), asset_partitions=[version.clip]), limit=5
    ).records
    assert version.reason == noted.event_log_entry.asset_observation.metadata["reason"].value


def _upload_many(store: AzureStore, count: int) -> None:
    def upload(number: int) -> None:
        store.put(f"landing/{number % 100:02d}/film-{number:05d}.mp4", b"a")

    with ThreadPoolExecutor(16) as executor:
        list(executor.map(upload, range(count)))


# Azurite takes 5 to 10 ms to create a blob, which makes more than a minute of 10,000.
@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_a_tick_over_very_many_uploads_takes_a_fraction_of_its_minute_and_a_small_cursor(
    landing: Landing, azure_store: AzureStore, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    _upload_many(azure_store, count)
    for expected in (0, 25, 50):
        started = time.monotonic()
        landing.tick()
        seconds = time.monotonic() - started
        with capsys.disabled():
            print(f"\n{count} uploads: a tick took {seconds:.1f} s, its cursor {len(landing.cursor or '')} bytes")  # noqa: T201
        assert seconds < 30  # a tick has 60 s
        assert len(landing.cursor or "") < 100_000
        assert len({request.run_key for request in landing.requested}) == expected
