"""What Prometheus is told is what the event log says."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_project.cli.home import open_instance
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from tests.delivered_homes import copy_home, deliver
from tests.deployment import wait_until
from tests.exporter_process import Scraped, running_exporter

Clip = Callable[[str], Path]
NAME = "film"
PRICES = {"STYLIZE_PRICE_CPU_HOUR": "0.07", "STYLIZE_PRICE_GPU_HOUR": "0.2", "STYLIZE_CURRENCY": "EUR"}
LAST_READ = "stylize_exporter_last_read_timestamp_seconds"


@pytest.fixture(scope="module")
def delivered_home(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivered")
    source = folder / f"{NAME}.mp4"
    shutil.copy(clip("constant_rate"), source)
    deliver(source, folder / "home")
    return folder / "home"


@pytest.fixture
def home(delivered_home: Path, tmp_path: Path) -> Path:
    copy_home(delivered_home, tmp_path / "home", NAME)
    return tmp_path / "home"


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(Settings(home=home)) as opened:
        yield opened


def _told(instance: dg.DagsterInstance, asset: str, key: str) -> list[Any]:
    """One value of the metadata of every materialization of an asset."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
    metadata = [record.asset_materialization.metadata for record in records if record.asset_materialization]
    return [found[key].value for found in metadata if key in found]


def _seconds_by_dagster(instance: dg.DagsterInstance) -> float:
    """How long all steps ran, as the UI shows it."""
    stats = [step for run in instance.get_runs() for step in instance.get_run_step_stats(run.run_id)]
    return sum(step.end_time - step.start_time for step in stats)


@pytest.fixture(scope="module")
def scraped(delivered_home: Path) -> Scraped:
    with running_exporter(delivered_home, **PRICES) as exporter:
        return exporter.scrape()


def test_figures_are_those_of_the_materializations(scraped: Scraped, instance: dg.DagsterInstance) -> None:
    assert scraped.sum("stylize_frames_styled_total", style="starry-night", device="cpu") == 40
    assert scraped.sum("stylize_frames_styled_total") == sum(_told(instance, "styled_frames", "styled_frames"))
    speeds = _told(instance, "styled_frames", "frames_per_second")
    assert len(speeds) == 2
    assert scraped.sum("stylize_segment_frames_per_second_count") == len(speeds)
    assert scraped.sum("stylize_segment_frames_per_second_sum") == pytest.approx(sum(speeds))
    assert scraped.sum("stylize_deliveries_total", style="starry-night") == 1
    assert scraped.sum("stylize_delivered_video_seconds_total") == pytest.approx(
        sum(_told(instance, "final_video", "duration_seconds"))
    )


def test_times_are_those_of_dagster_and_cost_is_their_price(scraped: Scraped, instance: dg.DagsterInstance) -> None:
    seconds = _seconds_by_dagster(instance)
    assert scraped.sum("stylize_step_seconds_total", device="cpu", outcome="success") == pytest.approx(
        seconds, abs=0.01
    )
    assert scraped.sum("stylize_cost_total", currency="EUR") == pytest.approx(seconds * 0.07 / 3600, rel=0.01)
    assert scraped.sum("stylize_runs_total", status="success") == instance.get_runs_count()
    assert scraped.sum("stylize_step_attempts_total", asset="styled_frames", outcome="success") == 2


def test_no_label_holds_the_name_of_a_clip(scraped: Scraped) -> None:
    assert not [own for _, labels in scraped.samples for _, own in labels if NAME in own.split("|")]


def test_without_a_price_no_cost_is_claimed(home: Path) -> None:
    with running_exporter(home) as exporter:
        assert not [name for name, _ in exporter.scrape().samples if name.startswith("stylize_cost")]


def test_a_restarted_exporter_shows_the_same_numbers_and_what_happened_meanwhile(
    scraped: Scraped, home: Path, instance: dg.DagsterInstance
) -> None:
    with running_exporter(home, **PRICES) as exporter:
        again = exporter.scrape().samples
    assert {key: value for key, value in again.items() if key[0] != LAST_READ} == {
        key: value for key, value in scraped.samples.items() if key[0] != LAST_READ
    }
    assert _run(home, instance, "deliver_clip_job", NAME).success
    with running_exporter(home, **PRICES) as exporter:
        assert exporter.scrape().sum("stylize_deliveries_total") == 2


def _run(home: Path, instance: dg.DagsterInstance, job: str, partition: str) -> dg.ExecuteInProcessResult:
    definitions = build_defs(Settings(home=home))
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=partition, raise_on_error=False
    )


def test_a_failure_is_seen_by_its_kind_while_the_exporter_runs(home: Path, instance: dg.DagsterInstance) -> None:
    for chunk in (home / "store").glob("work/*/*/styled/*/*.mkv"):
        chunk.write_bytes(b"damaged" + chunk.read_bytes()[7:])
    for delivered in (home / "store" / "delivery").rglob("latest.json"):
        delivered.unlink()
    with running_exporter(home) as exporter:
        assert not _run(home, instance, "deliver_clip_job", NAME).success
        wait_until(lambda: "failure" in exporter.scrape().labels("stylize_runs_total", "status"), 60)
        shown = exporter.scrape()
    assert shown.sum("stylize_step_failures_total", asset="final_video", kind="IntegrityError") == 1
    assert shown.sum("stylize_step_attempts_total", asset="final_video", outcome="failure") == 1


def test_a_database_that_is_away_is_waited_for_and_the_figures_stay(home: Path, instance: dg.DagsterInstance) -> None:
    runs = home / "dagster" / "history" / "runs.db"
    with running_exporter(home) as exporter:
        before = exporter.scrape().sum("stylize_deliveries_total")
        runs.rename(home / "runs.db")
        wait_until(lambda: "the storage cannot be read" in exporter.log.read_text(), 60)
        assert exporter.scrape().sum("stylize_deliveries_total") == before
        (home / "runs.db").replace(runs)
        now = datetime.now(UTC).timestamp()
        wait_until(lambda: exporter.scrape().sum(LAST_READ) > now, 60)
