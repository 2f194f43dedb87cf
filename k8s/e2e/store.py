"""The run's own storage containers, and what lies in them in the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError

from assets.delivery import assemble, gather_parts
from dagster_project.settings import Settings
from k8s.e2e.instance import container_prefix_of
from k8s.e2e.options import E2eError, Options
from resources.build import build_resources
from stylize.records.content import read_tracks
from stylize.records.receipt import Receipt
from stylize.records.records import Delivery, SourceRecord
from stylize.store.azure.account import Transfers, UsageMeter, open_account
from stylize.store.azure.blob_store import MEDIA_AREAS, OPERATIONS_AREAS, AzureStore
from stylize.store.keys import ContentKeys, latest_delivery_key, source_record_key
from stylize.store.media_store import MediaStore
from stylize.video.delivery.verify import verify_delivery


@contextmanager
def open_store(options: Options, run: str) -> Iterator[AzureStore]:
    """The store of the run ``run``."""
    transfers, meter = Transfers(), UsageMeter()
    media, operations = (
        open_account(account_url=url.endpoint, credential=url.sas_token, transfers=transfers, meter=meter)
        for url in (options.media, options.operations)
    )
    store = AzureStore(
        media=media,
        operations=operations,
        container_prefix=container_prefix_of(run),
        transfers=transfers,
        meter=meter,
    )
    try:
        yield store
    finally:
        store.close()


def remove_containers(options: Options, run: str) -> None:
    """Delete the run's storage containers with all that they hold, as far as they are there."""
    with open_store(options, run) as store:
        for area in (*MEDIA_AREAS, *OPERATIONS_AREAS):
            try:
                store.account(area).delete_container(f"{container_prefix_of(run)}{area}")
            except ResourceNotFoundError:
                continue


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A delivery that was read back and is what it should be."""

    file: Path
    sha256: str
    num_frames: int
    num_segments: int
    num_checks: int


def verify(store: MediaStore, clip: str, folder: Path) -> Verified:
    """Fetch the latest delivery of ``clip``, and hold it against its receipt, its parts and its source.

    The parts are joined once more on this machine, and must give the same bytes; every frame of the delivered file is
    decoded, and times, sound and picture are compared with what was found in the source.

    Raises:
        IntegrityError: an object does not have the digest that the record of the delivery states.
        E2eError: the delivery is not what it should be.
    """
    latest = Delivery.read(store, latest_delivery_key(clip))
    file = folder / f"{clip}-delivered.mp4"
    store.download(latest.video_key, file, sha256=latest.video_sha256)
    for key, sha256 in ((latest.receipt_key, latest.receipt_sha256), (latest.table_key, latest.table_sha256)):
        store.download(key, folder / "compared", sha256=sha256)
    receipt, parts = Receipt.read(store, latest.receipt_key), gather_parts(store, clip)
    resources = build_resources(Settings())
    rejoined = folder / "rejoined"  # apart from the source, which is called like what it becomes
    rejoined.mkdir(exist_ok=True)
    assembled = assemble(store, parts, rejoined, decoder=resources["decoder"], progress=resources["progress"])
    keys = ContentKeys(clip, SourceRecord.read(store, source_record_key(clip)).sha256)
    verification = verify_delivery(
        file, parts.manifest, read_tracks(store, keys), assembled.picture, assembled.report, decode=True
    )
    faults = [problem.text for problem in verification.problems]
    faults += [f"check {name} failed" for name, passed in receipt.checks.items() if not passed]
    if receipt.delivered["sha256"] != latest.video_sha256:
        faults.append("the receipt is that of another file")
    if assembled.file.read_bytes() != file.read_bytes():
        faults.append("its parts, joined once more, give another file")
    if faults:
        raise E2eError(f"the delivery of {clip} does not verify: {'; '.join(faults)}")
    return Verified(
        file=file,
        sha256=latest.video_sha256,
        num_frames=receipt.counts["frames"],
        num_segments=receipt.counts["segments"],
        num_checks=len(receipt.checks),
    )
