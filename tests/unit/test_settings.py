from pathlib import Path

import pytest

from dagster_project.errors import SettingsError
from dagster_project.settings import Settings, load_settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load_settings({}) == Settings().at(None)


def test_variables_are_read_with_their_types() -> None:
    settings = load_settings({"STYLIZE_HOME": "/data/h", "STYLIZE_DEVICE": "cuda", "STYLIZE_MAX_FRAMES": "10"})
    assert (settings.home, settings.device, settings.max_frames) == (Path("/data/h"), "cuda", 10)


@pytest.mark.parametrize(
    ("name", "value"), [("STYLIZE_DEVICE", "gpu"), ("STYLIZE_MAX_PIXELS", "0"), ("STYLIZE_MAX_FRAMES", "x")]
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}='{value}': expected"):
        load_settings({name: value})
