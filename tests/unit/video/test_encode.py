"""Chunks that can be joined: same bytes on repeat, same headers whatever they hold, tags as promised."""

import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stylize.errors import EncodeError
from stylize.video.chunks.encode import REORDER_FRAMES, encode_chunk
from stylize.video.pixels.pixels import delivered_picture
from stylize.video.source.manifest import ColorTags, VideoTrack

TRACK = VideoTrack(
    stream_index=0, codec="h264", width=96, height=64, pixel_format="yuv420p", time_base=Fraction(1, 25), pts=(0,),
    last_duration=1, average_rate=None, sample_aspect_ratio=Fraction(16, 11),
    color=ColorTags(range=1, matrix=5, primaries=5, transfer=6),
)  # fmt: skip
PICTURE = delivered_picture(TRACK)


def moving(num_frames: int, seed: int = 0):
    texture = np.random.default_rng(seed).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    return (np.roll(texture, 3 * i, axis=1) for i in range(num_frames))


def flat(num_frames: int):
    return (np.full((64, 96, 3), 40, np.uint8) for _ in range(num_frames))


def extradata(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.extradata or b""


def test_the_same_frames_give_the_same_bytes_every_single_time(tmp_path):
    """With x264's mbtree about 1 in 100 of these differs on a CPU with AVX-512."""
    noise = np.random.default_rng(0).integers(0, 255, (80, 112, 3), dtype=np.uint8)
    frames = [np.clip(noise[i % 8 :, i % 9 :][:64, :96].astype(int) + i, 0, 255).astype(np.uint8) for i in range(16)]
    digests = set()
    for attempt in range(400):
        path = tmp_path / f"under any name {attempt % 2}.mkv"
        encode_chunk(iter(frames), path, delivered_picture(replace(TRACK, width=96, height=64)))
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_headers_do_not_depend_on_what_a_chunk_holds(tmp_path):
    contents = [moving(24), moving(24, seed=1), flat(24), moving(1), flat(1), moving(2), moving(23)]
    headers = set()
    for index, frames in enumerate(contents):
        path = tmp_path / f"{index}.mkv"
        encode_chunk(frames, path, PICTURE)
        headers.add(extradata(path))
    assert len(headers) == 1
    assert headers != {b""}


@pytest.mark.parametrize("num_frames", [1, 2, 3, 24])
def test_a_chunk_has_one_idr_frame_its_first_and_decodes_to_as_many_frames(num_frames, tmp_path):
    path = tmp_path / "chunk.mkv"
    encode_chunk(moving(num_frames), path, PICTURE)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [packet.is_keyframe for packet in packets] == [True] + [False] * (num_frames - 1)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == num_frames
    order = [packet.pts or 0 for packet in packets]
    lateness = [position - sorted(order).index(pts) for position, pts in enumerate(order)]
    assert max(lateness) <= REORDER_FRAMES


def test_tags_size_and_aspect_ratio_stand_in_the_stream(tmp_path):
    path = tmp_path / "chunk.mkv"
    encode_chunk(moving(3), path, PICTURE)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        frame = next(container.decode(video=0))
    assert (context.width, context.height, context.pix_fmt, context.codec.name) == (96, 64, "yuv420p", "h264")
    assert context.sample_aspect_ratio == Fraction(16, 11)
    assert (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 5, 5, 6)


def test_an_odd_picture_is_padded_in_the_chunk(tmp_path):
    odd = delivered_picture(replace(TRACK, width=65, height=49))
    path = tmp_path / "chunk.mkv"
    encode_chunk((np.full((49, 65, 3), 200, np.uint8) for _ in range(2)), path, odd)
    with av.open(str(path)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (66, 50)


def test_the_picture_is_still_itself_after_encoding(tmp_path):
    path = tmp_path / "chunk.mkv"
    columns = np.linspace(0, 255, 96).astype(np.uint8)
    ramp = np.repeat(np.repeat(columns[None, :, None], 64, axis=0), 3, axis=2)
    encode_chunk((ramp for _ in range(5)), path, PICTURE)
    with av.open(str(path)) as container:
        luma = list(container.decode(video=0))[-1].to_ndarray()[:64]
    assert np.abs(luma - (16 + ramp[..., 0].astype(int) * 219 / 255)).mean() < 1.5


def test_no_frames_and_wrong_frames_are_refused(tmp_path):
    with pytest.raises(EncodeError, match="given no frames"):
        encode_chunk(iter(()), tmp_path / "a.mkv", PICTURE)
    with pytest.raises(EncodeError, match=r"expected uint8 RGB of shape \(64, 96, 3\)"):
        encode_chunk(iter([np.zeros((64, 95, 3), np.uint8)]), tmp_path / "a.mkv", PICTURE)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(EncodeError, match=r"'a.mkv' could not be encoded: .*No such file"):
        encode_chunk(moving(1), tmp_path / "missing" / "a.mkv", PICTURE)
