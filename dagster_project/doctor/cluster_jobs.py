"""Runs and Kubernetes Jobs that have lost each other.

Dagster's own monitoring takes a run whose Job was deleted for one of unknown health, and leaves it as it is.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg

from dagster_project.doctor.finding import Finding, NotExaminedError, Patient
from dagster_project.retirement import UNFINISHED
from resources.local_process import fail_dead_run

RUN_ID_LABEL = "dagster/run-id"
COMPONENT_LABEL = "app.kubernetes.io/component"
LAUNCHED_TAG = "dagster/image"  # the launcher notes the image of the run pod, just before it makes the Job

SETTLE_SECONDS = 60.0
"""What changed since may be on its way: a Job that is being made, a pod that is ending."""

EXECUTED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """An active Job of Dagster; ``component`` is ``run_worker`` or ``step_worker``."""

    name: str
    namespace: str
    run_id: str
    component: str

    @classmethod
    def of(cls, job: Any) -> "_Job":
        """What matters of the API's object."""
        labels = job.metadata.labels
        component = labels.get(COMPONENT_LABEL, "pod")
        name, namespace = job.metadata.name, job.metadata.namespace
        return cls(name=name, namespace=namespace, run_id=labels[RUN_ID_LABEL], component=component)


def find_lost_jobs(patient: Patient) -> Iterator[Finding]:
    """Unfinished runs without a Job that is active, and active Jobs of runs that have ended.

    Raises:
        NotExaminedError: runs are no Jobs here, or the cluster cannot be asked from here.
    """
    launcher = _cluster_launcher(patient.instance)
    from kubernetes.client import BatchV1Api  # the launcher has loaded the configuration by now
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    batch: Any = BatchV1Api()
    try:
        listed = batch.list_namespaced_job(launcher.job_namespace, label_selector=RUN_ID_LABEL).items
    except (ApiException, HTTPError) as error:
        reason = f"the cluster does not list the Jobs of namespace {launcher.job_namespace!r}: {error}"
        raise NotExaminedError(" ".join(reason.split())) from error
    active: dict[str, list[_Job]] = defaultdict(list)
    for job in listed:
        if job.status.active:
            active[job.metadata.labels[RUN_ID_LABEL]].append(_Job.of(job))
    yield from _runs_without_job(patient.instance, active)
    yield from _jobs_without_run(patient.instance, batch, active)


def _cluster_launcher(instance: dg.DagsterInstance) -> Any:
    """The run launcher, if it makes Jobs."""
    from dagster_k8s import K8sRunLauncher
    from kubernetes.config import ConfigException

    try:
        launcher = instance.run_launcher
    except ConfigException as error:
        raise NotExaminedError(f"the cluster cannot be reached from here: {error}") from error
    if not isinstance(launcher, K8sRunLauncher):
        raise NotExaminedError("runs of this instance are processes, not Kubernetes Jobs")
    return launcher


def _runs_without_job(instance: dg.DagsterInstance, active: dict[str, list[_Job]]) -> Iterator[Finding]:
    for record in instance.get_run_records(dg.RunsFilter(statuses=EXECUTED)):
        run = record.dagster_run
        workers = [job for job in active.get(run.run_id, []) if job.component == "run_worker"]
        settled = time.time() - record.update_timestamp.timestamp() > SETTLE_SECONDS
        if workers or not settled or LAUNCHED_TAG not in run.tags:
            continue
        yield Finding(
            ailment="stuck run",
            subject=f"run {run.run_id}",
            what=f"{run.job_name} is {run.status.value.lower()}, but no active Kubernetes Job executes it",
            why="automation waits for its end: nothing after it starts",
            remedy="report it as failed; finished chunks are kept, and Dagster starts it again",
            fix=partial(fail_dead_run, instance, run),
        )


def _jobs_without_run(instance: dg.DagsterInstance, batch: Any, active: dict[str, list[_Job]]) -> Iterator[Finding]:
    for run_id, jobs in active.items():
        records = instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))
        if records and (
            records[0].dagster_run.status in UNFINISHED or time.time() - (records[0].end_time or 0) < SETTLE_SECONDS
        ):
            continue
        for job in jobs:
            yield Finding(
                ailment="job without run",
                subject=f"Job {job.namespace}/{job.name}",
                what=f"a {job.component} is active for run {run_id}, which has ended or is no longer on record",
                why="its pod holds a machine, perhaps with a GPU, that is paid for; what it makes nobody waits for",
                remedy="delete the Job and its pod; published chunks are kept",
                fix=partial(_delete_job, batch, job),
            )


def _delete_job(batch: Any, job: _Job) -> None:
    batch.delete_namespaced_job(job.name, job.namespace, propagation_policy="Background")
