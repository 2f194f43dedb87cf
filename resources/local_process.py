"""Which process executes a run, and what becomes of runs whose process is gone.

Dagster's own run launcher on one machine has no health check: a run whose process was killed stays STARTED for ever,
and an automation condition that waits for "not in progress" never fires again. So every run carries the identity of its
process as tags, and whoever starts on the same machine reports the dead ones as failed.
"""

import json
import socket
import time

import dagster as dg
import psutil

HOST_TAG = "stylize/host"
PROCESS_ID_TAG = "stylize/process_id"
PROCESS_START_TAG = "stylize/process_start"

# What Dagster's DefaultRunLauncher notes; a run that it started marks itself within seconds.
LOCAL_LAUNCHER_TAG = ".dagster/grpc_info"
UNMARKED_SECONDS = 300.0
# The same where the code server that was to start the run is gone too.
ORPHANED_SECONDS = 45.0

# A start time is computed from the boot time, which moves when the clock is set.
START_TOLERANCE_SECONDS = 2.0


def process_tags() -> dict[str, str]:
    """Tags that name the current process: an id can be used again, an id with its start time cannot."""
    process = psutil.Process()
    return {
        HOST_TAG: socket.gethostname(),
        PROCESS_ID_TAG: str(process.pid),
        PROCESS_START_TAG: f"{process.create_time():.2f}",
    }


def process_is_alive(process_id: int, start_seconds: float) -> bool:
    """Whether the process with this id and start time (Unix time) still runs; another with its id does not count."""
    try:
        process = psutil.Process(process_id)
        same_process = abs(process.create_time() - start_seconds) < START_TOLERANCE_SECONDS
        return same_process and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def find_dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """The unfinished runs of this machine whose process is gone."""
    statuses = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
    unfinished = instance.get_run_records(dg.RunsFilter(statuses=statuses))
    return [record.dagster_run for record in unfinished if _is_dead(record)]


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report every unfinished run of this machine whose process is gone as failed; return their run ids."""
    dead = find_dead_runs(instance)
    for run in dead:
        fail_dead_run(instance, run)
    return [run.run_id for run in dead]


def fail_dead_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Report a run whose process is gone as failed."""
    instance.report_run_failed(
        run,
        "the process that executed this run is gone (killed, or the machine was restarted);"
        " finished chunks are kept and will be reused",
    )


def _is_dead(record: dg.RunRecord) -> bool:
    tags = record.dagster_run.tags
    if HOST_TAG not in tags:
        # Killed before its first step could tell its process. Only a launcher on this machine sets the other tag.
        if LOCAL_LAUNCHER_TAG not in tags:
            return False
        idle_seconds = time.time() - record.update_timestamp.timestamp()
        patience_seconds = UNMARKED_SECONDS if _answers(tags[LOCAL_LAUNCHER_TAG]) else ORPHANED_SECONDS
        return idle_seconds > patience_seconds
    if tags[HOST_TAG] != socket.gethostname():
        return False
    return not process_is_alive(int(tags[PROCESS_ID_TAG]), float(tags[PROCESS_START_TAG]))


def _answers(grpc_info: str) -> bool:
    """Whether a code server still listens on the socket that the launcher noted; True if it noted none."""
    path = json.loads(grpc_info).get("socket")
    if path is None:
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(path) == 0
