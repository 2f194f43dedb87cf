"""One try of one step: when it was asked for, when it began, when and how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try.

    Attributes:
        asset: that was to be made.
        segment: of the clip; None where the step was for the whole clip.
        run_id: Dagster's.
        number: within its run, from 1.
        enqueued: Unix time at which the run was asked for; of a later try in the same run, at which the one before
            ended.
        started: Unix time at which the step began to work.
        ended: Unix time at which it stopped, or was found dead.
        succeeded: whether it did what it should.
    """

    asset: str
    segment: int | None
    run_id: str
    number: int
    enqueued: float
    started: float
    ended: float
    succeeded: bool

    @property
    def waiting_seconds(self) -> float:
        """In the queue, for a machine, and for the process to start."""
        return max(0.0, self.started - self.enqueued)

    @property
    def running_seconds(self) -> float:
        """At work; this is what a machine is paid for."""
        return max(0.0, self.ended - self.started)


def tries_table(tries: Iterable[Try]) -> "pd.DataFrame":
    """A row per try, in the order in which they began: the attributes and properties of :class:`Try`.

    Times are in UTC.
    """
    import pandas as pd

    ordered = sorted(tries, key=lambda one: one.started)
    seconds = ("waiting_seconds", "running_seconds")
    columns = [*(field.name for field in fields(Try)), *seconds]
    rows = [[getattr(one, column) for column in columns] for one in ordered]
    table = pd.DataFrame(rows, columns=columns)
    for column in ("enqueued", "started", "ended"):
        table[column] = pd.to_datetime(table[column], unit="s", utc=True)
    return table.astype({"segment": "Int32", "number": "int32", **dict.fromkeys(seconds, "float64")})
