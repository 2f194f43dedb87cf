"""Links to single objects in Azure: shared access signatures that end soon and allow one thing."""

from datetime import UTC, datetime, timedelta
from typing import Any

from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from stylize.errors import SettingsError
from stylize.store.azure.blob_store import AzureStore
from stylize.store.azure.errors import Request, named_errors

MAX_LINK_HOURS = 7 * 24  # what the service allows a signature by identity

UPLOAD = BlobSasPermissions(create=True, write=True)
DOWNLOAD = BlobSasPermissions(read=True)

# Clocks differ: a key for signing that is valid from "now" may not be valid yet for the service.
CLOCK_TOLERANCE = timedelta(minutes=15)


def sign_link(store: AzureStore, key: str, permission: BlobSasPermissions, expires: datetime) -> str:
    """A URL by which whoever has it may do ``permission`` to the object ``key``, and nothing else, until ``expires``.

    It is signed by the identity that the store is used by (user delegation), or else by the account's key. It works
    over https only, unless the endpoint itself, as an emulator's, is http.

    Raises:
        SettingsError: the store is used by a SAS token, which cannot sign.
        StoreAccessError: the identity may not make user delegation keys.
    """
    blob = store.blob(key)
    account = store.account(key.partition("/")[0])
    token = generate_blob_sas(
        str(account.account_name),
        blob.container_name,
        blob.blob_name,
        permission=permission,
        expiry=expires,
        protocol="https" if account.scheme == "https" else None,
        **_signer(account, blob.container_name, key, expires),
    )
    return f"{store.location(key)}?{token}"


def _signer(account: BlobServiceClient, container: str, key: str, expires: datetime) -> dict[str, Any]:
    """The argument of the SDK that signs: a user delegation key, or the account's key."""
    if hasattr(account.credential, "account_key"):
        return {"account_key": account.credential.account_key}
    if not hasattr(account.credential, "get_token"):
        raise SettingsError(
            f"cannot make a link to {key!r}: a SAS token cannot sign one; set STYLIZE_MEDIA_CREDENTIAL to identity"
            " (or key) for this command"
        )
    request = Request(
        action="sign a link to",
        key=key,
        container=container,
        account=str(account.account_name),
        right="make user delegation keys (role Storage Blob Delegator)",
    )
    with named_errors(request):
        delegation = account.get_user_delegation_key(datetime.now(UTC) - CLOCK_TOLERANCE, expires)
    return {"user_delegation_key": delegation}
