"""What a tick of the upload sensor has to do: a comparison of what lies in ``landing/`` with what is known of it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from stylize.records.uploads import Upload

MAX_NEW = 25
"""Versions that one tick takes up; the next one carries on."""

MAX_OPEN = 100
"""Versions that are worked on at once; the rest waits in ``landing/`` rather than in the run queue."""

MAX_WATCHED = 2 * MAX_OPEN
"""Versions whose settling is watched at once: keeps the cursor small however many files arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadDiff:
    """What one tick found.

    Attributes:
        new: settled versions that nobody works on, to be taken up now.
        settling: versions that must look the same at the next tick before they are taken up.
        held: settled versions that wait, because an earlier version of the same clip is not done, or because enough
            others are worked on.
        gone: versions that an earlier tick saw and that were replaced or removed before they were taken up.
        num_uploads: of all uploads, known ones included.
    """

    new: tuple[Upload, ...]
    settling: tuple[Upload, ...]
    held: tuple[Upload, ...]
    gone: tuple[Upload, ...]
    num_uploads: int

    @property
    def watched(self) -> tuple[Upload, ...]:
        """What the next tick has to know: which versions this one saw and did not take up."""
        return (*self.held, *self.settling)[:MAX_WATCHED]


def diff_uploads(
    uploads: Iterable[Upload],
    *,
    known: Collection[str],
    watched: Iterable[Upload],
    busy_clips: Collection[str],
) -> UploadDiff:
    """Compare the uploads that lie in ``landing/`` now with what is known.

    Args:
        uploads: all of them; never the result of a listing that failed.
        known: names of the versions that stand in the ledger.
        watched: what the last tick left to be watched.
        busy_clips: clips of which a version is worked on.
    """
    present: Mapping[str, Upload] = {upload.key: upload for upload in uploads}
    before = {upload.key: upload for upload in watched}
    unknown = [upload for upload in present.values() if upload.version not in known]
    settled = [upload for upload in unknown if before.get(upload.key) == upload]
    free = [upload for upload in settled if upload.clip not in busy_clips]
    new = free[: max(0, min(MAX_NEW, MAX_OPEN - len(busy_clips)))]
    return UploadDiff(
        new=tuple(new),
        settling=tuple(upload for upload in unknown if before.get(upload.key) != upload),
        held=tuple(upload for upload in settled if upload not in new),
        gone=tuple(
            upload for upload in before.values() if present.get(upload.key) != upload and upload.version not in known
        ),
        num_uploads=len(present),
    )
