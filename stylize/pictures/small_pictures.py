"""Pictures and short loops as WebP files of at most so many bytes, small enough to stand inside a web page."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from stylize.video.pixels.pixels import Picture

QUALITIES: Final = (80, 65, 50, 35, 25)
"""Of WebP, 0..100. Below the last paint turns into blocks: a smaller picture shows more."""

TOO_FAR: Final = 2.0
"""Times as many bytes as are allowed, from which on the picture must become smaller."""

LARGEST_STEP: Final = 0.85
"""Factor by which both sides shrink at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A short film that begins again at its end.

    Attributes:
        pictures: RGB ``(H, W, 3)``, values 0..255, all of one size; at least one.
        frame_seconds: how long each is shown.
    """

    pictures: Sequence[Picture]
    frame_seconds: float


def still_webp(picture: Picture, max_bytes: int) -> bytes:
    """One picture; lossless where that fits (plots), else as good and as large as fits.

    Args:
        picture: RGB ``(H, W, 3)``, values 0..255.
        max_bytes: of the file; 200 suffice for a picture of a few pixels.
    """
    lossless = _encoded([Image.fromarray(picture)], lossless=True)
    return lossless if len(lossless) <= max_bytes else _fitting([picture], max_bytes)


def loop_webp(loop: Loop, max_bytes: int) -> bytes:
    """An animation, as good and as large as fits; arguments as of :func:`still_webp`."""
    return _fitting(loop.pictures, max_bytes, duration=max(1, round(1000 * loop.frame_seconds)), loop=0)


def scaled_to_height(picture: Picture, height: int) -> Picture:
    """``picture`` reduced to ``height`` rows, shape kept; as it is where it has no more."""
    if picture.shape[0] <= height:
        return picture
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX, reducing_gap=2.0))


def _fitting(pictures: Sequence[Picture], max_bytes: int, **options: int) -> bytes:
    images = [Image.fromarray(picture) for picture in pictures]
    while True:
        num_bytes = 0
        for quality in QUALITIES:
            file = _encoded(images, quality=quality, **options)
            num_bytes = len(file)
            if num_bytes <= max_bytes:
                return file
            if num_bytes > TOO_FAR * max_bytes:
                break  # no lower quality would save as much
        if max(images[0].size) == 1:
            raise ValueError(f"no picture fits into {max_bytes} bytes")
        scale = min(LARGEST_STEP, math.sqrt(1.5 * max_bytes / num_bytes))
        size = (max(1, int(images[0].width * scale)), max(1, int(images[0].height * scale)))
        images = [image.resize(size, Image.Resampling.LANCZOS) for image in images]


def _encoded(images: Sequence[Image.Image], **options: int) -> bytes:
    content = io.BytesIO()
    first, *others = images
    several = {"save_all": True, "append_images": others} if others else {}
    first.save(content, "WEBP", method=3, **several, **options)
    return content.getvalue()
