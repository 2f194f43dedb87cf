"""The numbers an artist chooses: their ranges, and the size at which the network then works."""

import math
from typing import Any

import pytest

from stylize.errors import SettingsError
from stylize.style.controls.controls import Controls


@pytest.mark.parametrize(
    ("width", "height", "working"), [(854, 480, (480, 854)), (1920, 1080, (480, 853)), (3840, 2160, (480, 853))]
)
def test_one_style_scale_means_one_picture_height_at_every_resolution(
    width: int, height: int, working: tuple[int, int]
) -> None:
    assert Controls(style_scale=0.025).working_size(width=width, height=height) == working


@pytest.mark.parametrize(("width", "height"), [(1, 1), (640, 360), (7680, 4320)])
def test_without_a_style_scale_the_network_sees_the_frame_as_it_is(width: int, height: int) -> None:
    assert Controls().working_size(width=width, height=height) == (height, width)


def test_the_network_sees_at_most_twice_the_frame_and_at_most_8k() -> None:
    assert Controls(style_scale=0.003).working_size(width=640, height=360) == (720, 1280)
    rows, columns = Controls(style_scale=0.003).working_size(width=30_000, height=2_500)
    assert rows * columns <= 7680 * 4320 * 1.01
    assert Controls(style_scale=0.2).working_size(width=1, height=4000) == (60, 1)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"strength": 1.01}, "'strength' cannot be 1.01: expected a number from 0 to 1"),
        ({"strength": math.nan}, "'strength' cannot be nan"),
        ({"share": -0.1}, "'share' cannot be -0.1: expected a number from 0 to 1"),
        ({"style_scale": 0.5}, r"'style_scale' cannot be 0.5: expected 0.003 to 0.2"),
        ({"style_scale": 0.001}, "'style_scale' cannot be 0.001"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(wrong: dict[str, Any], expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        Controls(**wrong)
