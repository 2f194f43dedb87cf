"""What a person may choose for a clip: the same in a JSON file beside an upload, on the command line and in the UI.

A key that is left out keeps what the clip has, so each control has a value that switches it off: strength and
style_weight 1, keep_colors false, style_scale 0, blend 0.
"""

import json
from collections.abc import Collection
from typing import Literal

import dagster as dg
from pydantic import Field, ValidationError

from stylize.errors import SettingsError
from stylize.style.controls.controls import check_fraction, check_style_scale
from stylize.style.controls.quality import Quality


class ClipSettingsConfig(dg.Config):
    """What a person may choose. A field left out keeps the clip's present value, or takes the default."""

    style: str | None = Field(default=None, description="Name of the style, e.g. starry-night.")
    quality: Literal["unchanged", Quality] = Field(
        default="unchanged",
        description="best paints most finely, fast takes half of its time; standard unless chosen otherwise.",
    )
    media_container: Literal["unchanged", "mp4", "mov", "mkv"] = Field(
        default="unchanged", description="Media container of the delivered video; mp4 unless chosen otherwise."
    )
    # Ranges are checked in check_wishes: an error here would be a stack trace in the run, and retried.
    strength: float | None = Field(
        default=None, description="0 to 1, from the source to the painted picture; 1 unless chosen otherwise."
    )
    style_weight: float | None = Field(
        default=None,
        description="0 to 1, from the clip's own style to the painting's: fainter strokes and colors of one picture,"
        " where strength shows two through each other; 1 unless chosen otherwise.",
    )
    keep_colors: bool | None = Field(
        default=None, description="Brightness from the painted picture, colors from the source."
    )
    style_scale: float | None = Field(
        default=None,
        description="Width of the brush strokes as a fraction of the picture's height, 0.003 to 0.2: the same look at"
        " every resolution; the style's own unless chosen otherwise. 0 paints the frames as they come.",
    )
    steady_shots: bool | None = Field(
        default=None,
        description="Paint all frames of a shot by one set of statistics: what stands still keeps its paint when"
        " something large enters the picture.",
    )
    blend_with: str | None = Field(default=None, description="A second style to mix in; goes together with blend.")
    blend: float | None = Field(
        default=None, description="Share of the second style, 0 to 1; 0 removes it. Goes together with blend_with."
    )


def parse_wishes(document: bytes, *, name: str, styles: Collection[str]) -> ClipSettingsConfig:
    """Read what a JSON object beside an upload asks for.

    Args:
        document: the content of the file.
        name: what to call the file in messages.
        styles: those that there are.

    Raises:
        SettingsError: it is no JSON object, or one of its keys or values is not to be had.
    """
    try:
        wishes = ClipSettingsConfig.model_validate_json(document)
        unknown = sorted(json.loads(document).keys() - ClipSettingsConfig.model_fields.keys())
    except ValidationError as error:
        raise SettingsError(f"{name!r}: {_first_problem(error)}") from error
    if unknown:
        raise SettingsError(
            f"{name!r}: unknown key {unknown[0]!r}; expected {', '.join(ClipSettingsConfig.model_fields)}"
        )
    for style in (wishes.style, wishes.blend_with):
        if style is not None and style not in styles:
            raise SettingsError(f"{name!r}: unknown style {style!r}; expected one of {', '.join(sorted(styles))}")
    try:
        check_wishes(wishes)
    except SettingsError as error:
        raise SettingsError(f"{name!r}: {error}") from error
    return wishes


def check_wishes(wishes: ClipSettingsConfig) -> None:
    """Refuse numbers out of range, and half of a blend.

    Raises:
        SettingsError: naming the key, and what was expected.
    """
    if wishes.strength is not None:
        check_fraction("strength", wishes.strength)
    if wishes.style_weight is not None:
        check_fraction("style_weight", wishes.style_weight)
    if wishes.style_scale:
        check_style_scale(wishes.style_scale)
    if wishes.blend is not None:
        check_fraction("blend", wishes.blend)
    if wishes.blend and wishes.blend_with is None:
        raise SettingsError("'blend' needs 'blend_with', the second style; give both, or 'blend' 0 for none")
    if wishes.blend_with is not None and wishes.blend is None:
        raise SettingsError("'blend_with' needs 'blend', its share from 0 to 1; give both")
    if wishes.blend and wishes.style is not None:
        check_second_style(wishes.style, wishes.blend_with)


def check_second_style(style: str, second: str | None) -> None:
    """Refuse to blend a style with itself.

    Raises:
        SettingsError: they are the same.
    """
    if style == second:
        raise SettingsError(
            f"'blend_with' cannot be {second!r}, the style itself; choose another, or set 'blend' to 0 for none"
        )


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(map(str, problem["loc"]))
    if not key:
        return f"expected a JSON object ({problem['msg']})"
    return f"{key!r} cannot be {problem['input']!r}: {problem['msg']}"
