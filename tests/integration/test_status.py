"""``stylize status`` says of every clip what it is doing, what went wrong and what comes next."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_project.cli.deployment import open_deployment
from dagster_project.cli.status_command import show_status
from dagster_project.definitions import build_defs
from dagster_project.partitions import cell_key
from dagster_project.settings import Settings
from resources.local_process import process_tags
from stylize.errors import SettingsError
from stylize.records.content import write_plan
from stylize.records.progress_reports import ProgressReport
from stylize.records.records import ClipSettings, Registration, SegmentRecord, SourceRecord
from stylize.records.uploads import UploadLedger, UploadVersion, find_uploads
from stylize.store.keys import (
    ContentKeys,
    progress_key,
    quote_key,
    registration_key,
    settings_key,
    source_record_key,
)
from stylize.store.media_store import MediaStore
from stylize.video.source.plan import Segment, plan_segments
from tests.conftest import Stylize
from tests.quotes import dear_quote

LOOK = ClipSettings(style="great-wave", model_key="m", model_sha256="0", device="cpu", precision="fp32")


def _empty_record(segment: Segment) -> SegmentRecord:
    return SegmentRecord(segment=segment.index, start=segment.start, stop=segment.stop, chunks=())


@dataclass(frozen=True)
class Deployment:
    settings: Settings
    instance: dg.DagsterInstance
    store: MediaStore
    capture: pytest.CaptureFixture[str]

    def register(self, clip: str) -> None:
        self.store.put(f"landing/{clip}.mp4", clip.encode())
        Registration(landing_key=f"landing/{clip}.mp4").write(self.store, registration_key(clip))
        self.instance.add_dynamic_partitions("clips", [clip])

    def read(self, clip: str, *, num_segments: int, num_styled: int = 0) -> None:
        """What the steps leave behind of a clip with segments of one chunk."""
        self.register(clip)
        info = self.store.require(f"landing/{clip}.mp4")
        keys, plan = ContentKeys(clip, "f" * 64), plan_segments(24 * num_segments, frames_per_segment=24)
        source = SourceRecord(landing_key=info.key, etag=info.etag, size_bytes=info.size_bytes, sha256=keys.sha256)
        source.write(self.store, source_record_key(clip))
        write_plan(self.store, keys, plan)
        LOOK.write(self.store, settings_key(clip))
        for segment in plan.segments:
            _empty_record(segment).write(self.store, keys.frames_segment(segment.index))
        for segment in plan.segments[:num_styled]:
            record = SegmentRecord(
                segment=segment.index, start=segment.start, stop=segment.stop, chunks=(), settings=LOOK
            )
            record.write(self.store, keys.styled_segment(segment.index))

    def run(self, job: str, partition: str) -> str:
        """A run that this process executes now."""
        definition = build_defs(self.settings).resolve_job_def(job)
        tags = {**process_tags(), "dagster/partition": partition}
        return self.instance.create_run_for_job(definition, status=dg.DagsterRunStatus.STARTED, tags=tags).run_id

    def show(self, clip: str | None = None) -> str:
        self.capture.readouterr()
        show_status(self.settings, clip, as_json=False)
        return self.capture.readouterr().out

    def facts(self, clip: str) -> dict[str, Any]:
        self.capture.readouterr()
        show_status(self.settings, clip, as_json=True)
        (status,) = json.loads(self.capture.readouterr().out)
        return status


@pytest.fixture
def deployment(home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Deployment]:
    settings = Settings(home=home)
    with open_deployment(settings) as opened:
        yield Deployment(settings, opened.instance, opened.store, capsys)


def test_an_empty_deployment_says_how_to_begin(deployment: Deployment) -> None:
    assert deployment.show() == "no clips: drop a video into landing/, or run stylize video FILE\n"


def test_all_clips_stand_in_one_table_of_80_columns_without_colour(deployment: Deployment, stylize: Stylize) -> None:
    long = "a-clip-whose-name-is-much-too-long-for-any-table-of-80-columns"
    deployment.register(long)
    deployment.store.put("landing/new.mp4", b"video")
    deployment.read("half", num_segments=10, num_styled=3)
    result = stylize("status", "--home", deployment.settings.home, env={**os.environ, "COLUMNS": "80"})
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout
    *table, warning = result.stdout.splitlines()
    assert max(map(len, table)) <= 80
    rows = {cells[0]: cells[1:] for line in table if len(cells := line.split()) > 2}
    assert rows["half"][:3] == ["to", "style", "3/10"]
    assert rows["new"][0] == "uploaded"
    assert long in "".join(line.split()[0] for line in table if line.split()), "a long name is folded, not cut"
    assert warning == "no Dagster daemon gives a sign of life: nothing goes on until one runs (stylize ui)"


def test_a_running_segment_shows_how_far_it_is_and_what_an_ended_run_left_behind_is_not_shown(
    deployment: Deployment,
) -> None:
    deployment.read("film", num_segments=4, num_styled=1)
    run = deployment.run("style_segment_job", cell_key("film", 1))
    for segment, run_id in ((1, run), (2, "an-ended-run")):
        report = ProgressReport(
            stage="style",
            done=6,
            total=24,
            unit="frames",
            frames_per_second=11.84,
            seconds_left=1.52,
            updated_utc="2026-11-21T18:00:00+00:00",
            run_id=run_id,
        )
        report.write(deployment.store, progress_key("film", "style", segment))
    shown = "style: 6 of 24 frames, 11.8/s, 2 s left"
    assert shown in deployment.show()
    detail = deployment.show("film.mp4").splitlines()
    assert detail[0] == "film: styling"
    assert "  segments   4, 4 split, 1 styled" in detail
    assert [line for line in detail if "now" in line] == [f"  now        {shown}"]
    assert f"  run        {run}" in detail


def test_a_failure_is_told_with_its_message_its_run_and_its_retries(deployment: Deployment) -> None:
    deployment.read("film", num_segments=2)
    failed = (
        build_defs(deployment.settings)
        .resolve_job_def("style_segment_job")
        .execute_in_process(instance=deployment.instance, partition_key=cell_key("film", 1), raise_on_error=False)
    )
    assert not failed.success
    facts = deployment.facts("film")
    (failure,) = facts["failures"]
    assert (facts["state"], failure["asset"], failure["partitions"]) == ("failed", "styled_frames", ["film|001"])
    assert (failure["run_id"], "manifest.json" in failure["reason"]) == (failed.run_id, True)
    shown = deployment.show()
    assert f"film: styled_frames film|001 failed: {failure['reason']} (run {failed.run_id})\n" in shown
    assert "mend the cause, then materialize" in shown
    deployment.instance.report_runless_asset_event(dg.AssetMaterialization("styled_frames", partition="film|001"))
    assert deployment.facts("film")["failures"] == []


def test_a_rejected_upload_is_shown_with_its_reason(deployment: Deployment) -> None:
    deployment.register("film")
    (upload,) = find_uploads(deployment.store.list("landing/"))
    UploadLedger(deployment.store).write(UploadVersion.of(upload, "rejected", reason="it is no video"))
    assert (deployment.facts("film")["state"], deployment.facts("film")["reason"]) == ("rejected", "it is no video")
    assert "film: rejected: it is no video\n" in deployment.show()


def test_a_held_clip_says_what_it_costs_and_how_to_approve_it(deployment: Deployment) -> None:
    deployment.read("film", num_segments=2)
    dear_quote().write(deployment.store, quote_key("film"))
    assert deployment.facts("film")["state"] == "held"
    shown = deployment.show()
    assert "4.20 EUR quoted, waits for" in shown
    assert "clip 'film' is held: styling it is expected to cost 4.20 EUR, and the budget of a clip is 2.00 EUR" in shown


def test_a_clip_whose_process_was_killed_is_stuck_and_points_to_the_doctor(deployment: Deployment) -> None:
    deployment.read("film", num_segments=2)
    run = deployment.run("style_segment_job", cell_key("film", 0))
    assert deployment.facts("film")["state"] == "styling"
    deployment.instance.add_run_tags(run, {"stylize/process_start": "1.00"})
    assert deployment.facts("film")["state"] == "stuck"
    assert "stylize doctor --fix" in deployment.show("film")


def test_an_unknown_clip_is_refused(deployment: Deployment) -> None:
    with pytest.raises(SettingsError, match="unknown clip 'flim'"):
        deployment.show("flim")
