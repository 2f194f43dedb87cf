"""The sheet by which a style is chosen."""

import numpy as np

from stylize.style.style_sheet import CAPTION_PIXELS, CELL_WIDTH_PIXELS, GAP_PIXELS, style_sheet


def test_every_picture_has_its_place_and_its_name() -> None:
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (90, 90, 90), (200, 200, 30)]
    pictures = {f"style-{index}": np.full((90, 160, 3), color, np.uint8) for index, color in enumerate(colors)}
    sheet = style_sheet(pictures)
    height = CELL_WIDTH_PIXELS * 90 // 160
    step = CELL_WIDTH_PIXELS + GAP_PIXELS, height + CAPTION_PIXELS + GAP_PIXELS
    assert sheet.shape == (2 * step[1] + GAP_PIXELS, 4 * step[0] + GAP_PIXELS, 3)
    for index, color in enumerate(colors):
        left, top = GAP_PIXELS + index % 4 * step[0], GAP_PIXELS + index // 4 * step[1]
        assert tuple(sheet[top + height // 2, left + CELL_WIDTH_PIXELS // 2]) == color
        caption = sheet[top + height : top + height + CAPTION_PIXELS, left : left + CELL_WIDTH_PIXELS]
        assert caption.min() < 100, "its name stands below"


def test_few_pictures_make_a_narrow_sheet() -> None:
    assert style_sheet({"one": np.zeros((10, 10, 3), np.uint8)}).shape[1] == CELL_WIDTH_PIXELS + 2 * GAP_PIXELS
