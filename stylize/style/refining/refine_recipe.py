"""What refining is told: the numbers that decide, with the painting and the photographs, what comes out."""

from dataclasses import asdict, dataclass
from typing import Any

from stylize.errors import StyleError

MIN_STROKE_SIDE = 64
"""Of a smaller painting the judge's deeper layers see a few points."""

MAX_STROKE_SIDE = 1024
"""Activations of a larger painting take more memory than the rest of refining."""

CROP_MULTIPLE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineRecipe:
    """All that decides what refining yields, besides the painting and the photographs.

    Attributes:
        iterations: for each quality; after 100 the strokes are there, after 400 little changes.
        batch_size: crops per iteration; each is repainted in two windows.
        crop_size: side of a window in pixels, a multiple of 8.
        max_shift: largest camera movement between the two windows, in pixels.
        stroke_side: the shorter side to which the painting is resized, in pixels: larger makes larger strokes.
        stroke_weight: of the judge's distance from the painting's strokes.
        vector_weight: of the distance from the painting's 100 numbers.
        edge_weight: of the distance from the photograph's structure. Faces live by it.
        face_weight: of the distance from the structure of faces.
        pattern_weight: of regular patterns where the photograph is flat.
        color_weight: of the distance from the colors that the style has unrefined. Without it a rare color takes over.
        content_weight: of the distance from what the photograph shows.
        palette_weight: of the distance from the painting's palette.
        stillness_weight: of what is above ``still_enough``.
        still_enough: shift error below which nothing is gained: without such a hinge everything goes calm and blurred.
        learning_rate: peak of the one-cycle schedule.
        warm_up: share of the iterations before the peak.
        clip_norm: largest norm of the gradient.
        noise: standard deviation of the noise on the second window, of 255.
        gain: largest change of the second window's brightness, as a factor.
        seed: of crops, movements and noise.
    """

    iterations: int = 160
    batch_size: int = 2
    crop_size: int = 192
    max_shift: int = 8
    stroke_side: int = 360
    stroke_weight: float = 9.0
    vector_weight: float = 1.0
    edge_weight: float = 1.5
    face_weight: float = 20.0
    pattern_weight: float = 1.0
    color_weight: float = 6.0
    content_weight: float = 1.0
    palette_weight: float = 40.0
    stillness_weight: float = 1500.0
    still_enough: float = 0.4e-3
    learning_rate: float = 6e-4
    warm_up: float = 0.15
    clip_norm: float = 1.0
    noise: float = 2.0
    gain: float = 0.03
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that would fail in the middle of refining."""
        if self.iterations < 1 or self.batch_size < 1:
            msg = f"refining needs at least 1 iteration and 1 crop, got {self.iterations} and {self.batch_size}"
            raise StyleError(msg)
        if self.crop_size % CROP_MULTIPLE or self.crop_size < 32 or not 0 <= self.max_shift < self.crop_size:
            msg = f"crop size must be a multiple of {CROP_MULTIPLE}, >= 32 and above the shift, got {self.crop_size}"
            raise StyleError(msg)
        if not MIN_STROKE_SIDE <= self.stroke_side <= MAX_STROKE_SIDE:
            msg = f"stroke_side must be within {MIN_STROKE_SIDE} to {MAX_STROKE_SIDE} pixels, got {self.stroke_side}"
            raise StyleError(msg)

    @property
    def needed_side(self) -> int:
        """Shorter side that a photograph must have, in pixels: a crop and its movement."""
        return self.crop_size + self.max_shift

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, as written to style cards."""
        return asdict(self)
