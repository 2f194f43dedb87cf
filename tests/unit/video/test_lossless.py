"""Chunk files give back exactly what was put in, whatever the pixel format."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph
from av.video.format import names  # pyright: ignore[reportAttributeAccessIssue]
from av.video.frame import VideoFrame

from stylize.errors import DecodeError, EncodeError
from stylize.video.chunks.lossless import ORDINALS, read_chunk, storage_for, write_chunk
from stylize.video.pixels.planes import _visible, plane_rows

HARDWARE = {"amf", "cuda", "drm_prime", "mediacodec", "mmal", "ohcodec", "opencl", "qsv", "vaapi", "vdpau", "vulkan"}
SOFTWARE_FORMATS = sorted(
    name for name in names if name not in HARDWARE and not name.startswith(("d3d1", "dxva", "videotoolbox"))
)


def noise(pixel_format: str, width: int, height: int, seed: int = 0) -> VideoFrame:
    """A frame of random samples that are valid for the format."""
    frame = VideoFrame(width, height, pixel_format)
    generator = np.random.default_rng(seed)
    bits = frame.format.components[0].bits
    for index in range(len(frame.planes)):
        view = _visible(frame, index)
        view[:] = generator.integers(0, 256, view.shape, np.uint8)
        if 8 < bits < 16 and len(frame.planes) in (1, 3, 4) and view.shape[1] % 2 == 0:
            high_byte = view[:, 0::2] if frame.format.is_big_endian else view[:, 1::2]
            high_byte &= (1 << bits - 8) - 1
    return frame


@pytest.mark.parametrize("pixel_format", SOFTWARE_FORMATS)
def test_every_pixel_format_comes_back_bit_for_bit(pixel_format: str, tmp_path: Path) -> None:
    common = storage_for(pixel_format, 66, 50) != "bytes"
    for size in [(65, 49), *([(66, 50), (16, 16), (17, 16)] if common else [])]:
        check_two_frames(pixel_format, size, tmp_path)


def check_two_frames(pixel_format: str, size: tuple[int, int], tmp_path: Path) -> None:
    frames = [noise(pixel_format, *size, seed=seed) for seed in range(2)]
    before = [[rows.tobytes() for rows in plane_rows(frame)] for frame in frames]
    write_chunk(frames, tmp_path / "chunk.mkv")
    after = list(read_chunk(tmp_path / "chunk.mkv"))
    assert [(frame.format.name, frame.width, frame.height) for frame in after] == [(pixel_format, *size)] * 2
    assert [[rows.tobytes() for rows in plane_rows(frame)] for frame in after] == before


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3), (2, 64), (1, 64), (640, 2)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "gray", "rgb24"])
def test_the_smallest_pictures_work(pixel_format: str, size: tuple[int, int], tmp_path: Path) -> None:
    frame = noise(pixel_format, *size)
    write_chunk([frame], tmp_path / "chunk.mkv")
    (after,) = read_chunk(tmp_path / "chunk.mkv")
    assert [rows.tobytes() for rows in plane_rows(after)] == [rows.tobytes() for rows in plane_rows(frame)]


@pytest.mark.parametrize("color_range", [0, 1, 2])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuv444p10le", "gray"])
def test_the_range_tag_never_renames_the_pixel_format(pixel_format: str, color_range: int, tmp_path: Path) -> None:
    frame = noise(pixel_format, 64, 48)
    frame.color_range = color_range
    write_chunk([frame], tmp_path / "chunk.mkv")
    (after,) = read_chunk(tmp_path / "chunk.mkv")
    assert (after.format.name, after.color_range) == (pixel_format, color_range)


def test_a_picture_stored_bottom_row_first_comes_back_the_right_way_up(tmp_path: Path) -> None:
    frame = noise("bgr24", 65, 49)
    frame.pts, frame.time_base = 0, ORDINALS
    graph = Graph()
    source = graph.add_buffer(width=65, height=49, format=frame.format, time_base=ORDINALS)
    graph.link_nodes(source, graph.add("vflip"), graph.add("buffersink")).configure()
    graph.push(frame)
    flipped = graph.pull()
    assert isinstance(flipped, VideoFrame)
    assert flipped.planes[0].line_size < 0
    write_chunk([flipped], tmp_path / "chunk.mkv")
    (after,) = read_chunk(tmp_path / "chunk.mkv")
    assert np.array_equal(plane_rows(after)[0], plane_rows(frame)[0][::-1])


def test_the_common_formats_take_the_small_storage() -> None:
    assert storage_for("yuv420p", 640, 360) == storage_for("yuv420p10le", 640, 360) == "x264"
    assert storage_for("yuv420p", 641, 360) == storage_for("gray", 640, 360) == "ffv1"
    assert storage_for("rgb24", 640, 360) == "bytes"


def test_a_failed_chunk_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="no frames"):
        write_chunk([], tmp_path / "chunk.mkv")
    with pytest.raises(EncodeError, match="frame 1 is gray, expected yuv420p"):
        write_chunk([noise("yuv420p", 64, 48), noise("gray", 64, 48)], tmp_path / "chunk.mkv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pixel_format", ["yuv420p", "gray", "rgb24"])
def test_a_chunk_that_is_cut_off_is_refused(pixel_format: str, tmp_path: Path) -> None:
    path = tmp_path / "chunk.mkv"
    write_chunk([noise(pixel_format, 64, 48)], path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DecodeError, match=r"'chunk\.mkv' is cut off: 100 bytes are missing"):
        list(read_chunk(path))


def test_a_video_that_is_no_chunk_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
        container.mux(stream.encode(noise("gray", 64, 48)))
        container.mux(stream.encode(None))
    with pytest.raises(DecodeError, match=r"'other\.mkv' is no chunk file"):
        list(read_chunk(path))
