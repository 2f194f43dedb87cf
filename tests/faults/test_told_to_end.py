"""A step's pod is told to end while Dagster's own code runs in it: before the step's code, and after it."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg

from dagster_project.cli.home import INSTANCE_SETTINGS, open_instance
from dagster_project.settings import PROJECT_ROOT, Settings

# Every record of the log passes by a handler that tells the process to end.
HANDLER = """
python_logs:
  dagster_handler_config:
    handlers:
      told_to_end: {class: tests.step_commands.ToldToEnd, level: DEBUG}
"""


def test_a_step_is_tried_again_whenever_its_pod_was_told_to_end(home: Path) -> None:
    (home / "dagster").mkdir(parents=True)
    (home / "dagster" / "dagster.yaml").write_text(INSTANCE_SETTINGS + HANDLER)
    environment = os.environ | {"DAGSTER_HOME": str(home / "dagster"), "STYLIZE_HOME": str(home)}
    command = [sys.executable, "-m", "tests.step_commands", "starry-night"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.count("told to end while no code of the step was running") == 2, done.stderr
    assert done.returncode == 0, done.stderr
    with open_instance(Settings(home=home)) as instance:
        (run,) = instance.get_runs()
        events = [e.dagster_event_type for e in instance.all_logs(run.run_id) if e.dagster_event_type]
    assert events.count(dg.DagsterEventType.STEP_UP_FOR_RETRY) == 2
    assert events.count(dg.DagsterEventType.STEP_FAILURE) == 0
