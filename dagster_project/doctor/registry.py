"""Every examination, in an order in which one repair can bring to light what the next one looks for."""

from typing import Final

from dagster_project.doctor.cluster_jobs import find_lost_jobs
from dagster_project.doctor.finding import Examinations
from dagster_project.doctor.leaked_slots import find_leaked_slots
from dagster_project.doctor.leftover_files import find_leftover_files
from dagster_project.doctor.orphaned_work import find_orphaned_work
from dagster_project.doctor.outdated_deliveries import find_outdated_deliveries
from dagster_project.doctor.sourceless_clips import find_sourceless_clips
from dagster_project.doctor.stuck_runs import find_stuck_runs

EXAMINATIONS: Final[Examinations] = {
    "runs of this machine": find_stuck_runs,
    "Kubernetes jobs": find_lost_jobs,
    "pool slots": find_leaked_slots,
    "partition keys": find_sourceless_clips,
    "intermediates": find_orphaned_work,
    "deliveries": find_outdated_deliveries,
    "temporary files": find_leftover_files,
}
