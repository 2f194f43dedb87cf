"""The media store in Azure, as a deployment configures it. Importing this takes the Azure SDK: import it on demand."""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg
from azure.storage.blob import BlobServiceClient
from dagster._config.pythonic_config import ConfigurableResourceFactory  # the documented base of such resources
from dagster_azure.blob import (
    AzureBlobStorageAnonymousCredential,
    AzureBlobStorageDefaultCredential,
    AzureBlobStorageKeyCredential,
    AzureBlobStorageResource,
    AzureBlobStorageSASTokenCredential,
)
from pydantic import Field

from dagster_project.settings import AzureAccount
from stylize.errors import SettingsError
from stylize.store.azure.account import Transfers, UsageMeter, open_account
from stylize.store.azure.blob_store import AzureStore
from stylize.store.media_store import MediaStore


class StorageAccountResource(AzureBlobStorageResource):
    """One storage account: Dagster's own Azure resource and its credentials, with what that lacks.

    ``AzureBlobStorageResource.get_client`` makes a client with the SDK's defaults and has no place for retries,
    timeouts, block sizes and hooks, which is why :meth:`open` makes the client here. Connection strings it does not
    know at all.
    """

    connection_string: str | None = Field(
        default=None, description="Used instead of URL and credential where given; for emulators behind a host name."
    )

    def open(self, *, transfers: Transfers, meter: UsageMeter) -> BlobServiceClient:
        """A client with these transfer settings.

        Raises:
            SettingsError: URL, credential or connection string are malformed.
        """
        try:
            return open_account(
                account_url=self.account_url,
                credential=self._raw_credential(),
                connection_string=self.connection_string,
                transfers=transfers,
                meter=meter,
            )
        except ValueError as error:
            raise SettingsError(f"cannot use the storage account {self.account_url!r}: {error}") from error

    @contextmanager
    def get_client(self) -> Generator[BlobServiceClient, None, None]:
        """A client with the store's own transfer settings, closed afterwards."""
        with self.open(transfers=Transfers(), meter=UsageMeter()) as client:
            yield client


class AzureStoreResource(ConfigurableResourceFactory[MediaStore]):
    """The media store in two Azure storage accounts."""

    media: StorageAccountResource = Field(description="Account of landing/ and delivery/, which customers touch.")
    operations: StorageAccountResource = Field(description="Account of all else.")
    container_prefix: str = Field(default="", description="What the names of the storage containers begin with.")

    def create_resource(self, context: dg.InitResourceContext) -> AzureStore:
        """Called once per process and run."""
        return self.open()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[MediaStore, None, None]:
        """Called by Dagster around a run: drops the connections when it ends."""
        store = self.create_resource(context)
        try:
            yield store
        finally:
            store.close()

    def open(self) -> AzureStore:
        """The store itself."""
        transfers, meter = Transfers(), UsageMeter()
        return AzureStore(
            media=self.media.open(transfers=transfers, meter=meter),
            operations=self.operations.open(transfers=transfers, meter=meter),
            container_prefix=self.container_prefix,
            transfers=transfers,
            meter=meter,
        )


def storage_account(account: AzureAccount) -> StorageAccountResource:
    """The resource of one account; of a secret it holds the variable's name only, so that the UI cannot show it."""
    if account.credential == "connection-string":
        return StorageAccountResource(
            account_url=account.url,
            credential=AzureBlobStorageAnonymousCredential(),
            connection_string=dg.EnvVar(account.connection_string_variable),
        )
    if account.credential == "key":
        credential = AzureBlobStorageKeyCredential(key=dg.EnvVar(account.key_variable))
    elif account.credential == "sas":
        credential = AzureBlobStorageSASTokenCredential(token=dg.EnvVar(account.sas_token_variable))
    else:
        credential = AzureBlobStorageDefaultCredential()
    return StorageAccountResource(account_url=account.url, credential=credential)


def azure_store_resource(*, media: AzureAccount, operations: AzureAccount, container_prefix: str) -> AzureStoreResource:
    """The resource of a deployment's store."""
    return AzureStoreResource(
        media=storage_account(media), operations=storage_account(operations), container_prefix=container_prefix
    )
