"""Partition keys of clips that have no video."""

from collections.abc import Iterator
from functools import partial

from dagster_project.doctor.finding import Finding, Patient
from dagster_project.partitions import clips
from stylize.errors import RepairError
from stylize.records.records import Registration, SourceRecord
from stylize.store.keys import latest_delivery_key, registration_key, source_record_key
from stylize.store.media_store import MediaStore


def find_sourceless_clips(patient: Patient) -> Iterator[Finding]:
    """Registered clips that were never read, and whose upload is not there to be read."""
    busy = patient.busy_clips()
    for clip in patient.clips():
        lack = _lack(patient.store, clip)
        if lack is None or clip in busy:
            continue
        yield Finding(
            ailment="partition without source",
            subject=f"clip {clip}",
            what=f"its partition key is registered, but {lack}",
            why="whoever materializes it, or backfills all clips, gets a failed run",
            remedy="remove the partition key; the clip gets it back when its video is uploaded",
            fix=partial(_remove_key, patient, clip),
        )


def _lack(store: MediaStore, clip: str) -> str | None:
    """What a clip without a source lacks; None if it has one, or something was delivered of it."""
    if store.stat(latest_delivery_key(clip)) or SourceRecord.find(store, source_record_key(clip)):
        return None
    registration = Registration.find(store, registration_key(clip))
    if registration is None:
        return "nothing says which upload it is"
    return None if store.stat(registration.landing_key) else f"its upload {registration.landing_key!r} is gone, unread"


def _remove_key(patient: Patient, clip: str) -> None:
    with patient.alone_with(clip):
        if _lack(patient.store, clip) is None:
            raise RepairError(f"clip {clip!r} has a source by now")
        patient.instance.delete_dynamic_partition(str(clips.name), clip)
