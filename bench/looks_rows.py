"""Measure one row of the table of looks: paint everything once, and look at it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from PIL import Image

from bench.looks_data import LooksData
from stylize.style.looks.color import transfer_colors
from stylize.style.looks.legibility import legibility
from stylize.style.looks.motion import Paint, pan_error, warping_error
from stylize.style.looks.nearness import TextureJudge
from stylize.style.looks.photographs import measure_nearness, measure_photographs
from stylize.style.looks.table import LooksRow
from stylize.style.pictures import Picture, encode_jpeg

THUMBNAIL_HEIGHT = 240


@dataclass
class Painting:
    """What a style paints like.

    Attributes:
        name: of its file.
        picture: RGB ``(H, W, 3)``.
        judge: of textures, if there is one.
    """

    name: str
    picture: Picture
    judge: TextureJudge | None

    @cached_property
    def textures(self) -> list[torch.Tensor] | None:
        """See :meth:`TextureJudge.textures`."""
        return self.judge.textures(self.picture) if self.judge else None

    def transfer_colors(self, frames: Picture) -> Picture:
        """Its colors on frames ``(N, H, W, 3)``."""
        return np.stack([transfer_colors(frame, self.picture) for frame in frames])


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row, and what the photographs became."""

    row: LooksRow
    thumbnails: list[bytes]


def measure(
    data: LooksData,
    paint: Paint,
    *,
    name: str,
    quality: str,
    painting: Painting | None,
    encode: Callable[[Picture], bytes],
) -> Measured:
    """Paint photographs, letters, pans and clips, and measure them.

    Args:
        data: what to paint.
        paint: how.
        name: of the style.
        quality: of the style.
        painting: what it paints like; without one there is no nearness.
        encode: makes thumbnails.
    """
    painted = [paint(photograph.picture[None])[0] for photograph in data.photographs]
    wanted = painting.textures if painting else None
    found = measure_photographs(data.photographs, painted) | {
        "legibility": legibility(data.card, paint(data.card[None])[0]),
        "nearness": measure_nearness(data.judge, data.photographs, painted, wanted) if data.judge and wanted else None,
        "pan_error_360p": pan_error(paint, data.pans["360p"]),
        "pan_error_720p": pan_error(paint, data.pans["720p"]),
        "warping_error": warping_error(paint, data.clips),
    }
    return Measured(row=LooksRow(name=name, quality=quality, **found), thumbnails=[encode(it) for it in painted])


def encode_within(max_bytes: int) -> Callable[[Picture], bytes]:
    """Makes JPEG thumbnails of a picture, as good as ``max_bytes`` allow."""

    def encode(picture: Picture) -> bytes:
        image = Image.fromarray(picture)
        size = (round(image.width * THUMBNAIL_HEIGHT / image.height), THUMBNAIL_HEIGHT)
        small = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
        tried = (encode_jpeg(small, quality=quality) for quality in (85, 75, 65, 55, 45, 35))
        content = b""
        for content in tried:
            if len(content) <= max_bytes:
                break
        return content

    return encode
