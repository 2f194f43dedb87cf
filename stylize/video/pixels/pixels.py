"""Pictures between the decoder and the style: upright 8-bit RGB out of source frames, 4:2:0 frames out of styled RGB.

What a frame's numbers mean is read from the manifest's track, never from the frame: chunks may lose tags.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from stylize.errors import DecodeError, EncodeError
from stylize.video.pixels import color, tonemap
from stylize.video.pixels.deinterlace import deinterlaced, is_interlaced
from stylize.video.source.manifest import ColorTags, VideoTrack

Picture = npt.NDArray[np.uint8]

# H.264 stores each side of the sample aspect ratio in 16 bits.
MAX_ASPECT_TERM = 65535

# Without the FULL_CHR flags swscale halves the chroma's resolution on the way; without ACCURATE_RND it is a level off.
_FLAGS = (
    Interpolation.BICUBIC
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
)
_SWS_MATRIX = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredPicture:
    """The frames of the delivered file.

    Attributes:
        width: columns of an encoded frame, even.
        height: rows of an encoded frame, even.
        content_width: columns of the upright source picture; one less than ``width`` where a column was repeated.
        content_height: rows of the upright source picture; one less than ``height`` where a row was repeated.
        sample_aspect_ratio: width of a delivered pixel over its height.
        color: tags written into the file; they describe the delivered pixels.
        matrix: H.273 matrix of the delivered YCbCr; equals ``color.matrix`` unless that is unspecified.
        full_range: whether delivered luma runs from 0 to 255.
        notes: what is not as in the source, in words for the receipt.
    """

    width: int
    height: int
    content_width: int
    content_height: int
    sample_aspect_ratio: Fraction
    color: ColorTags
    matrix: int
    full_range: bool
    notes: tuple[str, ...] = ()


def delivered_picture(track: VideoTrack) -> DeliveredPicture:
    """Derive the delivered frames from the source's track: upright, even-sized, 8-bit, SDR.

    Raises:
        DecodeError: the track's colour matrix cannot be converted.
    """
    width, height, aspect = track.width, track.height, track.sample_aspect_ratio
    if track.rotation_degrees in (90, 270):
        width, height, aspect = height, width, 1 / aspect
    tags = color.delivered_tags(track)
    source_matrix = color.conversion_matrix(track)
    return DeliveredPicture(
        width=width + width % 2,
        height=height + height % 2,
        content_width=width,
        content_height=height,
        sample_aspect_ratio=_storable_aspect(aspect),
        color=tags,
        matrix=tags.matrix if tags.matrix in color.KNOWN_MATRICES else source_matrix,
        full_range=tags.range == color.RANGE_FULL,
        notes=tuple(_notes(track, width, height)),
    )


def _storable_aspect(aspect: Fraction) -> Fraction:
    """Nearest ratio whose two sides fit into H.264's 16 bits."""
    if aspect > 1:
        return 1 / (1 / aspect).limit_denominator(MAX_ASPECT_TERM)
    return aspect.limit_denominator(MAX_ASPECT_TERM)


def _notes(track: VideoTrack, width: int, height: int) -> Iterator[str]:
    """Name every way in which the delivered picture cannot be the source's."""
    if width % 2 or height % 2:
        even = f"{width + width % 2}x{height + height % 2}"
        yield f"{width}x{height} padded to {even} by repeating the last column or row"
    if color.has_alpha(track.pixel_format):
        yield f"transparency of {track.pixel_format} is not kept"
    if color.is_wide_or_hdr(track.color):
        yield "HDR or BT.2020 colours mapped to BT.709"
    if track.color.matrix == color.BT2020_CONSTANT:
        yield "BT.2020 constant luminance read as non-constant luminance"
    if is_interlaced(track):
        yield f"interlaced ({track.field_order}) frames deinterlaced, one frame out per frame in"


def rgb_pictures(frames: Iterable[av.VideoFrame], track: VideoTrack) -> Iterator[Picture]:
    """Decoded frames of one chunk, in order, as progressive upright RGB; as many pictures as frames.

    Raises:
        DecodeError: a frame is not of the track's size, or cannot be converted.
    """
    for frame in deinterlaced(frames, track):
        yield to_rgb(frame, track)


