"""What an artist may choose about a look beside its style: numbers, their ranges, and what they mean for sizes.

Needs no torch: settings are checked where none is loaded. What the numbers do to pixels is in
:mod:`stylize.style.controls.controlled`.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from stylize.errors import SettingsError

BRUSH_PIXELS = 12
"""Width of the brush strokes of our networks, in pixels of the picture that they see."""

USUAL_STYLE_SCALE = 0.01667
"""Of styles that are made from a picture: the network sees 720 rows, at which faces of a film keep their features."""

MIN_STYLE_SCALE, MAX_STYLE_SCALE = 0.003, 0.2
"""As fractions of the picture's height: the network sees 4000 to 60 rows."""

MAX_ENLARGEMENT = 2
"""The network is never shown a picture more than so many times as high as the frame: there is nothing more to see."""

MAX_WORKING_PIXELS = 7680 * 4320

DECIMALS = 5
"""Settings are rounded to so many, so that one look has one digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """How a painted picture is shown. The defaults show what the network paints.

    Attributes:
        strength: 0..1, from the source to the painted picture.
        keep_colors: brightness from the painted picture, colours from the source.
        style_scale: width of the brush strokes as a fraction of the picture's height,
            ``MIN_STYLE_SCALE``..``MAX_STYLE_SCALE``; None shows the network the frame as it is.
        share: 0..1, of the second of two styles.
    """

    strength: float = 1.0
    keep_colors: bool = False
    style_scale: float | None = None
    share: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_fraction("strength", self.strength)
        check_fraction("share", self.share)
        if self.style_scale is not None:
            check_style_scale(self.style_scale)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)

    @property
    def shows_paint_alone(self) -> bool:
        """Whether a frame that is painted at its own size is shown as one network paints it."""
        return self.strength == 1 and not self.keep_colors and self.share == 0

    def working_size(self, *, width: int, height: int) -> tuple[int, int]:
        """Height and width of the picture that the network is shown for frames of ``width`` x ``height`` pixels.

        There the strokes of ``BRUSH_PIXELS`` are ``style_scale`` of the height. It has the shape of the frame, is at
        most ``MAX_ENLARGEMENT`` times as high, and has at most ``MAX_WORKING_PIXELS``.
        """
        if self.style_scale is None:
            return height, width
        most_rows = min(MAX_ENLARGEMENT * height, math.isqrt(MAX_WORKING_PIXELS * height // width))
        rows = max(1, min(round(BRUSH_PIXELS / self.style_scale), most_rows))
        return rows, max(1, round(width * rows / height))


def check_fraction(name: str, value: float) -> float:
    """Return ``value`` if it is 0..1.

    Raises:
        SettingsError: it is not.
    """
    if 0 <= value <= 1:
        return value
    raise SettingsError(f"{name!r} cannot be {value!r}: expected a number from 0 to 1")


def check_style_scale(value: float) -> float:
    """Return ``value`` if it is a brush size.

    Raises:
        SettingsError: it is not.
    """
    if MIN_STYLE_SCALE <= value <= MAX_STYLE_SCALE:
        return value
    raise SettingsError(
        f"'style_scale' cannot be {value!r}: expected {MIN_STYLE_SCALE} to {MAX_STYLE_SCALE} (width of the brush"
        " strokes as a fraction of the picture's height), or 0 for frames as they come"
    )
