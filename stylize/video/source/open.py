"""Open a file that anybody may have sent, without letting it reach anything but itself."""

import os
import stat
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from stylize.errors import DecodeError, ProbeError, VideoError
from stylize.sandbox.limits import FORMATS, PROTOCOLS, DecodeLimits

EXPECTED = "expected a video file (MP4, MOV, MKV, WebM, AVI, MPEG-TS, FLV, WMV, Ogg, MXF, ...)"
# Frames in flight cost memory, so a big machine may not use all of its cores for one clip.
DECODER_THREADS = min(4, os.cpu_count() or 1)
# First bytes of files that are surely video: if FFmpeg cannot read such a file, then it is damaged.
_MAGIC = {b"\x1a\x45\xdf\xa3": 0, b"FLV\x01": 0, b"ftyp": 4, b"moov": 4, b"mdat": 4, b"AVI ": 8}
# FFmpeg's own cap counts pictures with their padding; it keeps memory within reason, the exact cap is checked here.
_PADDING_FACTOR, _PADDING_PIXELS = 4, 2**20
_STILL_BRANDS = {"avif", "heic", "heix", "heim", "heis", "mif1"}


def quoted(path: Path) -> str:
    """Name of a file for a one-line message: quoted, control characters escaped."""
    return repr(path.name)


def open_untrusted(path: Path, limits: DecodeLimits) -> InputContainer:
    """Open ``path`` for reading: no other file, no network, no playlist, no picture over the cap.

    Decoders of video streams refuse frames far over ``limits.max_pixels``. Nothing here guards against time or crashes:
    call it inside :mod:`stylize.sandbox.sandbox` when packets are decoded.

    Args:
        path: any name of a local file; it is never taken for a URL or an option.
        limits: caps; only ``max_pixels`` is used here.

    Raises:
        ProbeError: not a readable regular file, not a video in an accepted media container, or over the cap.
        DecodeError: a video file whose header is damaged or missing.
    """
    _check_regular_file(path)
    options = {
        "protocol_whitelist": PROTOCOLS,
        "format_whitelist": FORMATS,
        **_decoder_options(limits),  # reaches the decoders that look at the streams while opening
    }
    try:
        container = av.open(f"file:{path}", mode="r", options=options, metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        raise _unreadable(path) from error
    try:
        _prepare_streams(container, path, limits)
    except VideoError:
        container.close()
        raise
    return container


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """Choose the stream to restyle: FFmpeg's best one, never a cover picture.

    Raises:
        ProbeError: no stream holds moving pictures.
    """
    videos = [stream for stream in container.streams.video if not is_cover(stream)]
    if not videos:
        raise ProbeError(f"{quoted(path)} has no video track (only {_kinds(container)}); {EXPECTED}")
    best = container.streams.best("video")
    chosen = best if isinstance(best, VideoStream) and not is_cover(best) else videos[0]
    if chosen.codec_context is None:
        raise ProbeError(f"{quoted(path)}: no decoder for its video track {chosen.index}; convert it to H.264 first")
    return chosen


def check_size(width: int, height: int, path: Path, limits: DecodeLimits) -> None:
    """Refuse frames over the cap.

    Raises:
        ProbeError: ``width`` times ``height`` is more than ``limits.max_pixels``.
    """
    if width * height > limits.max_pixels:
        raise ProbeError(
            f"{quoted(path)} has frames of {width}x{height}, more than the cap of {limits.max_pixels:,} pixels; "
            "scale it down, or raise the cap"
        )


def is_cover(stream: VideoStream) -> bool:
    """Whether a video stream is a still picture attached to the file."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _check_regular_file(path: Path) -> None:
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size:
            path.open("rb").close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "unusable name"
        raise ProbeError(f"{quoted(path)} cannot be read: {reason}; {EXPECTED}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ProbeError(f"{quoted(path)} is not a regular file; {EXPECTED}")
    if not status.st_size:
        raise ProbeError(f"{quoted(path)} is empty (0 bytes); {EXPECTED}")


def _unreadable(path: Path) -> VideoError:
    """Tell a damaged video from a file that never was one, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(16)
    if any(head[offset : offset + len(magic)] == magic for magic, offset in _MAGIC.items()):
        return DecodeError(f"{quoted(path)} is damaged or cut off: its header or index is missing; send it again whole")
    return ProbeError(f"{quoted(path)} is not a video that can be read; {EXPECTED}")


def _prepare_streams(container: InputContainer, path: Path, limits: DecodeLimits) -> None:
    """Put the caps on every video decoder, and refuse what is over them already."""
    brand = container.metadata.get("major_brand", "").strip()
    if brand in _STILL_BRANDS:
        raise ProbeError(f"{quoted(path)} is a still picture ({brand}); {EXPECTED}")
    for stream in container.streams.video:
        context = stream.codec_context
        if context is None:
            continue
        if not is_cover(stream):
            check_size(context.width, context.height, path, limits)
        context.options = _decoder_options(limits)
        context.thread_type = "AUTO"
        context.thread_count = DECODER_THREADS


def _decoder_options(limits: DecodeLimits) -> dict[str, str]:
    return {"max_pixels": str(limits.max_pixels * _PADDING_FACTOR + _PADDING_PIXELS)}


def _kinds(container: InputContainer) -> str:
    """Say which other kinds of streams there are."""
    kinds = {"a cover picture" if stream.type == "video" else stream.type for stream in container.streams}
    return " and ".join(sorted(kinds)) or "no streams at all"
