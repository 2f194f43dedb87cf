"""``stylize retire``: remove what can be made again of delivered clips."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.cli.deployment import named_clip
from dagster_project.cli.home import clean_up_after_killed_processes, open_instance, prepare_home
from dagster_project.retirement import Retirement, find_clips_delivered_before, retire
from dagster_project.settings import Settings
from resources.build import build_store
from resources.clip_lease import ClipLease
from stylize.errors import RetirementError, SettingsError
from stylize.store.media_store import MediaStore


def retire_clips(
    settings: Settings, clip: str | None, *, older_than_days: float | None, dry_run: bool
) -> Iterator[str]:
    """Retire one clip, or all that were delivered long enough ago; yields lines that say what was done.

    Args:
        settings: of the deployment.
        clip: partition key, or the upload's name.
        older_than_days: retire every clip whose last delivery is older.
        dry_run: only say what would be removed.

    Raises:
        SettingsError: not exactly one of ``clip`` and ``older_than_days`` is given.
        RetirementError: ``clip`` cannot be retired now. Of many, those that cannot are named and left as they are.
    """
    if (clip is None) == (older_than_days is None):
        raise SettingsError("expected either a clip or --older-than DAYS")
    local_store = prepare_home(settings)
    with open_instance(settings) as instance, build_store(settings).process_config_and_initialize_cm() as store:
        clean_up_after_killed_processes(settings, instance, local_store)
        lease = ClipLease(settings.leases_dir)
        if clip is not None:
            yield from _lines(retire(store, instance, lease, named_clip(clip), dry_run=dry_run), dry_run=dry_run)
        elif older_than_days is not None:
            yield from _retire_old(store, instance, lease, older_than_days, dry_run=dry_run)


def _retire_old(
    store: MediaStore, instance: dg.DagsterInstance, lease: ClipLease, days: float, *, dry_run: bool
) -> Iterator[str]:
    num_retired, size_bytes = 0, 0
    for clip in find_clips_delivered_before(instance, days=days):
        try:
            retirement = retire(store, instance, lease, clip, dry_run=dry_run)
        except RetirementError as error:
            yield f"kept {clip}: {error}"
            continue
        num_retired += 1
        size_bytes += retirement.size_bytes
        yield from _lines(retirement, dry_run=dry_run)
    yield f"{'would be retired' if dry_run else 'retired'}: {num_retired} clips, {_spell_size(size_bytes)}"


def _lines(retirement: Retirement, *, dry_run: bool) -> Iterator[str]:
    verb = "would retire" if dry_run else "retired"
    yield f"{verb} {retirement.clip}: {len(retirement.objects)} objects, {_spell_size(retirement.size_bytes)}"
    for folder, objects in retirement.by_folder().items():
        yield f"  {folder}: {len(objects)} objects, {_spell_size(sum(info.size_bytes for info in objects))}"


def _spell_size(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
