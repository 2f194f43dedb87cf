"""What an upload's JSON file may ask for, and what it is told when that cannot be had."""

import json

import pytest

from assets.clip_wishes import ClipSettingsConfig, parse_wishes
from stylize.errors import SettingsError

STYLES = ("great-wave", "scream")


def parse(document: str) -> ClipSettingsConfig:
    return parse_wishes(document.encode(), name="film.mp4.json", styles=STYLES)


def test_every_control_can_be_wished_for_and_switched_off() -> None:
    wishes = {
        "strength": 0.7,
        "style_weight": 0.4,
        "keep_colors": True,
        "style_scale": 0.025,
        "blend_with": "scream",
        "blend": 0.3,
    }
    wishes["quality"] = "fast"
    assert parse(json.dumps(wishes)).model_dump(exclude_none=True, exclude={"media_container"}) == wishes
    nothing = {"strength": 1, "style_weight": 1, "keep_colors": False, "style_scale": 0, "blend": 0}
    assert parse(json.dumps(nothing)).model_dump(exclude_none=True, exclude={"media_container", "quality"}) == nothing


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('{"strength": 2}', "'strength' cannot be 2.0: expected a number from 0 to 1"),
        ('{"strength": -0.1}', "'strength' cannot be -0.1: expected a number from 0 to 1"),
        ('{"strength": NaN}', "'strength' cannot be nan: expected a number from 0 to 1"),
        ('{"strength": "much"}', "'strength' cannot be 'much': Input should be a valid number"),
        ('{"keep_colors": "some"}', "'keep_colors' cannot be 'some': Input should be a valid boolean"),
        ('{"style_scale": 0.5}', "'style_scale' cannot be 0.5: expected 0.003 to 0.2"),
        ('{"style_scale": 0.002}', "or 0 for frames as they come"),
        ('{"style_scale": -0.02}', "'style_scale' cannot be -0.02: expected 0.003 to 0.2"),
        ('{"blend": 1.5, "blend_with": "scream"}', "'blend' cannot be 1.5: expected a number from 0 to 1"),
        ('{"blend": 0.5}', "'blend' needs 'blend_with'"),
        ('{"blend_with": "scream"}', "'blend_with' needs 'blend'"),
        ('{"blend": 0.5, "blend_with": "screem"}', "unknown style 'screem'; expected one of great-wave, scream"),
        (
            '{"style": "scream", "blend": 0.5, "blend_with": "scream"}',
            "'blend_with' cannot be 'scream', the style itself",
        ),
        (
            '{"strenght": 0.5}',
            "unknown key 'strenght'; expected style, quality, media_container, strength, style_weight, keep_colors",
        ),
    ],
)
def test_what_cannot_be_had_is_named_with_what_was_expected(document: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(document)
    assert str(refused.value).startswith("'film.mp4.json': ")
    assert expected in str(refused.value)
