"""Slots of pools that runs hold which have ended."""

from collections.abc import Iterator
from functools import partial

import dagster as dg

from dagster_project.doctor.finding import Finding, Patient
from dagster_project.retirement import UNFINISHED


def find_leaked_slots(patient: Patient) -> Iterator[Finding]:
    """Slots, and places in the queue for one, that no living run holds."""
    storage = patient.instance.event_log_storage
    for pool in sorted(storage.get_concurrency_keys()) if storage.supports_global_concurrency_limits else []:
        info = storage.get_concurrency_info(pool)
        holders = {(slot.run_id, slot.step_key): "holds a slot" for slot in info.claimed_slots}
        holders |= {(step.run_id, step.step_key): "waits for a slot" for step in info.pending_steps} | holders
        for (run_id, step), verb in sorted(holders.items()):
            end = _end_of(patient.instance, run_id)
            if end is None:
                continue
            yield Finding(
                ailment="leaked pool slot",
                subject=f"pool {pool}",
                what=f"step {step} of run {run_id} {verb}, and the run {end}",
                why=f"of {info.slot_count} slots one fewer is left for steps that would work",
                remedy="free the slot",
                fix=partial(storage.free_concurrency_slot_for_step, run_id, step),
            )


def _end_of(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """How a run ended, None if it has not."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return "is no longer on record"
    return None if run.status in UNFINISHED else f"has ended ({run.status.value.lower()})"
