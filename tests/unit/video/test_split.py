"""Chunks of a clip: every frame, bit for bit, and no more work or disk than needed."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import av
import psutil
import pytest
from av.video.frame import VideoFrame

from stylize.errors import DecodeError
from stylize.sandbox.limits import DecodeLimits
from stylize.sandbox.sandbox_child import ITEMS_AHEAD
from stylize.video.chunks.lossless import read_chunk
from stylize.video.chunks.split import split
from stylize.video.pixels.planes import plane_rows
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.plan import Chunk, plan_segments
from tests.clips import CLIPS
from tests.unit.video.oracle import frame_table
from tests.unit.video.test_scan import PROGRAM_DIFFERS

Manifests = Callable[[str], VideoManifest]
Clips = Callable[[str], Path]
Frame = tuple[int, int, str, tuple[bytes, ...]]


def content(frame: VideoFrame) -> Frame:
    return frame.width, frame.height, frame.format.name, tuple(rows.tobytes() for rows in plane_rows(frame))


def md5(planes: tuple[bytes, ...]) -> str:
    return hashlib.md5(b"".join(planes), usedforsecurity=False).hexdigest()


def linear_decode(path: Path, stream_index: int) -> Iterator[VideoFrame]:
    """Decode on one thread, straight through, with nothing of ours in between."""
    with av.open(str(path)) as container:
        stream = container.streams[stream_index]
        stream.codec_context.thread_type = "NONE"
        for frame in container.decode(stream):
            if isinstance(frame, VideoFrame):
                yield frame


def chunks_of(manifest: VideoManifest) -> tuple[Chunk, ...]:
    return plan_segments(manifest.video.num_frames).chunks


def short_chunks(manifest: VideoManifest) -> tuple[Chunk, ...]:
    """Chunks of four frames, so that a tiny clip has many."""
    count = manifest.video.num_frames
    return tuple(Chunk(index=at // 4, start=at, stop=min(at + 4, count)) for at in range(0, count, 4))


@pytest.fixture(scope="module")
def from_chunks(
    clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], list[Frame]]:
    """Return the content of every frame of a clip, split into chunks and read back."""

    def split_and_read(name: str) -> list[Frame]:
        found = manifest(name)
        contents = []
        for chunk, path in split(clip(name), found, chunks_of(found), tmp_path_factory.mktemp("chunks"), limits=limits):
            frames = list(read_chunk(path))
            assert [frame.pts for frame in frames] == list(range(chunk.num_frames))
            contents += [content(frame) for frame in frames]
            path.unlink()
        return contents

    return cache(split_and_read)


@pytest.mark.parametrize("name", CLIPS)
def test_frames_read_from_chunks_equal_a_linear_decode(
    name: str, clip: Clips, manifest: Manifests, from_chunks: Callable[[str], list[Frame]]
) -> None:
    decoded = linear_decode(clip(name), manifest(name).video.stream_index)
    assert from_chunks(name) == [content(frame) for frame in decoded]


@pytest.mark.parametrize("name", sorted(set(CLIPS) - PROGRAM_DIFFERS - {"palette"}))
def test_frames_read_from_chunks_equal_those_of_the_ffmpeg_program(
    name: str, clip: Clips, manifest: Manifests, from_chunks: Callable[[str], list[Frame]]
) -> None:
    _, rows = frame_table(clip(name), manifest(name).video.stream_index)
    assert [md5(samples) for *_, samples in from_chunks(name)] == [digest for _, digest in rows]


@pytest.mark.parametrize("name", ["constant_rate", "hdr", "full_range", "gray", "rgb", "odd_size_420"])
def test_frames_from_chunks_carry_the_colour_tags_of_the_source(
    name: str, clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path: Path
) -> None:
    found = manifest(name)
    _, path = next(split(clip(name), found, chunks_of(found), tmp_path, limits=limits))
    frame, original = next(read_chunk(path)), next(linear_decode(clip(name), found.video.stream_index))
    for tag in ("color_range", "colorspace", "color_primaries", "color_trc"):
        assert getattr(frame, tag) == getattr(original, tag), tag


@pytest.mark.parametrize("name", ["constant_rate", "hevc", "gray", "alpha"])
def test_splitting_twice_gives_the_same_bytes(
    name: str, clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path: Path
) -> None:
    found = manifest(name)
    runs = [
        [path.read_bytes() for _, path in split(clip(name), found, chunks_of(found), tmp_path, limits=limits)]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_only_the_chunks_asked_for_are_written_and_equal_those_of_a_full_split(
    clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path: Path
) -> None:
    found = manifest("open_gop")
    whole, some = tmp_path / "whole", tmp_path / "some"
    whole.mkdir()
    some.mkdir()
    every = {
        chunk: path.read_bytes()
        for chunk, path in split(clip("open_gop"), found, short_chunks(found), whole, limits=limits)
    }
    wanted = [chunk for chunk in every if chunk.index in (1, 2, 6)]
    asked = list(split(clip("open_gop"), found, wanted[::-1], some, limits=limits))
    assert [chunk for chunk, _ in asked] == wanted
    assert [path.read_bytes() for _, path in asked] == [every[chunk] for chunk in wanted]
    assert sorted(some.iterdir()) == [path for _, path in asked]


def test_decoding_stops_after_the_last_chunk_asked_for(
    clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path: Path
) -> None:
    """A clip with a broken second half still gives the chunks of its first half."""
    found = manifest("motion_jpeg")
    data = bytearray(clip("motion_jpeg").read_bytes())
    data[len(data) // 2 : -5_000] = bytes(len(data) - 5_000 - len(data) // 2)
    broken = tmp_path / "broken.avi"
    broken.write_bytes(data)
    first, *_, last = short_chunks(found)
    assert [chunk for chunk, _ in split(broken, found, [first], tmp_path, limits=limits)] == [first]
    with pytest.raises(DecodeError, match=r"'broken\.avi'"):
        list(split(broken, found, [last], tmp_path, limits=limits))


def test_the_child_stays_at_most_two_chunks_ahead_of_a_slow_consumer(
    clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path: Path
) -> None:
    found = manifest("constant_rate")
    for _, path in split(clip("constant_rate"), found, short_chunks(found), tmp_path, limits=limits):
        time.sleep(0.15)
        # The one in hand, those ahead, and the one that waits to be announced.
        assert len(list(tmp_path.iterdir())) <= 1 + ITEMS_AHEAD
        path.unlink()


def test_leaving_early_ends_the_child(clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path: Path) -> None:
    found = manifest("constant_rate")
    before = set(psutil.Process().children())
    running = split(clip("constant_rate"), found, short_chunks(found), tmp_path, limits=limits)
    next(running)
    running.close()
    assert set(psutil.Process().children()) <= before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda video: {"pts": (*video.pts[:-1], video.pts[-1] + 1)}, "frame 39 has timestamp 19968"),
        (lambda video: {"pts": (*video.pts, video.pts[-1] + 512)}, "has 40 frames, the manifest says 41"),
        (lambda video: {"pts": video.pts[:-1]}, "more than the 39 frames"),
        (lambda video: {"width": 98}, "frame 0 is"),
        (lambda video: {"pixel_format": "yuv444p"}, "frame 0 is"),
    ],
)
def test_a_file_that_is_not_what_its_manifest_says_is_refused(
    change: Callable, message: str, clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path: Path
) -> None:
    found = manifest("constant_rate")
    wrong = dataclasses.replace(found, video=dataclasses.replace(found.video, **change(found.video)))
    with pytest.raises(DecodeError, match=message):
        list(split(clip("constant_rate"), wrong, chunks_of(wrong), tmp_path, limits=limits))


def test_chunks_outside_the_clip_are_refused_before_anything_runs(
    clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path: Path
) -> None:
    chunk = Chunk(index=0, start=30, stop=41)
    with pytest.raises(ValueError, match=r"\[30, 41\)"):
        split(clip("constant_rate"), manifest("constant_rate"), [chunk], tmp_path, limits=limits)


def test_asking_for_no_chunks_gives_none(
    clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path: Path
) -> None:
    assert list(split(clip("constant_rate"), manifest("constant_rate"), [], tmp_path, limits=limits)) == []


def test_any_name_of_source_and_folder_works(
    clip: Clips, manifest: Manifests, limits: DecodeLimits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "-out ünï 'q'\nx"
    folder.mkdir()
    (tmp_path / "pipe:0").write_bytes(clip("constant_rate").read_bytes())
    monkeypatch.chdir(tmp_path)
    found = manifest("constant_rate")
    relative = Path(folder.name)
    written = list(split(Path("pipe:0"), found, chunks_of(found), relative, limits=limits))
    assert sum(len(list(read_chunk(path))) for _, path in written) == 40
