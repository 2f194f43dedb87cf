"""What training is told: the numbers that decide, with the painting and the photographs, what comes out."""

from dataclasses import asdict, dataclass
from typing import Any

from dagster_project.errors import StyleError
from dagster_project.style_transfer.network import DEFAULT_SIZE, MULTIPLE, NetworkSize

MIN_STYLE_SIDE = 32
"""A painting smaller than this vanishes in the strides of the loss networks."""

MAX_STYLE_SIDE = 2048
"""Activations of a larger painting take more memory than the rest of training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """All that decides what training yields, besides the painting, the photographs and the loss network.

    Attributes:
        size: of the network; ignored when training goes on from an existing one.
        iterations: 600 from scratch and 300 from an existing style give a picture that people accept.
        batch_size: crops per iteration; each is repainted in two windows.
        crop_size: side of a window in pixels, a multiple of 4.
        style_side: the shorter side to which the painting is resized, in pixels: larger makes larger strokes.
        max_shift: largest camera movement between the two windows, in pixels.
        style_weight: of ``style_loss``. From 4 to 24 strokes and palette grow stronger.
        content_weight: of ``content_loss``.
        tone_weight: of ``tone_loss``. Without it, a style weight of 24 lost faces altogether.
        palette_weight: of ``palette_loss``.
        smoothness_weight: of ``total_variation``.
        shift_weight: of ``shift_error``. Has to grow with the style weight, or the film flickers.
        learning_rate: peak of the one-cycle schedule.
        clip_norm: largest norm of the gradient.
        noise: standard deviation of the noise on the second window, of 255.
        gain: largest change of the second window's brightness, as a factor.
        seed: of weights, crops, movements and noise.
    """

    size: NetworkSize = DEFAULT_SIZE
    iterations: int = 600
    batch_size: int = 4
    crop_size: int = 160
    style_side: int = 640
    max_shift: int = 8
    style_weight: float = 10.0
    content_weight: float = 1.0
    tone_weight: float = 4.0
    palette_weight: float = 100.0
    smoothness_weight: float = 0.1
    shift_weight: float = 200.0
    learning_rate: float = 2e-3
    clip_norm: float = 10.0
    noise: float = 2.0
    gain: float = 0.03
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that would fail in the middle of training."""
        if self.iterations < 1 or self.batch_size < 1:
            msg = f"training needs at least 1 iteration and 1 crop, got {self.iterations} and {self.batch_size}"
            raise StyleError(msg)
        if self.crop_size % MULTIPLE or self.crop_size < 32 or not 0 <= self.max_shift < self.crop_size:
            msg = f"crop size must be a multiple of {MULTIPLE}, >= 32 and above the shift, got {self.crop_size}"
            raise StyleError(msg)
        if not MIN_STYLE_SIDE <= self.style_side <= MAX_STYLE_SIDE:
            msg = f"style_side must be within {MIN_STYLE_SIDE} to {MAX_STYLE_SIDE} pixels, got {self.style_side}"
            raise StyleError(msg)

    @property
    def needed_side(self) -> int:
        """Shorter side that a photograph must have, in pixels: a crop and its movement."""
        return self.crop_size + self.max_shift

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, as written to style cards."""
        return asdict(self)
