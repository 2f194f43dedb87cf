"""A small film that shows the source and its restyled version side by side, for people who look at a run."""

import shutil
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import ffmpeg
import imageio_ffmpeg
from av.error import FFmpegError

from stylize.errors import EncodeError
from stylize.sandbox.limits import FORMATS, PROTOCOLS
from stylize.video.chunks.encode import file_url

MAX_HEIGHT: Final = 360
MAX_RATE: Final = Fraction(30)
TIMEOUT_SECONDS: Final = 600


def render_side_by_side(
    source: Path, styled: Path, output: Path, *, stream_index: int | None = None, max_seconds: float = 20.0
) -> None:
    """Render ``source | styled`` to one H.264 MP4 without sound.

    Both sides start at zero and are shown at one constant rate, so that variable frame rates and shifted clocks stay
    aligned; FFmpeg turns rotated sources upright; non-square pixels are made square.

    Args:
        source: the uploaded file, untrusted.
        styled: the delivered file.
        output: MP4 file to write, overwritten.
        stream_index: the source's stream that was restyled; None for its first video stream.
        max_seconds: how much of the clip is shown, from its beginning.

    Raises:
        EncodeError: FFmpeg fails; the message ends with its own words.
    """
    width, height, rate = _shape(styled)
    selector = "v:0" if stream_index is None else str(stream_index)
    sides = [
        _side(_input(path, max_seconds)[selected], width, height, rate)
        for path, selected in ((source, selector), (styled, "v:0"))
    ]
    film = ffmpeg.filter(sides, "hstack", inputs=2, shortest=1).output(
        file_url(output),
        **{"c:v": "libx264", "preset": "veryfast", "crf": 23, "pix_fmt": "yuv420p", "movflags": "+faststart"},
        **{"f": "mp4", "map_metadata": -1, "fflags": "+bitexact", "an": None},
    )
    _run(ffmpeg.compile(film, cmd=find_ffmpeg(), overwrite_output=True), output)


def find_ffmpeg() -> str:
    """Path of an FFmpeg program: the machine's own, else the one that imageio-ffmpeg brings along.

    Raises:
        EncodeError: there is none.
    """
    try:
        return shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise EncodeError(f"no FFmpeg program found: {error}; install ffmpeg or reinstall imageio-ffmpeg") from error


def _shape(styled: Path) -> tuple[int, int, Fraction]:
    """Width and height of one side in square pixels, both even, and the frame rate of the preview."""
    try:
        with av.open(file_url(styled)) as container:
            stream = container.streams.video[0]
            context, aspect = stream.codec_context, stream.sample_aspect_ratio or Fraction(1)
            rate = stream.average_rate or MAX_RATE
    except (FFmpegError, OSError, IndexError) as error:
        raise EncodeError(f"{styled.name!r} cannot be shown: {error}") from error
    height = min(MAX_HEIGHT, context.height)
    width = round(context.width * aspect * height / context.height)
    return max(2, width // 2 * 2), max(2, height // 2 * 2), min(rate, MAX_RATE)


def _input(path: Path, max_seconds: float) -> Any:
    options = {"protocol_whitelist": PROTOCOLS, "format_whitelist": FORMATS, "t": max_seconds}
    return ffmpeg.input(file_url(path), **options)


def _side(stream: Any, width: int, height: int, rate: Fraction) -> Any:
    started = stream.filter("setpts", "PTS-STARTPTS").filter("fps", str(rate))
    return started.filter("scale", width, height).filter("setsar", 1).filter("format", "yuv420p")


def _run(command: Sequence[str], output: Path) -> None:
    quiet = [command[0], "-hide_banner", "-loglevel", "error", "-nostdin", *command[1:]]
    try:
        done = subprocess.run(quiet, capture_output=True, check=False, timeout=TIMEOUT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EncodeError(f"preview {output.name!r} could not be made: {error}") from error
    if done.returncode:
        words = " ".join(done.stderr.decode(errors="replace").split())[-500:]
        raise EncodeError(f"preview {output.name!r} could not be made: {words}")
