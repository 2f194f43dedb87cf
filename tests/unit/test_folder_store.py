import fcntl
import hashlib
import threading
from pathlib import Path

import pytest

from dagster_project.errors import IntegrityError, ObjectMissingError, PreconditionError, StoreError, StoreFullError
from resources.folder_store import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def test_what_was_put_is_read_back_with_its_digest(store: FolderStore) -> None:
    written = store.put("work/clip/a.bin", b"hello")
    assert written.sha256 == hashlib.sha256(b"hello").hexdigest() == store.digest("work/clip/a.bin")
    assert store.read_bytes("work/clip/a.bin", sha256=written.sha256) == b"hello"
    assert store.stat("work/clip/a.bin").etag == written.etag


def test_a_file_is_streamed_in_and_out(store: FolderStore, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(bytes(range(256)) * 50_000)
    written = store.put("landing/film.mp4", source)
    assert store.download("landing/film.mp4", target) == written.sha256
    assert target.read_bytes() == source.read_bytes()


def test_creating_what_exists_is_refused_and_changes_nothing(store: FolderStore) -> None:
    store.put("work/a", b"first", if_absent=True)
    with pytest.raises(PreconditionError, match="exists already"):
        store.put("work/a", b"second", if_absent=True)
    assert store.read_bytes("work/a") == b"first"


def test_replacing_another_version_than_the_one_seen_is_refused(store: FolderStore) -> None:
    seen = store.put("work/a", b"one")
    store.put("work/a", b"two", if_match=seen.etag)
    with pytest.raises(PreconditionError, match="another writer"):
        store.put("work/a", b"three", if_match=seen.etag)
    assert store.read_bytes("work/a") == b"two"


def test_the_etag_changes_even_if_the_bytes_do_not(store: FolderStore) -> None:
    assert store.put("work/a", b"same").etag != store.put("work/a", b"same").etag


def test_of_many_writers_that_create_one_object_exactly_one_wins(store: FolderStore) -> None:
    outcomes: list[str] = []

    def create(name: str) -> None:
        try:
            store.put("work/a", name.encode(), if_absent=True)
            outcomes.append(name)
        except PreconditionError:
            pass

    threads = [threading.Thread(target=create, args=(f"writer-{index}",)) for index in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.read_bytes("work/a").decode()] == outcomes


def test_a_reader_that_demands_a_version_is_told_when_it_was_replaced(store: FolderStore, tmp_path: Path) -> None:
    seen = store.put("landing/a", b"one")
    store.put("landing/a", b"two")
    with pytest.raises(PreconditionError, match="replaced"):
        store.download("landing/a", tmp_path / "copy", if_match=seen.etag)


def test_a_damaged_object_is_noticed_when_it_is_read(store: FolderStore, tmp_path: Path) -> None:
    good = store.put("work/a", b"good").sha256
    Path(store.location("work/a")).write_bytes(b"evil")
    with pytest.raises(IntegrityError, match="damaged"):
        store.read_bytes("work/a", sha256=good)
    with pytest.raises(IntegrityError, match="damaged"):
        store.download("work/a", tmp_path / "copy", sha256=good)
    assert not (tmp_path / "copy").exists()
    with pytest.raises(IntegrityError, match="damaged"), store.as_file("work/a", tmp_path, sha256=good):
        pass


def test_listing_shows_committed_objects_below_a_prefix_in_key_order(store: FolderStore) -> None:
    for key in ("work/b/2", "work/b/1", "work/bc", "landing/b"):
        store.put(key, b"")
    assert [info.key for info in store.list("work/b")] == ["work/b/1", "work/b/2", "work/bc"]
    assert [info.key for info in store.list("work/b/")] == ["work/b/1", "work/b/2"]
    assert list(store.list("delivery/")) == []


def test_names_with_spaces_quotes_and_unicode_work(store: FolderStore) -> None:
    for name in ("a b", 'it\'s "it"', "-x", "日本語", "#?%+"):
        store.put(f"landing/{name}.mp4", name.encode())
        assert store.read_bytes(f"landing/{name}.mp4") == name.encode()


def test_keys_cannot_leave_the_store(store: FolderStore) -> None:
    for key in ("../x", "work/../../x", "/etc/passwd", ""):
        with pytest.raises(StoreError, match="bad object key"):
            store.put(key, b"")


def test_missing_objects_are_named(store: FolderStore) -> None:
    assert store.stat("work/none") is None
    with pytest.raises(ObjectMissingError, match="work/none"):
        store.read_bytes("work/none")


def test_a_full_device_is_reported_and_leaves_nothing_behind(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreFullError, match="no space left"):
        store.put("work/a", b"x")
    assert store.stat("work/a") is None
    assert not list(store.root.rglob("*.part"))


def test_sweeping_removes_what_killed_writers_left_but_not_what_is_being_written(store: FolderStore) -> None:
    store.put("work/a", b"x")
    dead, alive = store.root / ".incoming" / "dead.part", store.root / ".incoming" / "alive.part"
    dead.write_bytes(b"half")
    with alive.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        store.sweep()
        assert alive.exists()
    assert not dead.exists()


def test_sweeping_all_the_time_disturbs_no_writer(store: FolderStore) -> None:
    done = threading.Event()

    def sweep() -> None:
        while not done.is_set():
            store.sweep()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for number in range(500):
            store.put(f"work/{number % 5}", str(number).encode())
    finally:
        done.set()
        sweeper.join()
