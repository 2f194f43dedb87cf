"""One row a style and quality: what was measured, and which values pass."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

Bound = tuple[float | None, float | None]
"""Smallest and largest value that passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LooksRow:
    """What a style's pictures are like. None is what could not be measured, for lack of data.

    Attributes:
        name: of the style or of the control.
        quality: ``best``, ``standard``, ``fast``, or what kind of control it is.
        faces_kept: share 0..1 of the photographs' faces that are found again, at 720p.
        face_structure: gradient correlation -1..1 inside their boxes.
        structure: the same of whole photographs.
        legibility: how well painted letters can be told apart, 0..1.
        nearness: how much of the way from the photograph's texture to the painting's is gone: 0 is none of it, 1 is
            all; below 0 is further away than the photograph.
        color_change_faces: mean OKLab distance to the photograph inside the faces' boxes.
        color_change_outside: the same outside of them.
        hatch: share 0..1 of the fine texture in flat areas that is a regular pattern.
        pan_error_360p: mean squared difference, values 0..1, of the frames of a known pan of 640x360 pixels.
        pan_error_720p: the same at 1280x720.
        warping_error: mean squared difference of the frames of real clips along their optical flow.
        passes: whether all that was measured is within :data:`BOUNDS`.
    """

    name: str
    quality: str
    faces_kept: float | None = None
    face_structure: float | None = None
    structure: float | None = None
    legibility: float | None = None
    nearness: float | None = None
    color_change_faces: float | None = None
    color_change_outside: float | None = None
    hatch: float | None = None
    pan_error_360p: float | None = None
    pan_error_720p: float | None = None
    warping_error: float | None = None

    @property
    def passes(self) -> bool:
        """See above."""
        return not failures(self)

    def measured(self) -> dict[str, float]:
        """The columns that have a figure, rounded to four digits."""
        return {column: _rounded(getattr(self, column)) for column in MEASURES if getattr(self, column) is not None}

    @classmethod
    def of(cls, name: str, quality: str, metrics: Mapping[str, float]) -> Self:
        """Read back what :meth:`measured` gave, under names that begin with the quality."""
        prefix = f"{quality}_"
        own = {key.removeprefix(prefix): value for key, value in metrics.items() if key.startswith(prefix)}
        return cls(name=name, quality=quality, **own)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, figures rounded to four digits."""
        rounded = {key: _rounded(value) for key, value in asdict(self).items()}
        return rounded | {"passes": self.passes}


MEASURES: Final = tuple(field.name for field in fields(LooksRow) if field.name not in ("name", "quality"))
"""The columns with figures, in order."""

# Set from the controls of bench/looks.py before any style was chosen: the published any-painting network as it comes
# ("untuned"), the five styles that were retired, the photograph itself, blurred by 2 pixels, or given the colors of a
# painting; six paintings. With 24 others, 19 untuned ones keep to all but faces_kept, five miss one or two.
BOUNDS: Final[dict[str, Bound]] = {
    # Retired 0.03 to 0.46, untuned 0.85 to 0.95: not what separates them, but what a film of people needs.
    "faces_kept": (0.9, None),
    # Retired 0.50 to 0.66, untuned 0.77 to 0.82.
    "face_structure": (0.71, None),
    # Untuned 0.52 to 0.65; of the retired, 0.45 to 0.61, three are below.
    "structure": (0.5, None),
    # Untuned 0.47 to 0.60, blurred 0.53; of the retired, 0.36 to 0.50, four are below.
    "legibility": (0.45, None),
    # Untuned 0.55 to 0.76, retired 0.49 to 0.63; colors alone 0.00 to 0.26, unchanged 0, blurred below 0. With the 24
    # other paintings colors alone come to 0.38 (brown ones), untuned down to 0.40 (smooth ones).
    "nearness": (0.4, None),
    # Untuned 0.14 to 0.21, the most of all controls.
    "color_change_faces": (None, 0.25),
    # Unchanged 0, blurred 0.006, colors alone 0.11 to 0.17: below it nobody sees that anything was done.
    "color_change_outside": (0.03, None),
    # Untuned 0.03 to 0.12, retired 0.22 to 0.54.
    "hatch": (None, 0.16),
    # A film's own: retired 0.26e-3 to 0.59e-3, untuned 4e-3 to 18e-3; the noise of the pan alone is 0.12e-3.
    "pan_error_360p": (None, 0.8e-3),
    "pan_error_720p": (None, 0.8e-3),
    # 1.3 times the source's own, 0.18e-3, and the worst of the retired, 1.88e-3; untuned 3e-3 to 13e-3.
    "warping_error": (None, 2.1e-3),
}

MOTION: Final = ("pan_error_360p", "pan_error_720p", "warping_error")


def failures(row: LooksRow, *, exempt: tuple[str, ...] = ()) -> list[str]:
    """Which columns are out of bounds, and by how much: a sentence each.

    Args:
        row: what was measured.
        exempt: columns that this row need not keep to.
    """
    found = []
    for column, (smallest, largest) in BOUNDS.items():
        value = getattr(row, column)
        if value is None or column in exempt:
            continue
        if smallest is not None and value < smallest:
            found.append(f"{column} is {value:.3g}, at least {smallest:g} is needed")
        if largest is not None and value > largest:
            found.append(f"{column} is {value:.3g}, at most {largest:g} is allowed")
    return found


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
