"""One frame in many styles, as a sheet with names."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylize.style.pictures import Picture

CELL_WIDTH_PIXELS: Final = 400
COLUMNS: Final = 4
GAP_PIXELS: Final = 8
CAPTION_PIXELS: Final = 26
CAPTION_SIZE: Final = 17
INK: Final = (40, 40, 40)


def style_sheet(pictures: Mapping[str, Picture]) -> Picture:
    """The pictures in rows of four, each with its name below.

    Args:
        pictures: RGB ``(H, W, 3)`` of one shape, by name; at least one.
    """
    height, width = next(iter(pictures.values())).shape[:2]
    cell = CELL_WIDTH_PIXELS, max(1, round(CELL_WIDTH_PIXELS * height / width))
    columns = min(COLUMNS, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    step = cell[0] + GAP_PIXELS, cell[1] + CAPTION_PIXELS + GAP_PIXELS
    sheet = Image.new("RGB", (columns * step[0] + GAP_PIXELS, rows * step[1] + GAP_PIXELS), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(CAPTION_SIZE)
    for index, (name, picture) in enumerate(pictures.items()):
        left = GAP_PIXELS + index % columns * step[0]
        top = GAP_PIXELS + index // columns * step[1]
        sheet.paste(Image.fromarray(picture).resize(cell, Image.Resampling.LANCZOS), (left, top))
        draw.text((left + 2, top + cell[1] + 3), name, fill=INK, font=font)
    return np.asarray(sheet)
