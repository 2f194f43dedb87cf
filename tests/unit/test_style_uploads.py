"""What lies in ``landing/styles/``, and what the sensor makes of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sensors.style_upload_diff import Seen, diff_style_uploads
from sensors.style_upload_sensor import style_upload_sensor
from stylize.errors import StoreError, StyleError
from stylize.records.style_uploads import StyleUploads, find_style_upload, sort_style_uploads
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import MediaStore, ObjectInfo


def sort(*names: str, etag: str = "1", size_bytes: int = 10) -> StyleUploads:
    objects = [ObjectInfo(key=f"landing/styles/{name}", etag=etag, size_bytes=size_bytes) for name in names]
    return sort_style_uploads(objects)


def test_the_name_of_the_file_is_the_name_of_the_style() -> None:
    uploads = sort("Two Waves.JPG", "noise.pth", "by/monet.webp")
    assert {style: upload.name for style, upload in uploads.by_style.items()} == {
        "by-monet": "by/monet.webp",
        "noise": "noise.pth",
        "two-waves": "Two Waves.JPG",
    }
    assert [upload.is_image for upload in uploads.by_style.values()] == [True, False, True]


def test_a_checkpoint_wins_over_an_image_and_two_of_a_kind_are_left_alone() -> None:
    uploads = sort("wave.jpg", "wave.png", "wave.safetensors", "a b.jpg", "A-B.png", "c.pth", "c.safetensors")
    assert {style: upload.name for style, upload in uploads.by_style.items()} == {"wave": "wave.safetensors"}
    assert uploads.ambiguous == {"a-b": ("A-B.png", "a b.jpg"), "c": ("c.pth", "c.safetensors")}


def test_other_files_and_reserved_names_are_unusable_and_hidden_ones_are_nobodys_business() -> None:
    uploads = sort("notes.txt", "content.jpg", ".wave.jpg.part", ".hidden/wave.jpg", "noending")
    assert uploads.by_style == {}
    assert uploads.unusable == ("content.jpg", "noending", "notes.txt")


def test_of_two_files_for_one_style_the_message_names_both(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for name in ("wave.jpg", "Wave.png"):
        store.put(f"landing/styles/{name}", b"picture")
    with pytest.raises(StyleError, match=r"'Wave\.png' and 'wave\.jpg' in landing/styles/ are both style 'wave'"):
        find_style_upload(store, "wave")
    assert find_style_upload(store, "other") is None


def test_an_upload_is_requested_once_it_looks_the_same_twice() -> None:
    first = diff_style_uploads(sort("wave.jpg"), before={})
    assert (first.ready, first.settling) == ((), ("wave.jpg",))
    grown = diff_style_uploads(sort("wave.jpg", size_bytes=20), before=first.seen)
    assert (grown.ready, grown.settling) == ((), ("wave.jpg",))
    replaced = diff_style_uploads(sort("wave.jpg", etag="2", size_bytes=20), before=grown.seen)
    assert replaced.ready == ()
    settled = diff_style_uploads(sort("wave.jpg", etag="2", size_bytes=20), before=replaced.seen)
    assert [upload.style for upload in settled.ready] == ["wave"]
    again = diff_style_uploads(sort("wave.jpg", etag="2", size_bytes=20), before=settled.seen)
    assert again.ready == again.settling == ()
    gone = diff_style_uploads(sort(), before=again.seen)
    assert dict(gone.seen) == {}


def test_one_tick_requests_so_many_and_the_next_carries_on() -> None:
    uploads = sort("a.jpg", "b.jpg", "c.jpg")
    settling = diff_style_uploads(uploads, before={})
    first = diff_style_uploads(uploads, before=settling.seen, max_requests=2)
    assert ([upload.style for upload in first.ready], first.held) == (["a", "b"], ("c.jpg",))
    second = diff_style_uploads(uploads, before=first.seen, max_requests=2)
    assert ([upload.style for upload in second.ready], second.held) == (["c"], ())


def test_the_summary_says_what_was_seen() -> None:
    uploads = sort("a.jpg", "b.png", "B.jpg", "notes.txt")
    assert diff_style_uploads(uploads, before={}).summary == (
        "1 styles in landing/styles/; still settling: a.jpg; left alone until all but one are renamed or removed:"
        " B.jpg and b.png are both 'b'; not usable as styles: notes.txt."
    )
    seen = {"a": Seen(version="landing/styles/a.jpg 1 10", requested=True)}
    assert diff_style_uploads(sort("a.jpg"), before=seen).summary == "1 styles in landing/styles/; nothing new."


class Unreadable(FolderStore):
    """A store whose listings fail."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        raise StoreError(f"no answer for {prefix}")


def tick(store: MediaStore, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    result = style_upload_sensor(context, store=store)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_the_sensor_adds_the_style_and_requests_its_run_by_version(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    stored = store.put("landing/styles/Two Waves.jpg", b"picture")
    with dg.instance_for_test() as instance:
        first = tick(store, instance, None)
        assert isinstance(first, dg.SensorResult)
        assert "still settling: Two Waves.jpg" in str(first.skip_reason)
        second = tick(store, instance, first.cursor)
        assert isinstance(second, dg.SensorResult)
        (request,) = second.run_requests or []
        assert (request.partition_key, request.run_key) == ("two-waves", f"two-waves/{stored.etag}")
        (added,) = second.dynamic_partitions_requests or []
        assert (added.partitions_def_name, list(added.partition_keys)) == ("styles", ["two-waves"])
        third = tick(store, instance, second.cursor)
        assert isinstance(third, dg.SensorResult)
        assert not third.run_requests
        assert len(str(third.cursor)) < 200
        assert json.loads(str(third.cursor))["two-waves"]["requested"]


def test_a_failed_listing_changes_nothing(tmp_path: Path) -> None:
    with dg.instance_for_test() as instance:
        result = tick(Unreadable(tmp_path), instance, "{}")
    assert isinstance(result, dg.SkipReason)
    assert "cannot be read now: no answer for landing/styles/" in str(result.skip_message)


def test_an_unusable_file_is_named_with_what_was_expected(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("landing/styles/movie.gif", b"picture")
    with dg.instance_for_test() as instance:
        result = tick(store, instance, None)
    assert isinstance(result, dg.SensorResult)
    assert "movie.gif" in str(result.skip_reason)
    assert "expected a checkpoint (.safetensors, .pth) or an image (.jpg" in str(result.skip_reason)
