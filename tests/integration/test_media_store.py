"""What every store promises, whatever its backend: the same tests on a folder and on Azure."""

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stylize.errors import IntegrityError, ObjectMissingError, PreconditionError, StoreError
from stylize.store.azure.account import Transfers
from stylize.store.media_store import MediaStore

HARD_NAMES = (
    *("a b", 'it\'s "it"', "-x", "日本語", "e\u0301 é", "#?%+&", "%41%2F", "a=b;c@d,e!f$g(h)*", "🎬"),
    *("name~with^odd`{characters}|<here>", "a  two spaces", ".hidden", "deep/er/and/deep/er"),
)


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Run ``work(0)`` to ``work(count - 1)`` at once."""
    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_was_put_is_read_back_with_its_digest(store: MediaStore) -> None:
    written = store.put("work/clip/a.bin", b"hello")
    assert written.sha256 == hashlib.sha256(b"hello").hexdigest() == store.digest("work/clip/a.bin")
    assert store.read_bytes("work/clip/a.bin", sha256=written.sha256) == b"hello"
    found = store.stat("work/clip/a.bin")
    assert (found.key, found.size_bytes, found.etag) == (written.key, 5, written.etag)


@pytest.mark.parametrize("extra_bytes", [-1, 0, 1])
def test_a_file_of_several_blocks_is_streamed_in_and_out(store: MediaStore, tmp_path: Path, extra_bytes: int) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(os.urandom(2 * Transfers().block_bytes + extra_bytes))
    written = store.put("landing/film.mp4", source)
    assert written.size_bytes == source.stat().st_size
    assert store.download("landing/film.mp4", target, sha256=written.sha256, if_match=written.etag) == written.sha256
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("size_bytes", [0, 1, Transfers().block_bytes, 3 * Transfers().block_bytes + 7])
def test_content_of_any_size_comes_back_as_it_was(store: MediaStore, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    written = store.put("work/a", content)
    assert store.read_bytes("work/a", sha256=written.sha256) == content
    assert store.stat("work/a").size_bytes == written.size_bytes == size_bytes


def test_creating_what_exists_is_refused_and_changes_nothing(store: MediaStore) -> None:
    store.put("work/a", b"first", if_absent=True)
    with pytest.raises(PreconditionError, match="exists already"):
        store.put("work/a", b"second", if_absent=True)
    assert store.read_bytes("work/a") == b"first"


def test_replacing_another_version_than_the_one_seen_is_refused(store: MediaStore) -> None:
    seen = store.put("work/a", b"one")
    store.put("work/a", b"two", if_match=seen.etag)
    with pytest.raises(PreconditionError, match="another writer"):
        store.put("work/a", b"three", if_match=seen.etag)
    assert store.read_bytes("work/a") == b"two"


def test_replacing_what_is_not_there_is_refused(store: MediaStore) -> None:
    etag = store.put("work/a", b"one").etag
    store.delete("work/a")
    with pytest.raises(PreconditionError, match="another writer"):
        store.put("work/a", b"two", if_match=etag)
    assert store.stat("work/a") is None


def test_the_etag_changes_even_if_the_bytes_do_not(store: MediaStore) -> None:
    assert store.put("work/a", b"same").etag != store.put("work/a", b"same").etag


def test_a_listing_and_a_look_at_the_object_name_the_same_version(store: MediaStore) -> None:
    store.put("work/a/b", b"one")
    assert list(store.list("work/a/")) == [store.stat("work/a/b")]


def test_of_many_writers_that_create_one_object_exactly_one_wins(store: MediaStore) -> None:
    outcomes: list[str] = []

    def create(index: int) -> None:
        try:
            store.put("work/a", f"writer-{index}".encode(), if_absent=True)
            outcomes.append(f"writer-{index}")
        except PreconditionError:
            pass

    in_threads(create, 16)
    assert [store.read_bytes("work/a").decode()] == outcomes


def test_of_many_writers_that_create_the_same_bytes_exactly_one_is_told_so(store: MediaStore) -> None:
    outcomes: list[bool] = []

    def create(_index: int) -> None:
        try:
            store.put("work/a", b"all the same", if_absent=True)
            outcomes.append(True)
        except PreconditionError:
            outcomes.append(False)

    in_threads(create, 8)
    assert sorted(outcomes) == [False] * 7 + [True]


def test_counting_by_etag_loses_no_count(store: MediaStore) -> None:
    store.put("work/counter", b"0")

    def count(_index: int) -> None:
        for _ in range(3):
            while True:
                seen = store.require("work/counter")
                try:
                    value = int(b"".join(store.chunks("work/counter", if_match=seen.etag)))
                    store.put("work/counter", str(value + 1).encode(), if_match=seen.etag)
                except PreconditionError:
                    continue
                break

    in_threads(count, 6)
    assert store.read_bytes("work/counter") == b"18"


def test_a_reader_that_demands_a_version_is_told_when_it_was_replaced(store: MediaStore, tmp_path: Path) -> None:
    seen = store.put("landing/a", b"one")
    store.put("landing/a", b"two")
    with pytest.raises(PreconditionError, match="replaced"):
        store.download("landing/a", tmp_path / "copy", if_match=seen.etag)


def test_a_damaged_object_is_noticed_when_it_is_read(store: MediaStore, tmp_path: Path) -> None:
    good = hashlib.sha256(b"good").hexdigest()
    store.put("work/a", b"evil")
    with pytest.raises(IntegrityError, match="damaged"):
        store.read_bytes("work/a", sha256=good)
    with pytest.raises(IntegrityError, match="damaged"):
        store.download("work/a", tmp_path / "copy", sha256=good)
    assert not (tmp_path / "copy").exists()
    with pytest.raises(IntegrityError, match="damaged"), store.as_file("work/a", tmp_path, sha256=good):
        pass


def test_listing_shows_committed_objects_below_a_prefix_in_key_order(store: MediaStore) -> None:
    for key in ("work/b/2", "work/b/1", "work/bc", "work/B/1", "landing/b"):
        store.put(key, b"")
    assert [info.key for info in store.list("work/b")] == ["work/b/1", "work/b/2", "work/bc"]
    assert [info.key for info in store.list("work/b/")] == ["work/b/1", "work/b/2"]
    assert [info.key for info in store.list("work/")] == ["work/B/1", "work/b/1", "work/b/2", "work/bc"]
    assert list(store.list("delivery/")) == []


def test_deleting_what_is_not_there_is_no_error(store: MediaStore) -> None:
    store.put("work/a", b"x")
    store.delete("work/a")
    store.delete("work/a")
    assert store.stat("work/a") is None
    assert list(store.list("work/")) == []


@pytest.mark.parametrize("name", HARD_NAMES)
def test_hard_names_work_unchanged(store: MediaStore, tmp_path: Path, name: str) -> None:
    key = f"landing/{name}.mp4"
    written = store.put(key, name.encode(), if_absent=True)
    assert store.read_bytes(key) == name.encode()
    assert store.download(key, tmp_path / "copy", if_match=written.etag) == written.sha256
    assert [info.key for info in store.list("landing/")] == [key]
    assert [info.key for info in store.list(key)] == [key]
    store.delete(key)
    assert store.stat(key) is None


@pytest.mark.parametrize("key", ["../x", "work/../../x", "/etc/passwd", ""])
def test_keys_cannot_leave_the_store(store: MediaStore, key: str) -> None:
    with pytest.raises(StoreError, match="bad object key"):
        store.put(key, b"")


def test_missing_objects_are_named(store: MediaStore, tmp_path: Path) -> None:
    assert store.stat("work/none") is None
    with pytest.raises(ObjectMissingError, match="work/none"):
        store.read_bytes("work/none")
    with pytest.raises(ObjectMissingError, match="work/none"):
        store.require("work/none")
    with pytest.raises(ObjectMissingError, match="work/none"), store.as_file("work/none", tmp_path):
        pass


def test_a_source_that_breaks_off_leaves_the_object_as_it_was(store: MediaStore, tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(os.urandom(3 * Transfers().block_bytes))
    store.put("work/a", b"whole")
    for key in ("work/a", "work/new"):
        with pytest.raises((OSError, StoreError), match="Input/output error"):
            store.put(key, BreaksOff(path))
    assert store.read_bytes("work/a") == b"whole"
    assert [info.key for info in store.list("work/")] == ["work/a"]


class BreaksOff(type(Path())):
    """A file on a disk that fails after two blocks."""

    def open(self, *arguments, **options) -> Any:
        return _FailingReader(super().open(*arguments, **options))


class _FailingReader:
    def __init__(self, file) -> None:
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        if self._file.tell() >= 2 * Transfers().block_bytes:
            raise OSError(5, "Input/output error")
        return self._file.read(size)


def test_a_reader_never_sees_half_an_object(store: MediaStore, tmp_path: Path) -> None:
    contents = [bytes([number]) * (Transfers().block_bytes + 1) for number in range(2)]
    store.put("work/a", contents[0])
    stop = threading.Event()
    seen: list[bytes] = []

    def read() -> None:
        while not stop.is_set():
            try:
                seen.append(store.read_bytes("work/a"))
            except PreconditionError:
                continue  # it was replaced between two ranges, and the reader was told

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(8):
        store.put("work/a", contents[number % 2])
    stop.set()
    reader.join()
    assert {len(content) for content in seen} <= {len(contents[0])}
    assert set(seen) <= set(contents)
