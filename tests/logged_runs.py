"""Run as a program in a subprocess whose DAGSTER_HOME names a compute log manager; prints one JSON object.

``style``: load a style by the project's own job. ``retry``: a job whose step fails at its first attempt, every attempt
in a process of its own. ``read RUN``: what the UI would show of a run, as the webserver does, from elsewhere.
``fetch URL``: what a browser gets by a download link.
"""

import json
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import dagster as dg
from dagster._core.execution.api import execute_job  # public as dg.execute_job only with reconstructable jobs

from dagster_project.definitions import build_defs
from dagster_project.settings import load_settings
from resources.deployment import ScratchResource


def _say(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


class TalkingScratch(ScratchResource):
    """A resource of the step that prints."""

    @contextmanager
    def folder(self) -> Iterator[Path]:
        _say(sys.stdout, "said on standard output")
        _say(sys.stderr, "said on standard error")
        with super().folder() as folder:
            yield folder


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def stumble(context: dg.OpExecutionContext) -> None:
    _say(sys.stdout, f"attempt {context.retry_number}")
    if context.retry_number == 0:
        raise dg.RetryRequested


@dg.job
def stumbling_job() -> None:
    stumble()


def load_style(instance: dg.DagsterInstance) -> dict[str, Any]:
    settings = load_settings()
    definitions = build_defs(settings, {"scratch": TalkingScratch(root=str(settings.scratch_dir))})
    instance.add_dynamic_partitions("styles", ["starry-night"])
    result = definitions.resolve_job_def("load_style_job").execute_in_process(
        instance=instance, partition_key="starry-night", raise_on_error=False
    )
    return {"run_id": result.run_id, "success": result.success}


def retry(instance: dg.DagsterInstance) -> dict[str, Any]:
    with execute_job(dg.reconstructable(stumbling_job), instance=instance) as result:
        return {"run_id": result.run_id, "success": result.success}


def read(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    manager = instance.compute_log_manager
    keys = [
        entry.get_dagster_event().logs_captured_data.file_key
        for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED)
    ]
    logs = []
    for key in keys:
        log_key = manager.build_log_key_for_run(run_id, key)
        data, metadata = manager.get_log_data(log_key), manager.get_log_metadata(log_key)
        logs.append(
            {
                "out": (data.stdout or b"").decode(),
                "err": (data.stderr or b"").decode(),
                "location": metadata.stdout_location,
                "link": metadata.stdout_download_url,
            }
        )
    problems = [
        entry.message
        for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        if entry.get_dagster_event().engine_event_data.error is not None
    ]
    return {"logs": logs, "problems": problems}


def fetch(_: dg.DagsterInstance, link: str) -> dict[str, Any]:
    with urllib.request.urlopen(link) as response:  # noqa: S310 - https
        return {"text": response.read().decode()}


if __name__ == "__main__":
    actions = {"style": load_style, "retry": retry, "read": read, "fetch": fetch}
    with dg.DagsterInstance.get() as opened:
        _say(sys.stdout, json.dumps(actions[sys.argv[1]](opened, *sys.argv[2:])))
