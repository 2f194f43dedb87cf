"""Look at everything, and mend: what the command line and the job of the UI have in common."""

from collections.abc import Callable

from dagster_project.doctor.finding import Finding, NotExaminedError, Patient
from dagster_project.doctor.registry import EXAMINATIONS
from stylize.errors import StoreError, StylizeError

NotExamined = Callable[[str, NotExaminedError], None]
"""Hears of an examination, by name, that there is nothing to look at for, and why."""


def examine(patient: Patient, name: str, *, not_examined: NotExamined) -> list[Finding]:
    """All that the examination ``name`` finds, before anything of it is mended.

    A store that cannot be asked is a finding, too: what else is wrong there is not known.
    """
    try:
        return list(EXAMINATIONS[name](patient))
    except NotExaminedError as reason:
        not_examined(name, reason)
        return []
    except StoreError as error:
        return [_unknown(name, error)]


def count_findings(patient: Patient) -> int:
    """How much is wrong now."""
    return sum(len(examine(patient, name, not_examined=_keep_quiet)) for name in EXAMINATIONS)


def mend(finding: Finding) -> str | None:
    """Repair what was found.

    Returns:
        None if it is mended; otherwise why it is left as it is.
    """
    if finding.fix is None:
        return "a person has to do it"
    try:
        finding.fix()
    except StylizeError as error:
        return str(error)
    return None


def _keep_quiet(name: str, reason: NotExaminedError) -> None:
    del name, reason  # it was said at the first look


def _unknown(name: str, error: StoreError) -> Finding:
    return Finding(
        ailment="not examined",
        subject=name,
        what=str(error),
        why="what else is wrong there is not known",
        remedy="mend that first, and look again",
        fix=None,
    )
