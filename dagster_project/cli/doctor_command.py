"""``stylize doctor``: what is stuck in a deployment, why, and mend it."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster_project.cli.deployment import Deployment, open_deployment
from dagster_project.cli.interrupts import Interrupts
from dagster_project.cli.runs import LocalRuns
from dagster_project.cli.terminal import say
from dagster_project.definitions import build_defs
from dagster_project.doctor.finding import Finding, NotExaminedError, Patient
from dagster_project.doctor.registry import EXAMINATIONS
from dagster_project.errors import StoreError, StylizeError
from dagster_project.settings import Settings
from resources.build import build_resources
from resources.folder_store import FolderStore


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
            for finding in _examine(patient, name, tell=True):
                num_found += 1
                _tell(finding)
                num_mended += fix and _mend(finding)
        num_left = sum(1 for name in EXAMINATIONS for _ in _examine(patient, name)) if num_mended else num_found
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
            local_store=FolderStore(settings.store_dir),
            scratch=build_resources(settings)["scratch"],
            deliver=deliver,
        )


def _examine(patient: Patient, name: str, *, tell: bool = False) -> list[Finding]:
    """All that one examination finds, before anything of it is mended."""
    try:
        return list(EXAMINATIONS[name](patient))
    except NotExaminedError as reason:
        if tell:
            say(f"not looked at: {name} ({reason})")
        return []
    except StoreError as error:
        return [_unknown(name, error)]


def _unknown(name: str, error: StoreError) -> Finding:
    return Finding(
        ailment="not examined",
        subject=name,
        what=str(error),
        why="what else is wrong there is not known",
        remedy="mend that first, and look again",
        fix=None,
    )


def _tell(finding: Finding) -> None:
    say(f"{finding.ailment}: {finding.subject}")
    say(f"  what   {finding.what}")
    say(f"  why    {finding.why}")
    say(f"  {'--fix ' if finding.fix else 'to do '} {finding.remedy}")


def _mend(finding: Finding) -> bool:
    """Whether it could be mended."""
    if finding.fix is None:
        return False
    try:
        finding.fix()
    except StylizeError as error:
        say(f"  left   {error}")
        return False
    say("  mended")
    return True


def _conclusion(num_found: int, num_mended: int, num_left: int, *, fix: bool) -> str:
    if not num_found:
        return "nothing is wrong"
    if not fix:
        return f"found: {num_found}; nothing was changed, `stylize doctor --fix` mends what is safe to mend"
    return f"found: {num_found}; mended: {num_mended}; left: {num_left}"
