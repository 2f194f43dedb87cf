"""``stylize upload-link`` and ``stylize share``: short-lived links for customers, who need no account."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from dagster_project.cli.deployment import named_clip
from dagster_project.settings import Settings
from resources.build import build_store
from stylize.errors import ObjectMissingError, SettingsError
from stylize.records.records import Delivery
from stylize.store.azure.blob_store import AzureStore
from stylize.store.azure.links import DOWNLOAD, MAX_LINK_HOURS, UPLOAD, sign_link
from stylize.store.keys import landing_key, latest_delivery_key


def make_upload_link(settings: Settings, name: str, hours: float) -> list[str]:
    """Lines with a link by which the file ``name`` can be put into landing/, and a command that does it.

    Raises:
        SettingsError: the store is a folder, its credentials cannot sign, or ``hours`` is out of range.
        StoreError: ``name`` cannot be a blob's, or the service refuses.
    """
    expires = _expiry(hours)
    with _azure_store(settings) as store:
        url = sign_link(store, landing_key(name), UPLOAD, expires)
    command = ["curl", "--fail", "-T", name.rpartition("/")[2], "-H", "x-ms-blob-type: BlockBlob", url]
    return [
        f"upload: {url}",
        f"for example: {shlex.join(command)}",
        "larger than 5,000 MiB: azcopy copy FILE 'URL'",
        f"valid until {_spell(expires)}, for landing/{name} only",
    ]


def share_delivery(settings: Settings, clip: str, hours: float) -> list[str]:
    """Lines with links to the video and the receipt of the latest delivery of ``clip``, a clip or an upload's name.

    Raises:
        SettingsError: the store is a folder, its credentials cannot sign, or ``hours`` is out of range.
        ObjectMissingError: the clip was not delivered.
    """
    expires = _expiry(hours)
    clip = named_clip(clip)
    with _azure_store(settings) as store:
        try:
            delivery = Delivery.read(store, latest_delivery_key(clip))
        except ObjectMissingError as error:
            raise ObjectMissingError(
                f"clip {clip!r} has no delivery yet; see the asset final_video in the UI for why"
            ) from error
        video = sign_link(store, delivery.video_key, DOWNLOAD, expires)
        receipt = sign_link(store, delivery.receipt_key, DOWNLOAD, expires)
    return [f"video: {video}", f"receipt: {receipt}", f"valid until {_spell(expires)}"]


@contextmanager
def _azure_store(settings: Settings) -> Iterator[AzureStore]:
    if settings.store != "azure":
        raise SettingsError(
            f"links need STYLIZE_STORE=azure; this store is the folder {settings.store_dir}, whose files can be copied"
        )
    with build_store(settings).process_config_and_initialize_cm() as store:
        yield store


def _expiry(hours: float) -> datetime:
    if not 0 < hours <= MAX_LINK_HOURS:
        raise SettingsError(f"--hours={hours:g}: expected more than 0 and at most {MAX_LINK_HOURS}")
    return datetime.now(UTC) + timedelta(hours=hours)


def _spell(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
