"""A poster and a short loop out of a side-by-side preview, see :mod:`stylize.pictures.preview`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.error import FFmpegError

from stylize.errors import DecodeError
from stylize.pictures.small_pictures import Loop, scaled_to_height
from stylize.video.chunks.encode import file_url
from stylize.video.pixels.pixels import Picture

LOOP_SECONDS: Final = 2.0
LOOP_RATE_HZ: Final = 6.0
LOOP_HEIGHT_PIXELS: Final = 180


def pictures_of_preview(preview: Path) -> tuple[Picture, Loop]:
    """The styled side of the frame with most contrast, and the two seconds around it, both sides.

    Film often begins black: so one frame of every second is looked at, and the best of them is the poster.

    Returns:
        The poster, RGB ``(H, W, 3)``, values 0..255; the loop.

    Raises:
        DecodeError: it cannot be decoded, or has no frame.
    """
    candidates = _pictures(preview, every_seconds=1.0)
    best_seconds, best = max(candidates, key=lambda candidate: float(candidate[1].std()), default=(0.0, None))
    if best is None:
        raise DecodeError(f"{preview.name!r} shows nothing: it has no frame; materialize final_video again")
    begin = max(0.0, best_seconds - LOOP_SECONDS / 2)
    around = _pictures(preview, every_seconds=1 / LOOP_RATE_HZ, start_seconds=begin, stop_seconds=begin + LOOP_SECONDS)
    pictures = [scaled_to_height(picture, LOOP_HEIGHT_PIXELS) for _, picture in around]
    return best[:, best.shape[1] // 2 :], Loop(pictures=pictures, frame_seconds=1 / LOOP_RATE_HZ)


def _pictures(
    preview: Path, *, every_seconds: float, start_seconds: float = 0.0, stop_seconds: float = float("inf")
) -> Iterator[tuple[float, Picture]]:
    """Times and pictures of frames that lie ``every_seconds`` apart, in ``[start_seconds, stop_seconds)``."""
    wanted_seconds = start_seconds
    try:
        with av.open(file_url(preview)) as container:
            for frame in container.decode(video=0):
                shown_seconds = float(frame.time or 0.0)
                if shown_seconds >= stop_seconds:
                    return
                if shown_seconds >= wanted_seconds - 1e-6:
                    wanted_seconds += every_seconds
                    yield shown_seconds, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (FFmpegError, OSError, IndexError) as error:
        raise DecodeError(f"{preview.name!r} cannot be decoded: {error}; materialize final_video again") from error
