import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stylize import code_versions
from stylize.errors import IntegrityError, ObjectMissingError, PreconditionError
from stylize.records.records import ChunkObject, ClipSettings, SecondStyle, SegmentRecord, digest_of
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import StoredObject

SETTINGS = ClipSettings(
    style="starry-night", model_key="models/a", model_sha256="ab", device="cpu", precision="fp32", media_container="mp4"
)
CHUNK = ChunkObject(index=0, start=0, stop=24, key="work/a", sha256="cd", size_bytes=7)
SECOND = SecondStyle(style="scream", model_key="models/b", model_sha256="ef", share=0.3)
OLD_KEYS = ("style", "model_key", "model_sha256", "device", "precision", "media_container")
RECORD = SegmentRecord(segment=0, start=0, stop=24, chunks=(CHUNK,), settings=SETTINGS)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def test_a_record_is_read_back_as_it_was_written(store: FolderStore) -> None:
    RECORD.write(store, "work/record.json")
    assert SegmentRecord.read(store, "work/record.json") == RECORD


def test_writing_the_same_record_again_leaves_the_object_alone(store: FolderStore) -> None:
    RECORD.write(store, "work/record.json")
    before = store.stat("work/record.json")
    RECORD.write(store, "work/record.json")
    assert store.stat("work/record.json") == before


class _Beaten(FolderStore):
    """A store in which another writer always comes first, with the content ``theirs``."""

    theirs = b""

    def put(self, key: str, source: Path | bytes, **conditions: Any) -> StoredObject:
        super().put(key, self.theirs)
        return super().put(key, source, **conditions)


def test_a_writer_that_comes_second_with_the_same_record_is_content(tmp_path: Path) -> None:
    store = _Beaten(tmp_path)
    store.theirs = json.dumps(RECORD.to_dict(), indent=2).encode()
    RECORD.write(store, "work/record.json")
    assert SegmentRecord.read(store, "work/record.json") == RECORD


def test_a_writer_that_comes_second_with_another_record_notices_and_overwrites_nothing(tmp_path: Path) -> None:
    store = _Beaten(tmp_path)
    store.theirs = b"theirs"
    FolderStore(tmp_path).put("work/old.json", b"old")
    for key in ("work/new.json", "work/old.json"):
        with pytest.raises(PreconditionError):
            RECORD.write(store, key)
        assert store.read_bytes(key) == b"theirs"


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"not json", b'{"segment": 0}'])
def test_an_unreadable_record_counts_as_none_and_says_so_when_it_must_be_there(
    store: FolderStore, content: bytes
) -> None:
    store.put("work/record.json", content)
    assert SegmentRecord.find(store, "work/record.json") is None
    with pytest.raises(IntegrityError, match="cannot be read"):
        SegmentRecord.read(store, "work/record.json")


def test_a_missing_record_is_named(store: FolderStore) -> None:
    assert SegmentRecord.find(store, "work/none.json") is None
    with pytest.raises(ObjectMissingError, match=r"work/none\.json"):
        SegmentRecord.read(store, "work/none.json")


def test_the_look_depends_on_the_model_and_not_on_the_media_container() -> None:
    changed = {
        field: ClipSettings(**{**SETTINGS.to_dict(), field: "x"}).look for field in ("model_sha256", "precision")
    }
    assert len({SETTINGS.look, *changed.values()}) == 3
    assert ClipSettings(**{**SETTINGS.to_dict(), "media_container": "mkv"}).look == SETTINGS.look


def test_the_look_depends_on_every_control_and_on_the_model_of_the_second_style() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"strength": 0.5},
        {"keep_colors": True},
        {"style_weight": 0.5},
        {"style_scale": 0.025},
        {"second": SECOND},
        {"second": replace(SECOND, share=0.4)},
        {"second": replace(SECOND, model_sha256="ff")},
    ]
    assert len({replace(SETTINGS, **change).look for change in changes}) == len(changes)


def test_settings_from_before_there_were_controls_are_the_same_look_without_any() -> None:
    old = ClipSettings.from_dict({key: value for key, value in SETTINGS.to_dict().items() if key in OLD_KEYS})
    assert old == SETTINGS
    assert old.describe_controls() == "none"
    assert old.look == digest_of(["ab", "torch", "cpu", "fp32", code_versions.STYLE, code_versions.ENCODE])


def test_settings_with_controls_are_read_back_also_within_a_segment(store: FolderStore) -> None:
    settings = replace(SETTINGS, strength=0.7, keep_colors=True, style_scale=0.025, second=SECOND)
    replace(RECORD, settings=settings).write(store, "work/record.json")
    assert SegmentRecord.read(store, "work/record.json").settings == settings
    assert (
        settings.describe_controls() == "0.3 of scream, strength 0.7, colors of the source, brush 0.025 of the height"
    )
