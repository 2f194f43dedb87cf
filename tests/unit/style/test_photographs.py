"""Photographs to refine with: found wherever they may lie, brought to size, and what cannot be used is named."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize.errors import ProbeError, StyleError
from stylize.records.photographs import find_photographs
from stylize.sandbox.limits import DecodeLimits
from stylize.store.folder_store import FolderStore
from stylize.style.pictures import Picture
from stylize.style.refining.photographs import (
    FRAMES_PER_CLIP,
    LARGEST_SHORTER_SIDE,
    Photographs,
    gather_photographs,
    sample_frames,
    spread,
)

Clip = Callable[[str], Path]
LIMITS = DecodeLimits()
NEEDED = 80


def save_noise(path: Path, width: int, height: int) -> Picture:
    picture = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(picture).save(path)
    return picture


def gather(*places: Path, scratch: Path) -> Photographs:
    return gather_photographs(places, scratch, needed=NEEDED, limits=LIMITS)


def test_a_folder_gives_its_pictures_and_frames_of_its_videos_and_names_the_rest(clip: Clip, tmp_path: Path) -> None:
    folder, scratch = tmp_path / "photographs", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    exact = save_noise(folder / "a.png", 120, 100)
    save_noise(folder / "b-small.png", 70, 90)
    save_noise(folder / "c-large.PNG", 1500, 1200)
    save_noise(folder / "d-icon.png", 32, 32)
    (folder / "e-text.txt").write_text("Not a photograph.")
    (folder / "f-cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (folder / "g.mp4").write_bytes(clip("constant_rate").read_bytes())
    (folder / ".hidden.png").touch()
    found = gather(folder, scratch=scratch)
    assert np.array_equal(found.pictures[0], exact)
    assert [picture.shape[:2] for picture in found.pictures[1:3]] == [(103, 80), (540, 675)]
    assert found.names[:4] == ["a.png", "b-small.png", "c-large.PNG", "g.mp4 #0"]
    assert len(found.pictures) == 3 + FRAMES_PER_CLIP
    assert min(min(picture.shape[:2]) for picture in found.pictures) >= NEEDED
    assert max(min(picture.shape[:2]) for picture in found.pictures) <= LARGEST_SHORTER_SIDE
    notes = "\n".join(found.notes)
    for name in ("b-small.png' is enlarged", "d-icon.png' is left out", "e-text.txt", "f-cut.jpg"):
        assert name in notes
    assert "hidden" not in notes
    assert list(scratch.iterdir()) == []


def test_frames_are_taken_evenly_from_the_whole_video_and_upright(clip: Clip, tmp_path: Path) -> None:
    frames = sample_frames(clip("rotated_90"), tmp_path, count=4, limits=LIMITS)
    assert [frame.shape for frame in frames] == [(96, 64, 3)] * 4
    assert len({frame.tobytes() for frame in frames}) == 4
    assert len(sample_frames(clip("one_frame"), tmp_path, count=4, limits=LIMITS)) == 1


def test_what_was_named_by_itself_must_be_usable(tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (tmp_path / "text.mp4").write_text("Not a video.")
    (tmp_path / "empty").mkdir()
    save_noise(tmp_path / "icon.png", 16, 16)
    with pytest.raises(StyleError, match=r"cut\.jpg"):
        gather(tmp_path / "cut.jpg", scratch=tmp_path)
    with pytest.raises(ProbeError, match=r"text\.mp4"):
        gather(tmp_path / "text.mp4", scratch=tmp_path)
    with pytest.raises(StyleError, match=r"nowhere.*no such file or folder"):
        gather(tmp_path / "nowhere", scratch=tmp_path)
    with pytest.raises(StyleError, match=r"no photographs in .*empty: no pictures and no videos"):
        gather(tmp_path / "empty", scratch=tmp_path)
    with pytest.raises(StyleError, match=r"no photographs in .*icon\.png.*too small"):
        gather(tmp_path / "icon.png", scratch=tmp_path)


def test_indices_are_spread_evenly() -> None:
    assert spread(3, 5) == [0, 1, 2]
    assert spread(10, 2) == [2, 7]
    assert spread(1000, 4) == [125, 375, 625, 875]


def defaults(store: FolderStore, scratch: Path) -> Photographs:
    return find_photographs(store, [], clips=["gone"], needed=NEEDED, scratch=scratch, limits=LIMITS)


def test_by_default_they_come_from_the_store_else_from_scikit_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, scratch = FolderStore(tmp_path / "store"), tmp_path / "scratch"
    scratch.mkdir()
    packaged = defaults(store, scratch)
    assert packaged.names == ["astronaut", "chelsea", "rocket", "coffee"]
    save_noise(tmp_path / "mine.png", 120, 100)
    store.put("models/content/mine.png", tmp_path / "mine.png")
    assert defaults(store, scratch).names == ["mine.png"]
    store.delete("models/content/mine.png")
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(StyleError, match=r"put some into .*store/models/content.*--content.*'demo'"):
        defaults(store, scratch)
