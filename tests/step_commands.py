"""Run as a program in a subprocess whose DAGSTER_HOME names an instance: loads a style, which its argument names.

Its step is executed as dagster-k8s has it executed, by the command and with the variable of a step's pod, in a process
that is looked after as such a pod is. As the parts of its log come to the step's first two attempts, :class:`ToldToEnd`
tells their process to end: once before the code of the step runs, and once after it.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.execution.api import execute_job  # public as dg.execute_job only with reconstructable jobs
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)

from dagster_project.definitions import build_defs
from dagster_project.settings import load_settings
from dagster_project.step_process import STEP_KEY


class ToldToEnd(logging.Handler):
    """A handler of Dagster's log."""

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        first = "STEP_START - " in said
        second = "ASSET_MATERIALIZATION - " in said and os.environ["ATTEMPT"] == "2"
        if STEP_KEY in os.environ and (first or second):
            os.kill(os.getpid(), signal.SIGTERM)


class Commands(StepHandler):
    """Every step in a process of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def name(self) -> str:
        return "commands"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        arguments = step_handler_context.execute_step_args
        (step_key,) = arguments.step_keys_to_execute or []
        variables = {item["name"]: item["value"] for item in arguments.get_command_env()}
        variables |= {STEP_KEY: step_key, "ATTEMPT": str(len(self._processes) + 1)}
        command = [sys.executable, "-m", *arguments.get_command_args(skip_serialized_namedtuple=True)]
        self._processes.append(subprocess.Popen(command, env=os.environ | variables))
        yield from ()

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        status = self._processes[-1].poll()
        if not status:
            return CheckStepHealthResult.healthy()
        return CheckStepHealthResult.unhealthy(f"it ended with {status}")

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        self._processes[-1].terminate()
        yield from ()


@dg.executor(name="commands", requirements=multiple_process_executor_requirements())
def commands(_: dg.InitExecutorContext) -> StepDelegatingExecutor:
    return StepDelegatingExecutor(
        Commands(), RetryMode.ENABLED, sleep_seconds=0.1, check_step_health_interval_seconds=1
    )


def load_style_by_commands() -> dg.JobDefinition:
    return build_defs(load_settings()).resolve_job_def("load_style_job").with_executor_def(commands)


if __name__ == "__main__":
    (style,) = sys.argv[1:]
    from tests import step_commands

    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("styles", [style])
        job = dg.reconstructable(step_commands.load_style_by_commands)
        with execute_job(job, instance=instance, tags={"dagster/partition": style}) as result:
            sys.exit(0 if result.success else 1)
