"""Read a display matrix: how a decoded picture must be turned and mirrored to be upright."""

import math
import struct
from dataclasses import dataclass

MATRIX_BYTES = 36


@dataclass(frozen=True, slots=True)
class Orientation:
    """First turn clockwise by ``rotation_degrees`` (0, 90, 180 or 270), then flip left to right if ``mirrored``."""

    rotation_degrees: int = 0
    mirrored: bool = False


def orientation_of(matrix: bytes) -> tuple[Orientation, str | None]:
    """Decompose FFmpeg's display matrix: 3x3 native int32, of which ``[[a, b], [c, d]]`` turns and scales.

    A decoded point ``(x, y)``, y downwards, is shown at ``(a x + c y, b x + d y)``. Turning by t clockwise is ``a = d =
    cos t, b = -c = sin t``; a flip afterwards negates the first column, ``a`` and ``c``.

    Returns:
        The orientation, and a note where the angle was no quarter turn and had to be rounded to one.
    """
    if len(matrix) < MATRIX_BYTES:
        return Orientation(), None
    a, b, _, c, d, *_ = struct.unpack_from("=9i", matrix)
    determinant = a * d - b * c
    if determinant == 0:
        return Orientation(), None
    mirrored = determinant < 0
    angle = math.degrees(math.atan2(b, -a if mirrored else a)) % 360
    quarter_turns = round(angle / 90) % 4
    off_degrees = abs((angle - 90 * quarter_turns + 180) % 360 - 180)
    note = f"rotation of {angle:.1f} degrees rounded to {90 * quarter_turns}" if off_degrees > 1 else None
    return Orientation(90 * quarter_turns, mirrored), note
