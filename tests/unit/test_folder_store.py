"""What only the folder backend has to get right; what every store promises: tests/integration/test_media_store.py."""

import errno
import fcntl
import threading
from pathlib import Path

import pytest

from stylize.errors import IntegrityError, PreconditionError, StoreFullError
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import StoreUsage


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def test_bytes_that_changed_on_the_disk_are_noticed_when_they_are_read(store: FolderStore, tmp_path: Path) -> None:
    good = store.put("work/a", b"good").sha256
    Path(store.location("work/a")).write_bytes(b"evil")
    with pytest.raises(IntegrityError, match="damaged"):
        store.read_bytes("work/a", sha256=good)
    with pytest.raises(IntegrityError, match="damaged"), store.as_file("work/a", tmp_path, sha256=good):
        pass


def test_a_folder_costs_no_requests(store: FolderStore) -> None:
    store.put("work/a", b"x")
    assert store.usage == StoreUsage(requests=0, sent_bytes=0, received_bytes=0)


@pytest.mark.parametrize("error_number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_of_many_writers_one_wins_also_where_there_are_no_hard_links(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, error_number: int
) -> None:
    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(error_number, "no hard links here")

    monkeypatch.setattr("os.link", refuse)
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
