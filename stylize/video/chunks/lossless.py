"""Write decoded frames into a small file and get the very same frames back: size, pixel format and every sample.

Three ways to store, by pixel format:

- x264 with ``qp=0`` for the formats that it keeps exactly, at even sizes (it refuses odd 4:2:0, and colours gray);
- FFV1 for the other common formats, odd sizes included;
- FFV1 gray pictures made of the frames' bytes for everything else (packed, palette, big-endian, 8-bit RGB, tiny, ...).

All in Matroska, by fresh encoders with pinned thread counts and without dates or random identifiers: the same frames
give the same bytes.
"""

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from stylize.errors import NO_SPACE, DecodeError, EncodeError, StoreFullError
from stylize.sandbox.limits import PROTOCOLS
from stylize.video.pixels.planes import MIN_PACKED_PIXELS, pack_into_gray, packed_shape, unpack_from_gray
from stylize.video.source.truncation import structural_fault

Storage = Literal["x264", "ffv1", "bytes"]
ORDINALS = Fraction(1, 25)  # Chunks carry ordinals, not times: frame i lies at tick i of a nominal rate.
_X264_FORMATS = {f"{name}{chroma}" for name in ("yuv", "yuvj") for chroma in ("420p", "422p", "444p")}
_X264_FORMATS |= {"yuv420p10le", "yuv422p10le", "yuv444p10le"}
_FFV1_FORMATS = {
    *("yuv410p", "yuv411p", "yuv420p", "yuv422p", "yuv440p", "yuv444p", "yuva420p", "yuva422p", "yuva444p"),
    *(f"yuv{chroma}p{bits}le" for chroma in (420, 422, 444) for bits in (9, 10, 12, 14, 16)),
    *(f"yuva{chroma}p{bits}le" for chroma in (420, 422, 444) for bits in (9, 10, 16)),
    *("gray", "gray9le", "gray10le", "gray12le", "gray14le", "gray16le", "ya8", "bgra"),
    *(f"gbrp{bits}le" for bits in (9, 10, 12, 14, 16)),
    *(f"gbrap{bits}le" for bits in (10, 12, 16)),
}
_X264 = {"qp": "0", "preset": "ultrafast", "x264-params": "keyint=infinite:scenecut=0"}
_FFV1 = {"level": "3", "g": "1", "slices": "4", "slicecrc": "1"}
_THREADS = 4  # pinned: x264's output depends on it
_TAG = "FRAME_FORMAT"


def storage_for(pixel_format: str, width: int, height: int) -> Storage:
    """Choose how frames of this format and size are stored exactly."""
    if pixel_format in _X264_FORMATS and width % 2 == 0 and height % 2 == 0:
        return "x264"
    large_enough = min(width, height) >= MIN_PACKED_PIXELS  # FFV1 cannot cut smaller planes into slices
    return "ffv1" if pixel_format in _FFV1_FORMATS and large_enough else "bytes"


