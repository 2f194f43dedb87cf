"""How well, and how fast, a clip is painted. Needs no torch: settings are checked where none is loaded."""

from typing import Literal, get_args

Quality = Literal["best", "standard", "fast"]

QUALITIES: tuple[Quality, ...] = get_args(Quality)
