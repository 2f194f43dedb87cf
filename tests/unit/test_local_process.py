import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import psutil
import pytest

from resources import local_process
from resources.local_process import (
    HOST_TAG,
    PROCESS_ID_TAG,
    PROCESS_START_TAG,
    fail_dead_runs,
    process_is_alive,
    process_tags,
)


def _start_run(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    run = instance.create_run_for_job(dg.GraphDefinition(name="nothing").to_job(), tags=tags)
    instance.handle_new_event(_started(run.run_id))
    return run.run_id


def _started(run_id: str) -> dg.EventLogEntry:
    from dagster._core.events import DagsterEvent, DagsterEventType

    event = DagsterEvent(event_type_value=DagsterEventType.RUN_START.value, job_name="nothing")
    return dg.EventLogEntry(
        error_info=None,
        level=20,
        user_message="",
        run_id=run_id,
        timestamp=time.time(),
        job_name="nothing",
        dagster_event=event,
    )


def _tags_of_a_dead_process() -> dict[str, str]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        start = psutil.Process(process.pid).create_time()
        process.kill()
    return process_tags() | {PROCESS_ID_TAG: str(process.pid), PROCESS_START_TAG: f"{start:.2f}"}


def test_this_process_is_alive_and_another_one_with_its_id_is_not() -> None:
    tags = process_tags()
    process_id, start = int(tags[PROCESS_ID_TAG]), float(tags[PROCESS_START_TAG])
    assert process_is_alive(process_id, start)
    assert not process_is_alive(process_id, start - 3600)


def test_unfinished_runs_of_dead_processes_are_reported_as_failed_and_others_are_left_alone() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        dead = _start_run(instance, _tags_of_a_dead_process())
        alive = _start_run(instance, process_tags())
        elsewhere = _start_run(instance, _tags_of_a_dead_process() | {HOST_TAG: "another-machine"})
        unmarked = _start_run(instance, {})
        assert fail_dead_runs(instance) == [dead]
        assert instance.get_run_by_id(dead).status == dg.DagsterRunStatus.FAILURE
        for run_id in (alive, elsewhere, unmarked):
            assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.STARTED
        assert fail_dead_runs(instance) == []


def test_a_run_that_was_killed_before_it_could_tell_its_process_is_reported_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        launched_here = _start_run(instance, {local_process.LOCAL_LAUNCHER_TAG: "{}"})
        _start_run(instance, {})
        assert fail_dead_runs(instance) == []
        monkeypatch.setattr(local_process, "UNMARKED_SECONDS", -60.0)
        assert fail_dead_runs(instance) == [launched_here]


def test_a_run_whose_code_server_was_killed_too_is_reported_sooner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "code-server"
    tag = {local_process.LOCAL_LAUNCHER_TAG: json.dumps({"host": "localhost", "socket": str(path)})}
    monkeypatch.setattr(local_process, "ORPHANED_SECONDS", -60.0)
    with dg.DagsterInstance.ephemeral() as instance:
        with socket.socket(socket.AF_UNIX) as code_server:
            code_server.bind(str(path))
            code_server.listen()
            run_id = _start_run(instance, tag)
            assert fail_dead_runs(instance) == []
        assert fail_dead_runs(instance) == [run_id]