def to_rgb(frame: av.VideoFrame, track: VideoTrack) -> Picture:
    """Convert one decoded frame to upright full-range R'G'B' as an SDR display shows it, without padding.

    Returns:
        Shape ``(H, W, 3)``, C-contiguous, 0..255; H and W are those of the upright picture.

    Raises:
        DecodeError: the frame is not of the track's size, or its format cannot be converted.
    """
    if (frame.width, frame.height) != (track.width, track.height):
        raise DecodeError(
            f"a frame is {frame.width}x{frame.height} where the manifest says {track.width}x{track.height}; "
            "videos that change size midway are not supported, re-encode it at one size"
        )
    try:
        picture = _as_rgb(frame, track)
    except (FFmpegError, ValueError) as error:
        raise DecodeError(f"pixel format {frame.format.name} cannot be converted to RGB: {error}") from error
    picture = np.rot90(picture, k=-(track.rotation_degrees // 90))
    return np.ascontiguousarray(picture[:, ::-1] if track.mirrored else picture)


def _as_rgb(frame: av.VideoFrame, track: VideoTrack) -> Picture:
    full = color.is_full_range(track)
    if color.is_wide_or_hdr(track.color):
        return tonemap.to_bt709(_converted(frame, track, "rgb48le", full=full), track.color.transfer)
    if color.is_gray(frame.format.name):
        # swscale reads gray as full range whatever it is told, so the range is undone here.
        gray = _converted(frame, track, "gray16le", full=True)
        return np.repeat(_gray_levels(gray, full=full)[..., None], 3, axis=2)
    rgb = _converted(frame, track, "rgb24", full=full)
    return _expanded(rgb) if color.is_rgb(frame.format.name) and not full else rgb


def _converted(frame: av.VideoFrame, track: VideoTrack, pixel_format: str, *, full: bool) -> npt.NDArray:
    """Change the pixel format only: matrix and range are the manifest's."""
    converted = frame.reformat(
        format=pixel_format,
        src_colorspace=_SWS_MATRIX[color.conversion_matrix(track)],
        src_color_range=ColorRange.JPEG if full or color.is_rgb(frame.format.name) else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=_FLAGS,
        threads=1,
    )
    return converted.to_ndarray()


def _gray_levels(gray: npt.NDArray[np.uint16], *, full: bool) -> Picture:
    """16-bit luma to 8 bits, limited range expanded. swscale widens n bits by repeating them: 255 becomes 65535."""
    level = gray.astype(np.float32) / 257
    return np.rint(np.clip(level if full else (level - 16) * (255 / 219), 0, 255)).astype(np.uint8)


def _expanded(rgb: Picture) -> Picture:
    """Limited-range R'G'B' (16..235) to full range."""
    table = np.rint(np.clip((np.arange(256) - 16) * (255 / 219), 0, 255)).astype(np.uint8)
    return table[rgb]


def from_rgb(rgb: Picture, picture: DeliveredPicture) -> av.VideoFrame:
    """Convert styled RGB to the frame that is encoded; odd sizes are filled up by repeating the last column or row.

    Args:
        rgb: shape ``(content_height, content_width, 3)``, 0..255.
        picture: what is delivered.

    Returns:
        A yuv420p frame of ``picture.width`` x ``picture.height``.

    Raises:
        EncodeError: the array has another shape or type.
    """
    expected = (picture.content_height, picture.content_width, 3)
    if rgb.shape != expected or rgb.dtype != np.uint8:
        raise EncodeError(f"expected uint8 RGB of shape {expected}, got {rgb.dtype} of shape {rgb.shape}")
    padding = ((0, picture.height - expected[0]), (0, picture.width - expected[1]), (0, 0))
    if padding[0][1] or padding[1][1]:
        rgb = np.pad(rgb, padding, mode="edge")
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return frame.reformat(
        format="yuv420p",
        dst_colorspace=_SWS_MATRIX[picture.matrix],
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG if picture.full_range else ColorRange.MPEG,
        interpolation=_FLAGS,
        threads=1,
    )
