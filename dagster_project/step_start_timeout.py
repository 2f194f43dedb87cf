"""Ends a step whose pod does not start: dagster-k8s, 0.29.27, waits for it for ever.

Its ``start_timeout_seconds`` of run monitoring is about the pods of runs only. Without a limit, a node selector that no
node has, an image that cannot be pulled or a quota that is used up would hold the run, and its place in the pool of
GPUs, until somebody looks.
"""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster._core.executor.step_delegating import (  # what dagster-k8s and its siblings build executors of
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)
from dagster_k8s.client import DagsterKubernetesClient
from dagster_k8s.executor import K8sStepHandler


def with_start_timeout(
    executor: dg.ExecutorDefinition, *, seconds: int, check_seconds: int = 20
) -> dg.ExecutorDefinition:
    """``k8s_job_executor``, with steps that fail, and are tried again, if their pod has not started in time.

    Args:
        executor: ``k8s_job_executor``, configured or not.
        seconds: from the moment when the Job is created; must leave time to make a node.
        check_seconds: how often the executor looks after its steps.
    """
    create_executor: Any = executor.executor_creation_fn
    schema: Any = executor.config_schema  # as it stands, with what is configured in it

    def create(context: dg.InitExecutorContext) -> StepDelegatingExecutor:
        made: StepDelegatingExecutor = create_executor(context)
        steps: Any = made._step_handler  # the only place where steps can be looked after
        made._step_handler = _StartTimeout(steps, seconds)
        made._check_step_health_interval_seconds = check_seconds
        return made

    return dg.ExecutorDefinition(
        name=executor.name,
        config_schema=schema,
        requirements=executor.get_requirements,
        executor_creation_fn=create,
    )


class _StartTimeout(StepHandler):
    """The step handler of dagster-k8s, and the clock of every Job that it creates."""

    def __init__(self, steps: K8sStepHandler, seconds: int) -> None:
        super().__init__()
        self._steps = steps
        self._seconds = seconds
        self._created: dict[str, float] = {}

    @property
    def name(self) -> str:
        return self._steps.name

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        self._created[self._steps._get_k8s_step_job_name(step_handler_context)] = time.monotonic()
        yield from self._steps.launch_step(step_handler_context)

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        health = self._steps.check_step_health(step_handler_context)
        job = self._steps._get_k8s_step_job_name(step_handler_context)
        waited_seconds = time.monotonic() - self._created.setdefault(job, time.monotonic())
        if not health.is_healthy or waited_seconds < self._seconds:
            return health
        pods = self._pods(job, step_handler_context)
        if any(pod.status.phase != "Pending" for pod in pods):
            return health
        list(self._steps.terminate_step(step_handler_context))
        return CheckStepHealthResult.unhealthy(
            f"the pod of Job {job} did not start within {self._seconds} s ({_reason(pods)}): check quota, nodes and"
            " image, or set STYLIZE_STEP_START_TIMEOUT_SECONDS"
        )

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        yield from self._steps.terminate_step(step_handler_context)

    def _pods(self, job: str, context: StepHandlerContext) -> list[Any]:
        namespace = self._steps._get_container_context(context).namespace
        return DagsterKubernetesClient.production_client().get_pods_in_job(job, namespace)


def _reason(pods: list[Any]) -> str:
    """What Kubernetes says about pods that have not started."""
    if not pods:
        return "the Job has no pod: kubectl describe job says why"
    waiting = [container.state.waiting for pod in pods for container in pod.status.container_statuses or []]
    unmet = [condition for pod in pods for condition in pod.status.conditions or [] if condition.status == "False"]
    said = [f"{one.reason}: {one.message}" for one in (*waiting, *unmet) if one is not None and one.message]
    return said[0] if said else "Kubernetes gives no reason"
