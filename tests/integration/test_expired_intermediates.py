"""What the storage account's lifecycle rule removed is made again when it is needed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from assets.clip_wishes import ClipSettingsConfig
from dagster_project.cli.home import open_instance
from dagster_project.cli.video_command import restyle_file
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from stylize.names import clip_key
from stylize.records.records import digest_of_file
from tests.conftest import Restyle
from tests.delivered_homes import copy_home

Clip = Callable[[str], Path]
NAME = clip_key("constant_rate.mp4")


def _expire(home: Path, pattern: str = "*/*") -> None:
    """Remove what matches below ``work/``: all of it, as the rule does in the end, or some, as it does at first."""
    found = list((home / "store" / "work").glob(pattern))
    assert found
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _run(home: Path, job: str, partition: str) -> dg.ExecuteInProcessResult:
    """As automation does: the job alone, whatever else may be missing."""
    definition = build_defs(Settings(home=home)).resolve_job_def(job)
    with open_instance(Settings(home=home)) as instance:
        return definition.execute_in_process(instance=instance, partition_key=partition, raise_on_error=False)


@pytest.fixture(scope="module")
def restyled_sha256(
    clip: Clip, delivered_home: Path, other_style: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """What the clip becomes in another style where nothing expired."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    copy_home(delivered_home, home, NAME)
    settings, source = Settings(home=home), clip("constant_rate")
    report = restyle_file(
        source,
        settings=settings,
        wishes=ClipSettingsConfig(style=str(other_style)),
        output=None,
        frames_per_segment=None,
    )
    return digest_of_file(Path(report.output))


@pytest.mark.parametrize("pattern", ["*/*", "*/*/original", "*/*/frames/*/*.mkv", "*/*/styled/*/00000.mkv"])
def test_a_clip_is_restyled_though_its_intermediates_expired(
    pattern: str, clip: Clip, delivered: Path, restyle: Restyle, other_style: Path, restyled_sha256: str
) -> None:
    _expire(delivered, pattern)
    report = restyle(clip("constant_rate"), "--style", other_style, at=delivered)
    assert digest_of_file(Path(report["output"])) == restyled_sha256


def test_every_step_recovers_by_itself_from_the_upload(delivered: Path) -> None:
    (video,) = (delivered / "store").glob("delivery/*/*/*.mp4")
    sha256 = digest_of_file(video)
    _expire(delivered)
    shutil.rmtree(delivered / "store" / "delivery")
    for cell in (f"{NAME}|000", f"{NAME}|001"):
        assert _run(delivered, "style_segment_job", cell).success
    _expire(delivered, "*/*/original")
    assert _run(delivered, "read_audio_job", NAME).success
    _expire(delivered, "*/*/original")
    assert _run(delivered, "deliver_clip_job", NAME).success
    assert digest_of_file(video) == sha256


def test_without_the_upload_it_says_what_to_do(delivered: Path) -> None:
    _expire(delivered)
    landing = delivered / "store" / "landing" / "constant_rate.mp4"
    for spoil in (lambda: landing.write_bytes(b"another"), landing.unlink):
        spoil()
        result = _run(delivered, "style_segment_job", f"{NAME}|000")
        (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
        assert failure.user_failure_data.description.endswith(
            "'landing/constant_rate.mp4' no longer holds the same content; upload the video again"
        )
