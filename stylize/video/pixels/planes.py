"""The bytes of a frame, plane by plane, without the padding of its rows."""

from fractions import Fraction
from typing import cast

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

from stylize.errors import DecodeError

MIN_PACKED_PIXELS = 16  # FFV1 cuts pictures into slices, and refuses those that are too small for it
_PALETTE_BYTES = 256 * 4


def plane_rows(frame: VideoFrame) -> list[np.ndarray]:
    """Copy the bytes of every plane into ``uint8[rows, bytes per row]``; a palette is one more row of 1024 bytes.

    Two frames of the same pixel format show the same picture exactly if these are equal.
    """
    frame = _top_down(frame)
    return [_visible(frame, index).copy() for index in range(len(frame.planes))]


def packed_shape(frame: VideoFrame) -> tuple[int, int]:
    """Width and height of the gray picture that holds all bytes of a frame."""
    shapes = [_shape(frame, index) for index in range(len(frame.planes))]
    width, height = max(width for _, width in shapes), sum(rows for rows, _ in shapes)
    return max(width, MIN_PACKED_PIXELS), max(height, MIN_PACKED_PIXELS)


def pack_into_gray(frame: VideoFrame) -> VideoFrame:
    """Lay the planes below each other in one ``gray`` picture, zeros where they do not reach."""
    width, height = packed_shape(frame)
    packed = np.zeros((height, width), np.uint8)
    top = 0
    for rows in plane_rows(frame):
        packed[top : top + rows.shape[0], : rows.shape[1]] = rows
        top += rows.shape[0]
    return VideoFrame.from_ndarray(packed, format="gray")


def unpack_from_gray(gray: VideoFrame, pixel_format: str, width: int, height: int) -> VideoFrame:
    """Undo :func:`pack_into_gray`.

    Raises:
        DecodeError: the gray picture does not have the size that such a frame packs into.
    """
    frame = VideoFrame(width, height, pixel_format)
    if packed_shape(frame) != (gray.width, gray.height):
        raise DecodeError(f"a packed {width}x{height} {pixel_format} frame cannot measure {gray.width}x{gray.height}")
    packed = _visible(gray, 0)
    top = 0
    for index in range(len(frame.planes)):
        rows, row_bytes = _shape(frame, index)
        _visible(frame, index)[:] = packed[top : top + rows, :row_bytes]
        top += rows
    return frame


def _shape(frame: VideoFrame, index: int) -> tuple[int, int]:
    """Rows, and bytes of a row that carry samples, of plane ``index``."""
    pixel_format = frame.format
    if pixel_format.has_palette and index == 1:
        return 1, _PALETTE_BYTES
    components = [component for component in pixel_format.components if component.plane == index]
    if len(frame.planes) == 1:
        return frame.height, -(-frame.width * pixel_format.padded_bits_per_pixel // 8)
    if pixel_format.has_palette:
        return frame.height, frame.width
    return components[0].height, sum(component.width * -(-component.bits // 8) for component in components)


def _visible(frame: VideoFrame, index: int) -> np.ndarray:
    """View the samples of a plane: ``uint8[rows, bytes per row]``, without the padding."""
    plane: VideoPlane = frame.planes[index]
    rows, row_bytes = _shape(frame, index)
    stride = plane.line_size or row_bytes  # a palette has no rows
    return np.frombuffer(cast("bytes", plane), np.uint8)[: rows * stride].reshape(rows, stride)[:, :row_bytes]


def _top_down(frame: VideoFrame) -> VideoFrame:
    """Copy a frame that is stored bottom row first: its buffer must not be read as it stands."""
    if all(plane.line_size >= 0 for plane in frame.planes):
        return frame
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
    )
    graph.link_nodes(source, graph.add("copy"), graph.add("buffersink")).configure()
    graph.push(frame)
    copied = graph.pull()
    if not isinstance(copied, VideoFrame):
        raise DecodeError(f"a {frame.format.name} frame stored bottom up could not be turned over")
    return copied
