"""Styled pictures to chunks of final H.264 that can be joined without touching a picture again.

A chunk is what one fresh encoder makes of its frames: it begins with an IDR frame, carries ordinals for timestamps (at
a nominal 30 frames per second, whatever the clip's own rate), and its headers are the same in every chunk of a clip.
Encoding the same frames again gives the same bytes: nothing here depends on time, chance or the number of cores.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stylize.errors import EncodeError
from stylize.video.pixels.pixels import DeliveredPicture, Picture, from_rgb

NOMINAL_RATE: Final = 30

# x264's output depends on this number, so it is a constant and not the machine's core count.
ENCODER_THREADS: Final = 2

# With two B-frames x264 may use one as a reference: pictures are shown at most this many frames after decoding order.
REORDER_FRAMES: Final = 2

# mbtree (rate control by how long pixels live) is off because it is not repeatable on CPUs with AVX-512: up to 2 in 100
# encodes of the same frames gave other bytes, with one thread too, and none in 12,000 without it. Price: 0.7 dB at the
# same size.
X264_OPTIONS: Final = {
    "preset": "veryfast",
    "crf": "18",
    "x264-params": "keyint=infinite:min-keyint=1:scenecut=0:open-gop=0:bframes=2:mbtree=0:stitchable=1",
}


def encode_chunk(frames: Iterable[Picture], path: Path, picture: DeliveredPicture) -> int:
    """Encode the styled frames of one chunk to H.264 in Matroska.

    Args:
        frames: RGB pictures of shape ``(content_height, content_width, 3)``, in presentation order.
        path: file to write, overwritten; incomplete when this raises.
        picture: what is delivered.

    Returns:
        Number of frames written.

    Raises:
        EncodeError: there are no frames, one has the wrong shape, or the encoder or the disk refuses.
    """
    num_frames = 0
    try:
        with av.open(file_url(path), "w", format="matroska", container_options={"fflags": "+bitexact"}) as output:
            stream = _add_stream(output, picture)
            for rgb in frames:
                frame = from_rgb(rgb, picture)
                frame.pts, frame.time_base = num_frames, Fraction(1, NOMINAL_RATE)
                output.mux(stream.encode(frame))
                num_frames += 1
            if num_frames:
                output.mux(stream.encode(None))
    except (FFmpegError, OSError) as error:
        raise EncodeError(f"frame {num_frames} of {path.name!r} could not be encoded: {error}") from error
    if not num_frames:
        raise EncodeError(f"{path.name!r} was given no frames, expected at least 1")
    return num_frames


def _add_stream(output: OutputContainer, picture: DeliveredPicture) -> VideoStream:
    stream = output.add_stream("libx264", rate=NOMINAL_RATE, options=dict(X264_OPTIONS))
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = picture.width, picture.height, "yuv420p"
    context.time_base = Fraction(1, NOMINAL_RATE)
    context.sample_aspect_ratio = picture.sample_aspect_ratio
    context.thread_count = ENCODER_THREADS
    context.color_range = picture.color.range
    context.colorspace = picture.color.matrix
    context.color_primaries = picture.color.primaries
    context.color_trc = picture.color.transfer
    return stream


def file_url(path: Path) -> str:
    """Name for FFmpeg that is a local file whatever it looks like (``pipe:0``, ``-x.mp4``, ``concat:a``)."""
    return f"file:{path.absolute()}"
