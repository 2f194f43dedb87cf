"""Retirement: a delivered clip loses what can be made again, and its partition key.

All of that lies under ``work/<clip>/``. What describes the clip (``clips/<clip>/``), what became of its uploads and
everything in ``delivery/`` stays. Without its key the clip no longer counts among Dagster's partitions, of which an
asset should have no more than 100,000; its events stay in the event log.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NoReturn

import dagster as dg
from pydantic import Field

from assets.failures import failures_explained
from assets.final_video import find_current_delivery
from dagster_project.partitions import clips, clips_of_run
from resources.clip_lease import ClipLease
from stylize.errors import RetirementError, StoreError
from stylize.records.receipt import Receipt
from stylize.records.records import Delivery, SourceRecord
from stylize.store.keys import registration_key, source_record_key, work_prefix
from stylize.store.media_store import MediaStore, ObjectInfo

SECONDS_PER_DAY = 86_400
MAX_NAMED = 5

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """What retiring a clip removes, or has removed."""

    clip: str
    objects: tuple[ObjectInfo, ...]

    @property
    def size_bytes(self) -> int:
        """Of all objects."""
        return sum(info.size_bytes for info in self.objects)

    def by_folder(self) -> dict[str, list[ObjectInfo]]:
        """The objects by what they are: ``work/<clip>/<content>/original``, ``frames``, ``styled`` ...."""
        folders: dict[str, list[ObjectInfo]] = defaultdict(list)
        for info in self.objects:
            folders["/".join(PurePosixPath(info.key).parts[:4])].append(info)
        return folders


def retire(
    store: MediaStore, instance: dg.DagsterInstance, lease: ClipLease, clip: str, *, dry_run: bool = False
) -> Retirement:
    """Remove what can be made again of a delivered clip, and then its partition key.

    Killed midway, it leaves a clip that can be retired again, or restyled.

    Args:
        store: where the clip lies.
        instance: where its partition key and its runs are.
        lease: held alone meanwhile.
        clip: partition key.
        dry_run: only say what would be removed.

    Raises:
        RetirementError: the clip is unknown, not delivered as it is now, or being worked on.
    """
    _require_known(store, instance, clip)
    with lease.alone(clip, on_wait=lambda: _refuse_busy(clip)):
        _require_delivered(store, clip)
        _require_idle(instance, clip)
        retirement = Retirement(clip=clip, objects=tuple(store.list(work_prefix(clip))))
        if not dry_run:
            for info in retirement.objects:
                store.delete(info.key)
            instance.delete_dynamic_partition(str(clips.name), clip)
    return retirement


def find_clips_delivered_before(
    instance: dg.DagsterInstance, *, days: float, now: float | None = None
) -> Iterator[str]:
    """Keys of the clips whose last delivery was recorded more than ``days`` days before ``now`` (Unix time)."""
    limit = (time.time() if now is None else now) - days * SECONDS_PER_DAY
    for clip in sorted(instance.get_dynamic_partitions(str(clips.name))):
        wanted = dg.AssetRecordsFilter(dg.AssetKey("final_video"), asset_partitions=[clip])
        delivered = instance.fetch_materializations(wanted, limit=1).records
        if delivered and delivered[0].timestamp < limit:
            yield clip


def _require_known(store: MediaStore, instance: dg.DagsterInstance, clip: str) -> None:
    if store.stat(registration_key(clip)) is None:
        raise RetirementError(f"unknown clip {clip!r}: expected {_one_of(instance.get_dynamic_partitions('clips'))}")


def _require_delivered(store: MediaStore, clip: str) -> None:
    delivery = find_current_delivery(store, clip)
    source = SourceRecord.find(store, source_record_key(clip))
    if delivery is None or source is None:
        raise RetirementError(f"clip {clip!r} is not delivered as it shall look now; deliver it first")
    upload = store.stat(source.landing_key)
    if upload is not None and upload.etag != source.etag:
        raise RetirementError(f"clip {clip!r} was uploaded anew since it was read; deliver that first")
    problem = _find_damage(store, delivery)
    if problem is not None:
        raise RetirementError(f"the delivery of clip {clip!r} is not whole, so nothing is removed: {problem}")


def _find_damage(store: MediaStore, delivery: Delivery) -> str | None:
    """What is wrong with a delivery; the video itself, which may be large, is only measured."""
    try:
        store.read_bytes(delivery.receipt_key, sha256=delivery.receipt_sha256)
        store.read_bytes(delivery.table_key, sha256=delivery.table_sha256)
        expected_bytes = Receipt.read(store, delivery.receipt_key).delivered["size_bytes"]
        size_bytes = store.require(delivery.video_key).size_bytes
    except StoreError as error:
        return str(error)
    if size_bytes != expected_bytes:
        return f"{delivery.video_key!r} has {size_bytes:,} bytes, its receipt says {expected_bytes:,}"
    return None


def _require_idle(instance: dg.DagsterInstance, clip: str) -> None:
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    busy = [run.run_id for run in unfinished if clip in clips_of_run(run.tags)]
    if busy:
        raise RetirementError(
            f"clip {clip!r} is being worked on by run {', '.join(busy[:MAX_NAMED])}; wait for its end, or end it"
        )


def _refuse_busy(clip: str) -> NoReturn:
    raise RetirementError(f"clip {clip!r} is being worked on by another process; wait for its end")


def _one_of(names: Iterable[str]) -> str:
    known = sorted(names)
    more = f" or one of {len(known) - MAX_NAMED} more" if len(known) > MAX_NAMED else ""
    return f"{', '.join(known[:MAX_NAMED])}{more}" if known else "a clip of this store, which has none"


class RetireClipConfig(dg.Config):
    """Which clip, and whether in earnest."""

    clip: str = Field(description="Partition key of a delivered clip.")
    dry_run: bool = Field(default=False, description="Only say what would be removed.")


@dg.op
def retire_clip(
    context: dg.OpExecutionContext,
    config: RetireClipConfig,
    store: dg.ResourceParam[MediaStore],
    lease: dg.ResourceParam[ClipLease],
) -> None:
    """Remove what can be made again of a delivered clip, and its partition key."""
    with failures_explained():
        retirement = retire(store, context.instance, lease, config.clip, dry_run=config.dry_run)
    removed: dict[str, Any] = {
        folder: f"{len(objects)} objects, {sum(info.size_bytes for info in objects):,} bytes"
        for folder, objects in retirement.by_folder().items()
    }
    context.log.info("%s %s: %s", "would retire" if config.dry_run else "retired", config.clip, removed)
    context.add_output_metadata(
        {"removed_objects": len(retirement.objects), "removed_bytes": retirement.size_bytes, "folders": removed}
    )


@dg.job(description="Remove the intermediates of a delivered clip, and its partition key; its deliveries stay.")
def retire_clip_job() -> None:
    """Run :func:`retire_clip`."""
    retire_clip()
