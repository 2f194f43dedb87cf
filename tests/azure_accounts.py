"""The two storage accounts that tests use: Azurite's, or real ones that the environment names."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from azure.core.credentials import TokenCredential
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient

from azurite.server import MEDIA_ACCOUNT, OPERATIONS_ACCOUNT, Azurite
from stylize.store.azure.account import Transfers, UsageMeter, open_account
from stylize.store.azure.blob_store import MEDIA_AREAS, OPERATIONS_AREAS, AzureStore

ROLES: tuple[str, ...] = ("media", "operations")


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureAccounts:
    """Where the accounts are and how tests sign in: URLs and, by role, keys; no key means by identity."""

    urls: Mapping[str, str]
    keys: Mapping[str, str]

    @classmethod
    def of(cls, azurite: Azurite) -> "AzureAccounts":
        """Those of a running Azurite."""
        names = {"media": MEDIA_ACCOUNT, "operations": OPERATIONS_ACCOUNT}
        return cls(
            urls={role: azurite.account_url(name) for role, name in names.items()},
            keys={role: azurite.keys[name] for role, name in names.items()},
        )

    @classmethod
    def real(cls, environment: Mapping[str, str] = os.environ) -> "AzureAccounts | None":
        """Those that STYLIZE_TEST_MEDIA_ACCOUNT_URL and so on name, if they do."""
        urls = {role: environment.get(f"STYLIZE_TEST_{role.upper()}_ACCOUNT_URL") for role in ROLES}
        keys = {role: environment.get(f"STYLIZE_TEST_{role.upper()}_ACCOUNT_KEY") for role in ROLES}
        if not all(urls.values()):
            return None
        return cls(
            urls={role: url for role, url in urls.items() if url}, keys={role: key for role, key in keys.items() if key}
        )

    def credential(self, role: str) -> str | TokenCredential:
        return self.keys.get(role) or DefaultAzureCredential()

    def at(self, urls: Mapping[str, str]) -> "AzureAccounts":
        """The same accounts by other URLs, e.g. through a proxy."""
        return AzureAccounts(urls=urls, keys=self.keys)

    def store(
        self,
        container_prefix: str,
        *,
        credentials: Mapping[str, Any] | None = None,
        transfers: Transfers | None = None,
    ) -> AzureStore:
        """A store on these accounts.

        Args:
            container_prefix: that of the containers.
            credentials: what to sign in with, by role, instead of the accounts' own.
            transfers: sizes, timeouts and retries; the defaults of production by default.
        """
        transfers, meter = transfers or Transfers(), UsageMeter()
        clients = {
            role: open_account(
                account_url=self.urls[role],
                credential=(credentials or {}).get(role) or self.credential(role),
                transfers=transfers,
                meter=meter,
            )
            for role in ROLES
        }
        return AzureStore(**clients, container_prefix=container_prefix, transfers=transfers, meter=meter)

    def environment(self, container_prefix: str) -> dict[str, str]:
        """The variables that put a subprocess's store there."""
        variables = {"STYLIZE_STORE": "azure", "STYLIZE_CONTAINER_PREFIX": container_prefix}
        for role in ROLES:
            name = f"STYLIZE_{role.upper()}"
            variables[f"{name}_ACCOUNT_URL"] = self.urls[role]
            variables[f"{name}_CREDENTIAL"] = "key" if role in self.keys else "identity"
            if role in self.keys:
                variables[f"{name}_ACCOUNT_KEY"] = self.keys[role]
        return variables

    @contextmanager
    def containers(self) -> Iterator[str]:
        """A prefix with a container for every area, removed afterwards."""
        prefix = f"test-{uuid.uuid4().hex[:12]}-"
        store = self.store(prefix)
        store.create_containers()
        try:
            yield prefix
        finally:
            for area in (*MEDIA_AREAS, *OPERATIONS_AREAS):
                account: BlobServiceClient = store.account(area)
                account.delete_container(f"{prefix}{area}")
            store.close()