def write_chunk(frames: Iterable[VideoFrame], path: Path) -> int:
    """Encode ``frames``, all of one size and pixel format, into ``path``; return their number.

    The file appears under its name only when it is whole. The frames' own timestamps are overwritten by ordinals.

    Raises:
        EncodeError: no frames, or the encoder failed.
        StoreFullError: no space left for the file.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        with av.open(f"file:{partial}", mode="w", format="matroska", options={"fflags": "+bitexact"}) as container:
            num_frames = _write(frames, container, path)
        partial.replace(path)
    except MemoryError:
        raise
    except (FFmpegError, ValueError, OSError) as error:
        if getattr(error, "errno", None) in NO_SPACE:
            raise StoreFullError(
                f"no space left for {path.name!r} in {path.parent}; free some, then try again"
            ) from error
        raise EncodeError(f"cannot write {path.name!r}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return num_frames


def read_chunk(path: Path) -> Iterator[VideoFrame]:
    """Yield the frames that :func:`write_chunk` stored; ``pts`` is the ordinal within the chunk, from 0.

    Raises:
        DecodeError: not a chunk file, or one that is cut off. Single flipped bits are for the store's checksum to find.
    """
    try:
        if fault := structural_fault(path):
            raise DecodeError(f"the chunk file {path.name!r} is cut off: {fault}")
        options = {"protocol_whitelist": PROTOCOLS, "format_whitelist": "matroska,webm"}
        with av.open(f"file:{path}", mode="r", options=options) as container:
            described = json.loads(container.metadata.get(_TAG, "null"))
            if described is None:
                raise DecodeError(f"{path.name!r} is no chunk file: it lacks the tag {_TAG}")
            for ordinal, frame in enumerate(_stored_frames(container)):
                restored = _restore(frame, described)
                restored.pts, restored.time_base = ordinal, ORDINALS
                yield restored
    except (FFmpegError, ValueError, OSError) as error:
        raise DecodeError(f"the chunk file {path.name!r} cannot be read: {error}") from error


def _write(frames: Iterable[VideoFrame], container: OutputContainer, path: Path) -> int:
    """Encode the frames and return their number; the first one decides how they are stored."""
    writer: _Writer | None = None
    for frame in frames:
        writer = writer or _Writer(container, frame)
        writer.add(frame)
    if writer is None:
        raise EncodeError(f"no frames for {path.name!r}; expected at least one")
    writer.finish()
    return writer.num_frames


class _Writer:
    """One encoder and its stream, set up for the format of the first frame."""

    def __init__(self, container: OutputContainer, frame: VideoFrame) -> None:
        self.container = container
        self.format = frame.format.name
        self.storage = storage_for(self.format, frame.width, frame.height)
        self.num_frames = 0
        container.metadata[_TAG] = json.dumps(_describe(frame, self.storage), sort_keys=True)
        self.stream = self._add_stream(frame)

    def _add_stream(self, frame: VideoFrame) -> VideoStream:
        width, height, stored = frame.width, frame.height, self.format
        if self.storage == "bytes":
            width, height, stored = *packed_shape(frame), "gray"
        codec, options = ("libx264", _X264) if self.storage == "x264" else ("ffv1", _FFV1)
        stream = self.container.add_stream(codec, rate=1 / ORDINALS, options=dict(options))
        if not isinstance(stream, VideoStream):
            raise EncodeError(f"{codec} is no video encoder in this FFmpeg build")
        stream.width, stream.height, stream.pix_fmt = width, height, stored
        context = stream.codec_context
        context.time_base = ORDINALS
        context.thread_count = _THREADS
        if stored.startswith("yuvj"):
            context.color_range = 2  # the format means full range; x264 loses it where the tag is missing
        return stream

    def add(self, frame: VideoFrame) -> None:
        if frame.format.name != self.format:
            raise EncodeError(f"frame {self.num_frames} is {frame.format.name}, expected {self.format} as before")
        stored = pack_into_gray(frame) if self.storage == "bytes" else frame
        # The source's frame types must not steer our encoder, nor its times our ordinals.
        stored.pts, stored.time_base, stored.pict_type = self.num_frames, ORDINALS, PictureType.NONE
        self.container.mux(self.stream.encode(stored))
        self.num_frames += 1

    def finish(self) -> None:
        self.container.mux(self.stream.encode(None))


def _describe(frame: VideoFrame, storage: Storage) -> dict[str, int | str]:
    return {
        "storage": storage,
        "pixel_format": frame.format.name,
        "width": frame.width,
        "height": frame.height,
        "range": int(frame.color_range),
        "matrix": int(frame.colorspace),
        "primaries": int(frame.color_primaries),
        "transfer": int(frame.color_trc),
    }


def _stored_frames(container: InputContainer) -> Iterator[VideoFrame]:
    stream = container.streams.video[0]
    stream.codec_context.options = {"err_detect": "crccheck+explode"}  # our own files: no fault is harmless
    stream.thread_type = "AUTO"
    for frame in container.decode(stream):
        if frame.is_corrupt:
            raise DecodeError(f"{container.name!r} is damaged: the decoder reports corruption")
        yield frame


def _restore(frame: VideoFrame, described: dict[str, int | str]) -> VideoFrame:
    """Give a stored frame its own shape, pixel format and colour tags back."""
    pixel_format = str(described["pixel_format"])
    if described["storage"] == "bytes":
        frame = unpack_from_gray(frame, pixel_format, int(described["width"]), int(described["height"]))
    elif frame.format.name != pixel_format:
        raise DecodeError(f"the frames of a chunk file decode as {frame.format.name}, expected {pixel_format}")
    frame.color_range, frame.colorspace = int(described["range"]), int(described["matrix"])
    frame.color_primaries, frame.color_trc = int(described["primaries"]), int(described["transfer"])
    return frame
