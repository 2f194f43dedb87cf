"""Runs that stay unfinished for ever because the process that executed them is gone."""

from collections.abc import Iterator
from functools import partial

import dagster as dg

from dagster_project.doctor.finding import Finding, Patient
from dagster_project.partitions import clips_of_run
from resources.local_process import PROCESS_ID_TAG, fail_dead_run, find_dead_runs


def find_stuck_runs(patient: Patient) -> Iterator[Finding]:
    """Unfinished runs of this machine without a living process."""
    for run in find_dead_runs(patient.instance):
        yield Finding(
            ailment="stuck run",
            subject=f"run {run.run_id}",
            what=f"{_name(run)} is {run.status.value.lower()}, but {_process(run)} is gone",
            why="automation waits for its end: nothing after it starts",
            remedy="report it as failed; finished chunks are kept, and Dagster or the same command does the rest",
            fix=partial(fail_dead_run, patient.instance, run),
        )


def _name(run: dg.DagsterRun) -> str:
    clips = " and ".join(sorted(clips_of_run(run.tags)))
    return f"{run.job_name} of {clips}" if clips else run.job_name


def _process(run: dg.DagsterRun) -> str:
    process_id = run.tags.get(PROCESS_ID_TAG)
    return f"process {process_id}" if process_id else "the process that was to execute it"
