"""Which colours the numbers of a frame mean, and which tags the delivered pixels get.

Code points are those of ITU-T H.273, which FFmpeg's integers follow. "Unspecified" is common; what then counts is that
one guess is used on the way to RGB and on the way back, so that any player shows the delivery as it shows the source.
"""

from typing import Final

from stylize.errors import DecodeError
from stylize.video.source.manifest import UNSPECIFIED, ColorTags, VideoTrack

RANGE_LIMITED: Final = 1
RANGE_FULL: Final = 2
MATRIX_RGB: Final = 0
BT709: Final = 1
BT601: Final = 6
BT2020: Final = 9
BT2020_CONSTANT: Final = 10
TRANSFER_PQ: Final = 16
TRANSFER_HLG: Final = 18

# What libswscale can convert; BT.470BG (5) and SMPTE 170M (6) are the same matrix.
KNOWN_MATRICES: Final = frozenset({1, 4, 5, 6, 7, 9})
MEANINGLESS_MATRICES: Final = frozenset({MATRIX_RGB, UNSPECIFIED, 3})  # 3 is reserved; 0 says RGB.

# Codecs whose specification says "limited" where the stream says nothing; for gray, FFmpeg itself would assume "full".
LIMITED_BY_DEFAULT: Final = frozenset({"h264", "hevc", "vvc", "av1", "vp9", "vp8", "mpeg4", "mpeg2video", "mpeg1video"})

SDR_BT709: Final = ColorTags(range=RANGE_LIMITED, matrix=BT709, primaries=BT709, transfer=BT709)


def is_gray(pixel_format: str) -> bool:
    """Whether a pixel format is luminance only, with or without transparency."""
    return pixel_format.startswith(("gray", "ya8", "ya16", "mono"))


def is_rgb(pixel_format: str) -> bool:
    """Whether a pixel format holds red, green and blue (or indices into a palette of them)."""
    starts = ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "x2rgb", "x2bgr", "pal8", "bayer")
    return pixel_format.startswith(starts)


def has_alpha(pixel_format: str) -> bool:
    """Whether a pixel format carries transparency."""
    return pixel_format.startswith(("yuva", "gbrap", "ya8", "ya16", "rgba", "bgra", "argb", "abgr"))


def is_wide_or_hdr(color: ColorTags) -> bool:
    """Whether pixels must be mapped to BT.709 before an SDR player can show them: PQ, HLG or BT.2020 primaries."""
    wide = color.primaries == BT2020 or (color.primaries == UNSPECIFIED and color.matrix in (BT2020, BT2020_CONSTANT))
    return color.transfer in (TRANSFER_PQ, TRANSFER_HLG) or wide


def conversion_matrix(track: VideoTrack) -> int:
    """Matrix by which the track's YCbCr is read; where the source says nothing, by size, as players guess.

    Raises:
        DecodeError: the tagged matrix is one that cannot be converted.
    """
    matrix = track.color.matrix
    if matrix in KNOWN_MATRICES:
        return matrix
    if matrix == BT2020_CONSTANT:
        return BT2020  # The non-constant form is the usual approximation; a note says so.
    if matrix in MEANINGLESS_MATRICES:
        if track.color.transfer in (TRANSFER_PQ, TRANSFER_HLG):
            return BT2020
        return BT709 if max(track.width, track.height) >= 1280 or min(track.width, track.height) > 576 else BT601
    raise DecodeError(
        f"colour matrix {matrix} of stream {track.stream_index} is not one of {sorted(KNOWN_MATRICES)}; "
        "convert the video to BT.709 before uploading it"
    )


def is_full_range(track: VideoTrack) -> bool:
    """Whether the luma of the track runs from 0 to the top instead of 16..235 (of 8 bits)."""
    if track.pixel_format.startswith("yuvj") or track.color.range == RANGE_FULL:
        return True
    if track.color.range == RANGE_LIMITED:
        return False
    if is_gray(track.pixel_format):
        return track.codec not in LIMITED_BY_DEFAULT
    return is_rgb(track.pixel_format)


def delivered_tags(track: VideoTrack) -> ColorTags:
    """Tags of the delivered 8-bit 4:2:0 pixels.

    Specified tags are kept. RGB becomes BT.709, HDR and BT.2020 become BT.709. H.264 has no way to say "limited range"
    and nothing else, so that is written as unspecified, which means the same.
    """
    color = track.color
    if is_wide_or_hdr(color):
        return SDR_BT709
    if is_rgb(track.pixel_format):
        primaries = BT709 if color.primaries == UNSPECIFIED else color.primaries
        transfer = BT709 if color.transfer == UNSPECIFIED else color.transfer
        return ColorTags(range=RANGE_LIMITED, matrix=BT709, primaries=primaries, transfer=transfer)
    matrix = UNSPECIFIED if color.matrix in MEANINGLESS_MATRICES else color.matrix
    specified = {matrix, color.primaries, color.transfer} != {UNSPECIFIED}
    limited = RANGE_LIMITED if specified else 0
    return ColorTags(
        range=RANGE_FULL if is_full_range(track) else limited,
        matrix=matrix,
        primaries=color.primaries,
        transfer=color.transfer,
    )
