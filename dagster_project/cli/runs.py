"""Run the jobs of the loaded definitions in this process, on the local instance."""

from collections.abc import Mapping
from typing import NoReturn

import dagster as dg
from dagster_shared.error import SerializableErrorInfo  # what a step failure event carries

from assets.failures import ERROR_KIND_KEY, RUN_RETRIES_TAG
from dagster_project.cli.interrupts import Interrupts
from resources.local_process import process_tags
from stylize import errors
from stylize.errors import StepFailedError

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
# A run that this process executes is finished by running the command again, not by the daemon's retries.
NO_DAEMON_RETRIES = {RUN_RETRIES_TAG: "0"}


class LocalRuns:
    """Starts runs one after the other and turns their failures back into the errors they were."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance, interrupts: Interrupts) -> None:
        """Run jobs of ``definitions``, recorded on ``instance``, until one of ``interrupts`` comes."""
        self._definitions = definitions
        self._instance = instance
        self._interrupts = interrupts

    def run(
        self,
        job_name: str,
        *,
        partition_key: str | None = None,
        partition_range: tuple[str, str] | None = None,
        config: Mapping[str, Mapping[str, object]] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Execute one job for a partition, or for an inclusive range of partitions.

        Args:
            job_name: one of ``dagster_project.jobs``.
            partition_key: the partition.
            partition_range: first and last partition of a single run.
            config: run config per asset name.

        Raises:
            StylizeError: a step failed; the same class and message as in the step where it was ours.
            KeyboardInterrupt: the run was interrupted; if a step was executing, it is recorded as failed.
        """
        tags = {**process_tags(), **NO_DAEMON_RETRIES}
        if partition_range is not None:
            first, last = partition_range
            tags |= {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        ops = {asset: {"config": values} for asset, values in (config or {}).items()}
        result = self._definitions.resolve_job_def(job_name).execute_in_process(
            instance=self._instance,
            partition_key=partition_key,
            run_config={**QUIET, "ops": ops},
            tags=tags,
            raise_on_error=False,
        )
        self._interrupts.check()
        if not result.success:
            _raise_failure(result)
        return result


def _raise_failure(result: dg.ExecuteInProcessResult) -> NoReturn:
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    for failure in failures:
        explained = failure.user_failure_data
        if explained is not None and ERROR_KIND_KEY in explained.metadata:
            kind = getattr(errors, str(explained.metadata[ERROR_KIND_KEY].value))
            raise kind(explained.description)
    causes = [_root_cause(failure.error) for failure in failures if failure.error is not None]
    if any(cause.cls_name == dg.DagsterExecutionInterruptedError.__name__ for cause in causes):
        raise KeyboardInterrupt
    reason = causes[0].message.strip().splitlines()[0] if causes else "no reason given"
    raise StepFailedError(f"run {result.run_id} failed: {reason}; its log in the UI (`stylize ui`) says more")


def _root_cause(error: SerializableErrorInfo) -> SerializableErrorInfo:
    while error.cause is not None:
        error = error.cause
    return error
