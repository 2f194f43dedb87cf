"""Whether letters can still be read once they are painted: a card of letters, and a reader that compares shapes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from string import ascii_uppercase
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylize.style.looks.structure import Plane, luma
from stylize.style.pictures import Picture

CARD_SIZE: Final = (1280, 720)
"""Width and height in pixels."""

LETTER_PIXELS: Final = (20, 28, 40, 56, 80)
"""Sizes of the type; a capital is 0.7 of it high, from the small print of a film to its title."""

_MARGIN: Final = 48
"""Pixels between the border of the card and its text."""

_ROUND: Final = 2
"""Pixels around each letter that are compared, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter on the card.

    Attributes:
        character: a capital.
        pixels: size of the type.
        left: of its box, in pixels of the card.
        top: of its box.
    """

    character: str
    pixels: int
    left: int
    top: int


def text_card() -> Picture:
    """Every capital in every size, dark on a light ground and light on a dark one; RGB ``(720, 1280, 3)``."""
    width, height = CARD_SIZE
    shade = np.linspace(0, 24, width, dtype=np.float32)[None] + np.linspace(0, 24, height, dtype=np.float32)[:, None]
    shade += np.where(np.arange(height)[:, None] < height / 2, 190, 30)
    ground = np.repeat(shade.astype(np.uint8)[..., None], 3, axis=2)
    image = Image.fromarray(ground)
    draw = ImageDraw.Draw(image)
    for letter in letters():
        ink = (25, 25, 25) if letter.top < height / 2 else (235, 235, 235)
        draw.text((letter.left, letter.top), letter.character, font=_font(letter.pixels), fill=ink)
    return np.asarray(image)


def legibility(card: Picture, painted: Picture) -> float:
    """How well a reader who knows the letters' places tells them apart, 0..1; 1 is as well as on the card itself.

    Each letter is compared with all 26 of its size: the correlation (which contrast does not change, nor light for
    dark) with itself, less that with the most similar other one, as a share of the same on the card; below 0 it is
    misread and counts 0. Mean over all letters.

    Args:
        card: what :func:`text_card` gives.
        painted: the same shape.
    """
    before, after = luma(card), luma(painted)
    shares = [np.clip(_lead(letter, after) / _lead(letter, before), 0, 1) for letter in letters()]
    return float(np.mean(shares))


def letters() -> Iterator[Letter]:
    """Those of the card, in two halves, the same in each."""
    width, height = CARD_SIZE
    for half in (0, height // 2):
        top = half + _MARGIN // 2
        for pixels in LETTER_PIXELS:
            step = round(1.1 * pixels)
            for place, character in enumerate(_shuffled(pixels)[: (width - 2 * _MARGIN) // step]):
                yield Letter(character=character, pixels=pixels, left=_MARGIN + place * step, top=top)
            top += round(1.3 * pixels)


def _shuffled(pixels: int) -> str:
    """The alphabet in an order of its own in every size: the largest letters do not all fit."""
    return "".join(np.random.default_rng(pixels).permutation(list(ascii_uppercase)))


def _lead(letter: Letter, plane: Plane) -> float:
    """Correlation of a place with its own letter, less the best of the others."""
    shapes = _shapes(letter.pixels)
    height, width = shapes.shape[1:]
    top, left = letter.top - _ROUND, letter.left - _ROUND
    place = _normalized(plane[None, top : top + height, left : left + width])
    likeness = np.abs((shapes * place).sum(axis=(1, 2)))
    own = ascii_uppercase.index(letter.character)
    return float(likeness[own] - np.delete(likeness, own).max())


@cache
def _shapes(pixels: int) -> Plane:
    """All capitals in one size, drawn alone, each of mean 0 and norm 1: ``(26, H, W)``."""
    side = round(1.1 * pixels) + 2 * _ROUND
    drawn = []
    for character in ascii_uppercase:
        image = Image.new("L", (pixels + 2 * _ROUND, side))
        ImageDraw.Draw(image).text((_ROUND, _ROUND), character, font=_font(pixels), fill=255)
        drawn.append(np.asarray(image, np.float32))
    return _normalized(np.stack(drawn))


def _normalized(planes: Plane) -> Plane:
    """Each plane with mean 0 and norm 1."""
    centered = planes - planes.mean(axis=(1, 2), keepdims=True)
    norm = np.sqrt(np.square(centered).sum(axis=(1, 2), keepdims=True))
    return centered / np.maximum(norm, 1e-6)


@cache
def _font(pixels: int) -> ImageFont.FreeTypeFont:
    """The one that Pillow carries."""
    font = ImageFont.load_default(size=pixels)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow has no FreeType here: its built-in font has one size only")
    return font
