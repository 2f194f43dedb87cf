"""The blob sensor takes up every complete upload once, and knows what became of each version of it."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from stylize.names import clip_key
from tests.landing import Landing, open_landing

Clip = Callable[[str], Path]


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path) as landing:
        yield landing


def test_an_upload_is_taken_up_once_it_looked_the_same_at_two_ticks(landing: Landing) -> None:
    landing.put("film.mp4", b"a")
    landing.tick()
    assert landing.requested == []
    landing.tick()
    (request,) = landing.requested
    assert request.partition_key == "film"
    landing.tick()
    assert {request.run_key for request in landing.requested} == {request.run_key}


def test_an_upload_that_grows_is_left_alone(landing: Landing) -> None:
    for size in range(1, 5):
        landing.put("film.mp4", b"a" * size)
        landing.tick()
    assert landing.requested == []
    landing.tick()
    assert len(landing.requested) == 1


def test_an_upload_is_read_delivered_and_recorded(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("constant_rate"))
    landing.deliver("film.mp4")
    (version,) = landing.versions("film.mp4")
    assert version.state == "delivered"
    assert version.sha256 == landing.store.digest("landing/film.mp4")
    assert landing.store.stat("delivery/film/latest.json")


def test_the_same_file_uploaded_again_starts_nothing_downstream(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("constant_rate"))
    landing.deliver("film.mp4")
    landing.put("film.mp4", clip("constant_rate"))
    landing.ticks()
    assert all(result.success for result in landing.run_requested())
    landing.tick()
    assert landing.states("film.mp4") == ["delivered", "duplicate"]
    assert landing.materializations("source_video", "film") == 1
    assert landing.materializations("clip_settings", "film") == 1


def test_a_version_that_was_replaced_before_it_settled_is_superseded(landing: Landing) -> None:
    landing.put("film.mp4", b"first")
    landing.tick()
    landing.put("film.mp4", b"second")
    landing.ticks()
    assert landing.states("film.mp4") == ["requested", "superseded"]
    assert len(landing.requested) == 1


def test_a_version_that_was_replaced_before_its_run_read_it_is_superseded_and_the_next_is_delivered(
    landing: Landing, clip: Clip
) -> None:
    landing.put("film.mp4", clip("constant_rate"))
    landing.ticks()
    landing.put("film.mp4", clip("one_frame"))
    assert all(result.success for result in landing.run_requested())
    assert landing.materializations("source_video", "film") == 0
    landing.deliver("film.mp4")
    assert landing.states("film.mp4") == ["delivered", "superseded"]
    receipt = next(info.key for info in landing.store.list("delivery/film/") if info.key.endswith("receipt.json"))
    assert json.loads(landing.store.read_bytes(receipt))["counts"]["frames"] == 1


def test_a_version_that_was_read_is_delivered_before_the_next_is_read(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("constant_rate"))
    landing.ticks()
    landing.run_requested()
    landing.put("film.mp4", clip("one_frame"))
    landing.ticks(3)
    assert landing.requested == []
    landing.automate("film.mp4")
    landing.deliver("film.mp4")
    assert landing.states("film.mp4") == ["delivered", "delivered"]
    assert len([info for info in landing.store.list("delivery/film/") if info.key.endswith(".mp4")]) == 2


def test_a_version_whose_processing_failed_gives_way_when_it_is_replaced(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("one_frame"))
    landing.ticks()
    landing.run_requested()
    landing.tick()
    assert not landing.run("deliver_clip_job", "film").success  # nothing is styled yet
    landing.ticks(2)
    assert landing.states("film.mp4") == ["read"]
    landing.put("film.mp4", clip("constant_rate"))
    landing.deliver("film.mp4")
    assert landing.states("film.mp4") == ["delivered", "superseded"]


def test_a_version_whose_failure_was_mended_is_delivered_before_its_replacement(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("one_frame"))
    landing.ticks()
    landing.run_requested()
    assert not landing.run("deliver_clip_job", "film").success
    landing.put("film.mp4", clip("constant_rate"))
    landing.automate("film.mp4")
    landing.ticks(2)
    assert "delivered" in landing.states("film.mp4")


def test_content_that_comes_back_after_another_is_the_latest_delivery_again(landing: Landing, clip: Clip) -> None:
    delivered = []
    for name in ("constant_rate", "one_frame", "constant_rate"):
        landing.put("film.mp4", clip(name))
        landing.deliver("film.mp4")
        delivered.append(json.loads(landing.store.read_bytes("delivery/film/latest.json"))["video_sha256"])
    assert delivered[0] == delivered[2] != delivered[1]
    assert landing.states("film.mp4") == ["delivered", "delivered", "delivered"]
    assert len([info for info in landing.store.list("delivery/film/") if info.key.endswith(".mp4")]) == 2


def test_settings_beside_the_upload_are_used(landing: Landing, clip: Clip) -> None:
    landing.wish("film.mp4", style="scream", media_container="mkv")
    landing.put("film.mp4", clip("one_frame"))
    landing.deliver("film.mp4")
    latest = json.loads(landing.store.read_bytes("delivery/film/latest.json"))
    assert latest["video_key"].endswith(".mkv")
    assert json.loads(landing.store.read_bytes(latest["receipt_key"]))["settings"]["style"] == "scream"


def test_settings_that_come_later_restyle_the_clip_without_reading_it_again(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("one_frame"))
    landing.deliver("film.mp4")
    landing.wish("film.mp4", style="scream")
    landing.deliver("film.mp4")
    assert landing.states("film.mp4") == ["delivered", "delivered"]
    assert landing.materializations("source_video", "film") == 1
    assert landing.materializations("clip_settings", "film") == 2


@pytest.mark.parametrize(
    ("sidecar", "expected"),
    [
        (b'{"styel": "scream"}', "unknown key 'styel'; expected style"),
        (b'{"style": "screem"}', "unknown style 'screem'; expected one of"),
        (b'{"media_container": "avi"}', "'media_container' cannot be 'avi'"),
        (b"[]", "expected a JSON object"),
        (b"{", "expected a JSON object"),
    ],
)
def test_wrong_settings_reject_the_upload_and_name_the_key(
    landing: Landing, clip: Clip, sidecar: bytes, expected: str
) -> None:
    landing.put("film.mp4.json", sidecar)
    landing.put("film.mp4", clip("one_frame"))
    landing.ticks()
    assert landing.requested == []
    reason = json.loads(landing.store.read_bytes("landing/film.mp4.rejected.json"))["reason"]
    assert expected in reason
    assert "film.mp4.json" in reason
    landing.wish("film.mp4", style="scream")
    landing.deliver("film.mp4")
    assert landing.states("film.mp4") == ["delivered", "rejected"]
    assert landing.store.stat("landing/film.mp4.rejected.json") is None


def test_what_is_not_a_video_is_rejected_with_a_reason_beside_it_until_it_is_replaced(
    landing: Landing, clip: Clip
) -> None:
    landing.put("deep/notes.txt", b"shopping list")
    landing.put("film.mp4", b"not a video at all")
    landing.ticks()
    assert not any(result.success for result in landing.run_requested())
    landing.ticks(3)
    assert landing.requested == []
    assert landing.states("deep/notes.txt") == landing.states("film.mp4") == ["rejected"]
    assert "ending of a video" in landing.store.read_bytes("landing/deep/notes.txt.rejected.json").decode()
    assert "not a video that can be read" in landing.store.read_bytes("landing/film.mp4.rejected.json").decode()
    landing.put("film.mp4", clip("one_frame"))
    landing.deliver("film.mp4")
    assert landing.states("film.mp4") == ["delivered", "rejected"]
    assert landing.store.stat("landing/film.mp4.rejected.json") is None


def test_a_rejection_shows_in_the_asset_of_the_clip(landing: Landing) -> None:
    landing.put("notes.txt", b"shopping list")
    landing.ticks()
    (observed,) = landing.instance.fetch_observations(dg.AssetKey("source_video"), limit=5).records
    assert "ending of a video" in str(observed.event_log_entry.asset_observation.metadata["reason"].value)


def test_what_the_command_line_delivered_starts_no_run(landing: Landing, clip: Clip) -> None:
    landing.put("film.mp4", clip("one_frame"))
    landing.deliver("film.mp4")
    for info in list(landing.store.list("uploads/")):
        landing.store.delete(info.key)  # stylize video knows nothing of the ledger
    landing.ticks(3)
    assert landing.requested == []
    assert landing.states("film.mp4") == ["duplicate"]
    landing.wish("film.mp4", style="scream")
    landing.ticks()
    assert len(landing.requested) == 1


def test_a_tick_takes_up_25_uploads_and_the_next_ones_carry_on(landing: Landing) -> None:
    for number in range(60):
        landing.put(f"film-{number:03d}.mp4", b"a")
    landing.tick()
    for expected in (25, 50, 60, 60):
        landing.tick()
        assert len({request.run_key for request in landing.requested}) == expected


def test_ten_thousand_uploads_are_compared_within_a_tick_and_a_small_cursor(landing: Landing) -> None:
    for number in range(10_000):
        path = landing.settings.store_dir / "landing" / f"{number % 100:02d}" / f"film-{number:05d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a")
    started = time.monotonic()
    landing.tick()
    assert time.monotonic() - started < 30  # a tick has 60 s
    landing.tick()
    assert len(landing.requested) == 25
    assert len(landing.cursor or "") < 100_000


def test_names_that_only_differ_in_what_a_key_cannot_spell_stay_apart(landing: Landing, clip: Clip) -> None:
    names = ["a b.mp4", "a-b.mp4", "a_b.mp4", "A-B.mp4", "a/b.mp4", "a-b.mov", "ä-b.mp4", "a#?%+b.mp4", "日本.mp4"]
    for name in names:
        landing.put(name, clip("one_frame"))
    landing.ticks()
    assert all(result.success for result in landing.run_requested())
    landing.tick()
    assert [landing.states(name) for name in names] == [["read"]] * len(names)
    assert len({clip_key(name) for name in names}) == len(names)


def test_hidden_and_temporary_names_sidecars_and_styles_are_no_uploads(landing: Landing) -> None:
    names = [".film.mp4.part", ".uploading/film.mp4", "alone.mp4.json", "x.mp4.rejected.json", "styles/mine.jpg"]
    for name in names:
        landing.put(name, b"{}")
    assert isinstance(landing.tick(), dg.SkipReason)


def test_a_tick_says_what_it_saw(landing: Landing) -> None:
    landing.put("notes.txt", b"a")
    landing.put("film.mp4", b"a")
    result = landing.tick()
    assert isinstance(result, dg.SensorResult)
    assert "2 uploads in landing/: 2 settling" in str(result.skip_reason.skip_message)
