"""``stylize doctor``: what is stuck in a deployment, why, and mend it."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster_project.cli.deployment import Deployment, open_deployment
from dagster_project.cli.interrupts import Interrupts
from dagster_project.cli.runs import LocalRuns
from dagster_project.cli.terminal import say
from dagster_project.definitions import build_defs
from dagster_project.doctor.examine import count_findings, examine, mend
from dagster_project.doctor.finding import Finding, NotExaminedError, Patient
from dagster_project.doctor.registry import EXAMINATIONS
from dagster_project.settings import Settings
from resources.build import build_resources


def examine_deployment(settings: Settings, *, fix: bool) -> bool:
    """Look at everything and say what is wrong; mend it if ``fix``, and then look again.

    Returns:
        Whether nothing is wrong, or nothing is any more.

    Raises:
        StylizeError: the deployment cannot be opened.
    """
    with open_deployment(settings) as deployment, _patient(deployment) as patient:
        num_found, num_mended = 0, 0
        for name in EXAMINATIONS:
            for finding in examine(patient, name, not_examined=_say_not_examined):
                num_found += 1
                _tell(finding)
                num_mended += fix and _mend(finding)
        num_left = count_findings(patient) if num_mended else num_found
    say(_conclusion(num_found, num_mended, num_left, fix=fix))
    return num_left == 0


@contextmanager
def _patient(deployment: Deployment) -> Iterator[Patient]:
    settings, interrupts = deployment.settings, Interrupts()
    definitions = build_defs(settings, {"lease": deployment.lease})
    runs = LocalRuns(definitions, deployment.instance, interrupts)

    def deliver(clip: str) -> None:
        runs.run("deliver_clip_job", partition_key=clip)

    with interrupts.noticed():
        yield Patient(
            store=deployment.store,
            instance=deployment.instance,
            lease=deployment.lease,
            scratch=build_resources(settings)["scratch"],
            deliver=deliver,
        )


def _say_not_examined(name: str, reason: NotExaminedError) -> None:
    say(f"not looked at: {name} ({reason})")


def _tell(finding: Finding) -> None:
    say(f"{finding.ailment}: {finding.subject}")
    say(f"  what   {finding.what}")
    say(f"  why    {finding.why}")
    say(f"  {'--fix ' if finding.fix else 'to do '} {finding.remedy}")


def _mend(finding: Finding) -> bool:
    """Whether it could be mended."""
    if finding.fix is None:
        return False
    left = mend(finding)
    say(f"  left   {left}" if left else "  mended")
    return left is None


def _conclusion(num_found: int, num_mended: int, num_left: int, *, fix: bool) -> str:
    if not num_found:
        return "nothing is wrong"
    if not fix:
        return f"found: {num_found}; nothing was changed, `stylize doctor --fix` mends what is safe to mend"
    return f"found: {num_found}; mended: {num_mended}; left: {num_left}"
