"""What an examination finds, and what it may look at.

An examination is a function that only looks. What it finds carries its own repair, or none where a person has to
decide. A repair may be asked for some time after the look: it makes sure itself that nobody works on the clip.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import dagster as dg

from dagster_project.partitions import clips, clips_of_run
from dagster_project.retirement import UNFINISHED
from resources.clip_lease import ClipLease
from resources.deployment import ScratchResource
from stylize.errors import RepairError
from stylize.store.media_store import MediaStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong.

    Attributes:
        ailment: kind, the same for all findings of one examination.
        subject: which run, clip, slot or file.
        what: what is wrong with it.
        why: why it matters.
        remedy: what ``fix`` does, or a person has to do where there is none.
        fix: mends it; raises StylizeError where that is not possible now.
    """

    ailment: str
    subject: str
    what: str
    why: str
    remedy: str
    fix: Callable[[], None] | None


class NotExaminedError(Exception):
    """There is nothing to look at here, for the reason that it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """The deployment that is examined.

    Attributes:
        store: its media store.
        instance: its runs, partitions, pools and events.
        lease: who holds a clip's on this machine.
        scratch: temporary folders of the home.
        deliver: makes the final video of a clip, as automation would.
    """

    store: MediaStore
    instance: dg.DagsterInstance
    lease: ClipLease
    scratch: ScratchResource
    deliver: Callable[[str], None]

    def clips(self) -> list[str]:
        """Partition keys of all clips, in order."""
        return sorted(self.instance.get_dynamic_partitions(str(clips.name)))

    def busy_clips(self) -> set[str]:
        """The clips that unfinished runs work on, wherever these are executed."""
        runs = self.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
        return {clip for run in runs for clip in clips_of_run(run.tags)}

    @contextmanager
    def alone_with(self, clip: str) -> Iterator[None]:
        """Hold the clip's lease, and make sure that no run works on it.

        Raises:
            RepairError: somebody does.
        """
        with self.lease.alone(clip, on_wait=lambda: _refuse_busy(clip)):
            if clip in self.busy_clips():
                _refuse_busy(clip)
            yield


def _refuse_busy(clip: str) -> NoReturn:
    raise RepairError(f"clip {clip!r} is being worked on; look again when that is done")


Examination = Callable[[Patient], Iterator[Finding]]
Examinations = Mapping[str, Examination]
"""By what is looked at, in few words."""
