"""Run as a program in a subprocess whose DAGSTER_HOME names a compute log manager; prints one JSON object.

Its arguments are done one after the other, each by an instance of its own with a local folder of its own, as if in
pods of their own. ``style``: load a style by the project's own job. ``retry``: a job whose step fails at its first
attempt, every attempt in a process of its own. ``read``: what the UI would show of that run, as the webserver does.
``fetch``: what a browser gets by the first of its download links.
"""

import json
import os
import sys
import tempfile
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


Told = dict[str, Any]


def load_style(instance: dg.DagsterInstance, _: Told) -> Told:
    settings = load_settings()
    definitions = build_defs(settings, {"scratch": TalkingScratch(root=str(settings.scratch_dir))})
    instance.add_dynamic_partitions("styles", ["starry-night"])
    result = definitions.resolve_job_def("load_style_job").execute_in_process(
        instance=instance, partition_key="starry-night", raise_on_error=False
    )
    return {"run_id": result.run_id, "success": result.success}


def retry(instance: dg.DagsterInstance, _: Told) -> Told:
    with execute_job(dg.reconstructable(stumbling_job), instance=instance) as result:
        return {"run_id": result.run_id, "success": result.success}


def read(instance: dg.DagsterInstance, told: Told) -> Told:
    manager, run_id = instance.compute_log_manager, told["run_id"]
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


def fetch(_: dg.DagsterInstance, told: Told) -> Told:
    with urllib.request.urlopen(told["logs"][0]["link"]) as response:  # noqa: S310 - https
        return {"fetched": response.read().decode()}


def main() -> None:
    actions = {"style": load_style, "retry": retry, "read": read, "fetch": fetch}
    told: Told = {}
    for action in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TMPDIR"] = tempfile.tempdir = folder  # the manager of a child process looks for it, too
            with dg.DagsterInstance.get() as instance:
                told |= actions[action](instance, told)
        tempfile.tempdir = None
    _say(sys.stdout, json.dumps(told))


if __name__ == "__main__":
    main()
