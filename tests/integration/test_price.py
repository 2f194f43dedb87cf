"""A clip has a price before it is styled; a dear one waits for approval; afterwards the real cost stands beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_project.approval import approve
from dagster_project.cli.approve_command import approve_clip
from dagster_project.cli.clip_status import StatusReader
from dagster_project.cli.deployment import open_deployment
from dagster_project.definitions import build_defs
from dagster_project.partitions import cell_key
from dagster_project.settings import Settings
from sensors.upload_states import VersionWatch
from stylize.errors import ApprovalError
from stylize.records.quote import SECONDS_PER_MEGAPIXEL, Quote
from stylize.records.records import Registration
from stylize.records.uploads import Upload, UploadVersion
from stylize.store.keys import quote_key, registration_key
from stylize.store.media_store import MediaStore
from tests.quotes import dear_quote

Clip = Callable[[str], Path]
NAME = "film"
FIRST = cell_key(NAME, 0)


@dataclass(frozen=True)
class Priced:
    """A deployment in which a second of a CPU costs 1 EUR."""

    settings: Settings
    instance: dg.DagsterInstance
    store: MediaStore

    def upload(self, name: str, source: Path) -> None:
        self.store.put(f"landing/{name}.mp4", source)
        Registration(landing_key=f"landing/{name}.mp4").write(self.store, registration_key(name))
        self.instance.add_dynamic_partitions("clips", [name])
        assert self.run("receive_upload_job", name).success

    def run(self, job: str, partition: str) -> dg.ExecuteInProcessResult:
        return (
            build_defs(self.settings)
            .resolve_job_def(job)
            .execute_in_process(instance=self.instance, partition_key=partition, raise_on_error=False)
        )

    def metadata(self, asset: str, partition: str) -> dict[str, Any]:
        wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}

    def state(self) -> str:
        with open_deployment(self.settings) as deployment:
            return StatusReader(deployment).read(NAME).state


@pytest.fixture
def priced(home: Path) -> Iterator[Priced]:
    settings = Settings(home=home, price_cpu_hour=3600.0, currency="EUR", budget_per_clip=0.01, device="cpu")
    with open_deployment(settings) as deployment:
        yield Priced(settings, deployment.instance, deployment.store)


@pytest.fixture
def held(priced: Priced, clip: Clip) -> Priced:
    """With one clip that is quoted above the budget."""
    priced.upload(NAME, clip("constant_rate"))
    return priced


class Automation:
    """What automation asks for, look by look."""

    def __init__(self, priced: Priced) -> None:
        self._priced, self._cursor = priced, None

    def requested_cells(self) -> set[str]:
        result = dg.evaluate_automation_conditions(
            build_defs(self._priced.settings), self._priced.instance, cursor=self._cursor
        )
        self._cursor = result.cursor
        return {str(cell) for cell in result.get_requested_partitions(dg.AssetKey("styled_frames"))}


def test_it_is_quoted_held_approved_by_a_command_styled_and_billed(held: Priced, clip: Clip) -> None:
    told = held.metadata("source_video", NAME)
    # 40 frames of 96x64, which are painted at twice the size, in standard quality, at the presumed speed.
    assert told["quoted_cost"] == pytest.approx(40 * 4 * 96 * 64 / 1e6 * 0.9 * SECONDS_PER_MEGAPIXEL["cpu"], abs=0.01)
    assert (told["budget"], told["currency"]) == (0.01, "EUR")
    assert told["quote_basis"].startswith("nothing measured yet")
    automation = Automation(held)
    automation.requested_cells()
    assert held.run("split_frames_job", FIRST).success
    assert held.state() == "held"
    assert automation.requested_cells() == set()
    approved, what_next = approve_clip(held.settings, f"{NAME}.mp4")
    assert approved.startswith(f"approved film: {told['quoted_cost']:.2f} EUR for 0.0 minutes on cpu")
    assert what_next.startswith("automation starts its segments at its next look")
    assert automation.requested_cells() == {FIRST}
    assert held.state() == "to style"
    for job, partition in (("read_audio_job", NAME), ("style_segment_job", FIRST), ("deliver_clip_job", NAME)):
        assert held.run(job, partition).success, job
    styled, bill = held.metadata("styled_frames", FIRST), held.metadata("final_video", NAME)
    assert bill["styling_cost"] == pytest.approx(styled["seconds"], abs=1e-3)
    assert bill["quoted_cost"] == told["quoted_cost"]
    held.upload("next", clip("constant_rate"))
    quoted = held.metadata("source_video", "next")
    assert quoted["quote_basis"] == f"measured on 1 segments with {styled['engine']}, pictures of a similar size"
    assert quoted["quoted_cost"] == pytest.approx(styled["seconds"], abs=0.1)


def test_whoever_styles_a_held_clip_by_hand_is_told_what_to_do_and_nothing_is_tried_again(held: Priced) -> None:
    assert held.run("split_frames_job", FIRST).success
    failed = held.run("style_segment_job", FIRST)
    (failure,) = [event.step_failure_data for event in failed.all_events if event.is_step_failure]
    assert "approve it by `stylize approve film`, or approve_clip_job" in failure.user_failure_data.description
    assert not [event for event in failed.all_events if event.is_step_up_for_retry]
    assert approve(held.store, NAME).cost > held.settings.budget_per_clip
    assert held.run("style_segment_job", FIRST).success


def test_the_check_says_what_to_do_and_the_job_in_the_ui_approves(held: Priced) -> None:
    key = dg.AssetCheckKey(dg.AssetKey("source_video"), "within_budget")

    def latest() -> Any:
        (record,) = held.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        return record.event.dagster_event.asset_check_evaluation_data

    assert not latest().passed
    assert latest().partition == NAME
    assert "approve it by `stylize approve film`" in latest().description
    job = build_defs(held.settings).resolve_job_def("approve_clip_job")
    config = {"ops": {"approve_clip": {"config": {"clip": NAME}}}}
    assert job.execute_in_process(instance=held.instance, run_config=config).success
    assert latest().passed
    assert approve_clip(held.settings, NAME) == ["film is not held: there is nothing to approve"]
    assert latest().passed
    with pytest.raises(ApprovalError, match="unknown clip 'flim'"):
        approve_clip(held.settings, "flim")


def test_a_dearer_look_is_held_again_and_a_cheaper_one_is_not(held: Priced) -> None:
    def look(**wishes: object) -> None:
        config = {"ops": {"clip_settings": {"config": wishes}}}
        job = build_defs(held.settings).resolve_job_def("choose_look_job")
        assert job.execute_in_process(instance=held.instance, partition_key=NAME, run_config=config).success

    assert held.run("split_frames_job", FIRST).success
    automation = Automation(held)
    approve_clip(held.settings, NAME)
    assert automation.requested_cells() == {FIRST}
    look(quality="best")
    assert held.state() == "held"
    assert automation.requested_cells() == set()
    look(quality="fast")
    assert held.state() == "to style"
    assert automation.requested_cells() == {FIRST}
    assert held.run("style_segment_job", FIRST).success


def test_other_content_under_the_same_name_needs_an_approval_of_its_own(held: Priced, clip: Clip) -> None:
    approve(held.store, NAME)
    held.upload(NAME, clip("variable_rate"))
    assert Quote.read(held.store, quote_key(NAME)).over_budget
    assert held.state() == "held"


def test_a_held_clip_makes_way_for_another_version_and_an_approved_one_does_not(priced: Priced) -> None:
    dear_quote().write(priced.store, quote_key(NAME))
    Registration(landing_key=f"landing/{NAME}.mp4").write(priced.store, registration_key(NAME))
    priced.instance.add_dynamic_partitions("clips", [NAME])
    version = UploadVersion.of(Upload(key=f"landing/{NAME}.mp4", etag="1", size_bytes=1), "read")
    replaced = {version.landing_key: Upload(key=version.landing_key, etag="2", size_bytes=2)}
    watch = VersionWatch(store=priced.store, instance=priced.instance, present=replaced, now=datetime.now(UTC))
    step = watch.next_step(version)
    assert (step.version.state, step.version.reason) == (
        "superseded",
        "its cost was not approved, and then it was replaced",
    )
    approve(priced.store, NAME)
    assert watch.next_step(version).version.state == "read"
