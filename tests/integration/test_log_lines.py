"""What the chart's values make of a run's log: JSON lines that name clip and segment."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from assets.failures import failures_explained
from dagster_project.cli.home import INSTANCE_SETTINGS, open_instance
from dagster_project.settings import Settings
from k8s import chart
from k8s.documents import values
from stylize.errors import IntegrityError
from tests.conftest import Stylize

Clip = Callable[[str], Path]
PYTHON_LOGS = {"python_logs": chart.instance_config(values())["python_logs"]}


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_all_that_the_runs_of_a_clip_print_on_standard_output_is_json_and_says_where_it_belongs(
    clip: Clip, stylize: Stylize, home: Path
) -> None:
    (home / "dagster").mkdir(parents=True)
    (home / "dagster" / "dagster.yaml").write_text(INSTANCE_SETTINGS + yaml.safe_dump(PYTHON_LOGS))
    result = stylize("video", clip("one_frame"), "--home", home, "--json")
    assert result.returncode == 0, result.stderr
    *lines, report = _lines(result.stdout)
    assert report["clip"] == "one-frame-" + report["clip"].rpartition("-")[2]
    with open_instance(Settings(home=home)) as instance:
        assert {line["run_id"] for line in lines} == {run.run_id for run in instance.get_runs()}
    for line in lines:
        assert (datetime.now(UTC) - datetime.fromisoformat(line["time"])).total_seconds() < 600
        assert line["level"] in ("DEBUG", "INFO", "WARNING")
    painted = [line for line in lines if line.get("step") == "styled_frames"]
    assert {(line["clip"], line["segment"]) for line in painted} == {(report["clip"], "000")}
    assert "STEP_SUCCESS" in {line.get("event") for line in painted}
    delivered = [line for line in lines if line.get("step") == "final_video"]
    assert {line["clip"] for line in delivered} == {report["clip"]}
    assert {line["style"] for line in lines if line.get("step") == "style_model"} == {"starry-night"}


@dg.op
def styled_frames() -> None:
    dg.get_dagster_logger().warning("halfway\nthrough")
    with failures_explained():
        raise IntegrityError("the stored object is damaged")


@dg.job
def damaged_job() -> None:
    styled_frames()


def test_a_message_of_several_lines_is_one_line_and_a_failure_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=PYTHON_LOGS) as instance:
        tags = {"dagster/partition": "holiday|007"}
        result = damaged_job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        assert not result.success
    lines = _lines(capsys.readouterr().out)
    (halfway,) = [line for line in lines if line["message"] == "halfway\nthrough"]
    assert halfway == {
        "time": halfway["time"],
        "level": "WARNING",
        "logger": "dagster.builtin",
        "message": "halfway\nthrough",
        "run_id": result.run_id,
        "job": "damaged_job",
        "step": "styled_frames",
        "partition": "holiday|007",
        "clip": "holiday",
        "segment": "007",
    }
    (failure,) = [line for line in lines if line.get("event") == "STEP_FAILURE"]
    assert (failure["level"], failure["segment"]) == ("ERROR", "007")
    assert "the stored object is damaged" in failure["error"]
