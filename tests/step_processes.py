"""A program whose DAGSTER_HOME names an instance: styles the cell that its argument names.

Every attempt runs in a process of its own, as it has a pod of its own in a cluster, so that it can be killed alone. The
run is in the hands of Dagster's multiprocess executor, which follows the same retry policy as that of a cluster.
"""

import sys

import dagster as dg
from dagster._core.execution.api import execute_job  # public as dg.execute_job only with reconstructable jobs

from dagster_project.definitions import build_defs
from dagster_project.partitions import PARTITION_TAG
from dagster_project.settings import load_settings
from tests.quick_sqlite import be_quick

# Loaded once, before the processes of the attempts are forked.
PRELOADED = [
    "tests.step_processes",
    "stylize.style.engines.engine",
    "stylize.video.chunks.encode",
    "stylize.video.measure.flicker",
    "stylize.video.chunks.lossless",
]


def style_segment_in_processes() -> dg.JobDefinition:
    job = build_defs(load_settings()).resolve_job_def("style_segment_job")
    return job.with_executor_def(dg.multiprocess_executor)


def main() -> None:
    be_quick()
    job = dg.reconstructable(style_segment_in_processes)
    executor = {"start_method": {"forkserver": {"preload_modules": PRELOADED}}}
    with (
        dg.DagsterInstance.get() as instance,
        execute_job(
            job, instance=instance, tags={PARTITION_TAG: sys.argv[1]}, run_config={"execution": {"config": executor}}
        ) as result,
    ):
        sys.exit(0 if result.success else 1)
