"""The doctor as a job, for operators who work in the UI."""

import dagster as dg
from pydantic import Field

from assets.failures import RUN_RETRIES_TAG, failures_explained
from dagster_project.doctor.examine import count_findings, examine, mend
from dagster_project.doctor.finding import Finding, NotExaminedError, Patient
from dagster_project.doctor.registry import EXAMINATIONS
from resources.clip_lease import ClipLease
from resources.deployment import ScratchResource
from resources.local_process import process_tags
from stylize.errors import RepairError
from stylize.store.media_store import MediaStore

MENDED = "mended"


class DoctorConfig(dg.Config):
    """Whether to mend."""

    fix: bool = Field(default=False, description="Mend what is safe to mend; otherwise nothing is changed.")


@dg.op
def examine_deployment(
    context: dg.OpExecutionContext,
    config: DoctorConfig,
    store: dg.ResourceParam[MediaStore],
    lease: dg.ResourceParam[ClipLease],
    scratch: ScratchResource,
) -> None:
    """Find what is stuck and why, and mend what is safe to mend if ``fix`` is set.

    It succeeds also where something is left: a look that finds something is no failure to be alerted to.
    """
    patient = Patient(
        store=store,
        instance=context.instance,
        lease=lease,
        scratch=scratch,
        deliver=lambda clip: _deliver(context, lease, clip),
    )
    with failures_explained():
        found = _look(context, patient, fix=config.fix)
        num_mended = sum(outcome == MENDED for _, outcome in found)
        num_left = count_findings(patient) if num_mended else len(found)
    context.add_output_metadata(
        {"found": len(found), "mended": num_mended, "left": num_left, "findings": _table(found)}
    )


@dg.job(
    description="Find runs, pool slots, partitions, objects and deliveries that are stuck, and say why."
    " With fix: true in the config it mends what is safe to mend.",
    tags={"stylize/purpose": "repair"},
)
def doctor_job() -> None:
    """Run :func:`examine_deployment`."""
    examine_deployment()


def _look(context: dg.OpExecutionContext, patient: Patient, *, fix: bool) -> list[tuple[Finding, str]]:
    """Every finding, and what became of it."""

    def not_examined(name: str, reason: NotExaminedError) -> None:
        context.log.info("not looked at: %s (%s)", name, reason)

    found: list[tuple[Finding, str]] = []
    for name in EXAMINATIONS:
        for finding in examine(patient, name, not_examined=not_examined):
            context.log.warning("%s: %s: %s", finding.ailment, finding.subject, finding.what)
            outcome = _outcome(finding, fix=fix)
            context.log.info("%s: %s", finding.subject, outcome)
            found.append((finding, outcome))
    return found


def _outcome(finding: Finding, *, fix: bool) -> str:
    if finding.fix is None:
        return f"to do: {finding.remedy}"
    if not fix:
        return f"fix: true would {finding.remedy}"
    left = mend(finding)
    return f"left: {left}" if left else MENDED


def _deliver(context: dg.OpExecutionContext, lease: ClipLease, clip: str) -> None:
    """Run ``deliver_clip_job`` within this step, which holds the clip's lease."""
    result = context.repository_def.get_job("deliver_clip_job").execute_in_process(
        instance=context.instance,
        partition_key=clip,
        tags={**process_tags(), RUN_RETRIES_TAG: "0"},  # the daemon cannot start it again: this step does the rest
        raise_on_error=False,
        resources={"lease": lease},
    )
    if not result.success:
        raise RepairError(f"run {result.run_id} failed; its log says why")


def _table(found: list[tuple[Finding, str]]) -> dg.TableMetadataValue:
    rows = [
        {
            "finding": f"{finding.ailment}: {finding.subject}",
            "explanation": f"{finding.what}; {finding.why}",
            "outcome": outcome,
        }
        for finding, outcome in found
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in ("finding", "explanation", "outcome")])
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], schema=schema)
