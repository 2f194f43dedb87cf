"""``stylize restyle`` gives a clip that the deployment has another look, and leaves the rest to automation."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.clip_wishes import ClipSettingsConfig
from dagster_project.cli.deployment import Deployment, open_deployment
from dagster_project.cli.restyle_command import restyle_clip
from dagster_project.settings import Settings
from stylize.errors import SettingsError, StyleError
from stylize.records.records import ClipSettings, Registration
from stylize.store.keys import registration_key, settings_key

NAME = "film"


@pytest.fixture
def deployment(home: Path) -> Iterator[Deployment]:
    with open_deployment(Settings(home=home)) as deployment:
        deployment.store.put(f"landing/{NAME}.mp4", b"video")
        Registration(landing_key=f"landing/{NAME}.mp4").write(deployment.store, registration_key(NAME))
        deployment.instance.add_dynamic_partitions("clips", [NAME])
        yield deployment


def _jobs(deployment: Deployment) -> list[str]:
    return sorted(run.job_name for run in deployment.instance.get_runs())


def test_the_look_is_materialized_once_and_what_is_not_given_stays(deployment: Deployment) -> None:
    wishes = ClipSettingsConfig(style="great-wave", strength=0.7)
    assert list(restyle_clip(deployment.settings, f"{NAME}.mp4", wishes)) == [
        "film: style great-wave, controls: strength 0.7",
        "no Dagster daemon gives a sign of life: it is styled as soon as one runs (stylize ui)",
    ]
    assert deployment.instance.get_materialized_partitions(dg.AssetKey("clip_settings")) == {NAME}
    assert _jobs(deployment) == ["choose_look_job", "load_style_job"]
    again = list(restyle_clip(deployment.settings, NAME, ClipSettingsConfig(style="great-wave")))
    assert again == ["film: style great-wave, controls: strength 0.7 (as before)"]
    assert len(_jobs(deployment)) == 2
    look = ClipSettings.read(deployment.store, settings_key(NAME))
    assert (look.style, look.strength) == ("great-wave", 0.7)


def test_what_there_is_not_is_refused_with_what_there_is_and_nothing_runs(deployment: Deployment) -> None:
    with pytest.raises(SettingsError, match="unknown clip 'flim'"):
        list(restyle_clip(deployment.settings, "flim", ClipSettingsConfig(style="great-wave")))
    with pytest.raises(StyleError, match=r"unknown style 'grate-wave': expected one of .*great-wave"):
        list(restyle_clip(deployment.settings, NAME, ClipSettingsConfig(style="grate-wave")))
    with pytest.raises(SettingsError, match="strength"):
        list(restyle_clip(deployment.settings, NAME, ClipSettingsConfig(strength=2.0)))
    assert _jobs(deployment) == []
