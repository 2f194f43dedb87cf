"""From environment variables to a store on Azure, as Dagster builds it, and what the command line makes of them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, Services, generate_account_sas

from azurite.server import MEDIA_ACCOUNT, OPERATIONS_ACCOUNT, Azurite
from dagster_project.definitions import build_defs
from dagster_project.settings import load_settings
from stylize.errors import StoreAccessError
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import MediaStore
from tests.azure_accounts import AzureAccounts

NAMES = {"media": MEDIA_ACCOUNT, "operations": OPERATIONS_ACCOUNT}


@pytest.fixture
def prefix(azurite: Azurite) -> Iterator[str]:
    with AzureAccounts.of(azurite).containers() as prefix:
        yield prefix


def _key(azurite: Azurite, role: str) -> dict[str, str]:
    name = NAMES[role]
    return {"ACCOUNT_URL": azurite.account_url(name), "CREDENTIAL": "key", "ACCOUNT_KEY": azurite.keys[name]}


def _sas(azurite: Azurite, role: str) -> dict[str, str]:
    name = NAMES[role]
    token = generate_account_sas(
        name,
        account_key=azurite.keys[name],
        resource_types=ResourceTypes(service=True, container=True, object=True),
        permission=AccountSasPermissions(read=True, write=True, create=True, list=True),
        expiry=datetime.now(UTC) + timedelta(minutes=10),
        services=Services(blob=True),
    )
    return {"ACCOUNT_URL": azurite.account_url(name), "CREDENTIAL": "sas", "SAS_TOKEN": token}


def _connection_string(azurite: Azurite, role: str) -> dict[str, str]:
    return {"CREDENTIAL": "connection-string", "CONNECTION_STRING": azurite.connection_string(NAMES[role])}


def _environment(azurite: Azurite, prefix: str, how: Callable[[Azurite, str], dict[str, str]]) -> dict[str, str]:
    accounts = {f"STYLIZE_{role.upper()}_{key}": value for role in NAMES for key, value in how(azurite, role).items()}
    return {"STYLIZE_STORE": "azure", "STYLIZE_CONTAINER_PREFIX": prefix, **accounts}


@contextmanager
def _store(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[MediaStore]:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    resource = build_defs(load_settings()).resources["store"]
    with dg.build_resources({"store": resource}) as resources:
        yield resources.store


@pytest.mark.parametrize("how", [_key, _sas, _connection_string], ids=["key", "sas", "connection-string"])
def test_dagster_builds_the_store_from_the_environment(
    azurite: Azurite, prefix: str, how: Callable[[Azurite, str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with _store(_environment(azurite, prefix, how), monkeypatch) as store:
        for area, name in (("landing", MEDIA_ACCOUNT), ("work", OPERATIONS_ACCOUNT)):
            written = store.put(f"{area}/a", b"x")
            assert store.read_bytes(f"{area}/a", sha256=written.sha256) == b"x"
            location = store.location(f"{area}/a")
            assert location == f"{azurite.account_url(name)}/{prefix}{area}/a", "and without any credentials"


@pytest.mark.parametrize("how", [_key, _sas, _connection_string], ids=["key", "sas", "connection-string"])
def test_what_the_ui_is_sent_names_the_variables_and_not_the_secrets(
    azurite: Azurite, prefix: str, how: Callable[[Azurite, str], dict[str, str]]
) -> None:
    environment = _environment(azurite, prefix, how)
    script = (
        "from dagster._core.remote_representation.external_data import RepositorySnap\n"
        "from dagster._serdes import serialize_value\n"
        "from dagster_project.definitions import defs\n"
        "print(serialize_value(RepositorySnap.from_def(defs.get_repository_def())))\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    secrets = [value for name, value in environment.items() if name.endswith(("_KEY", "_TOKEN", "_STRING"))]
    variables = [name for name in environment if name.endswith(("_KEY", "_TOKEN", "_STRING"))]
    assert len(secrets) == 2
    for secret, variable in zip(secrets, variables, strict=True):
        assert variable in result.stdout
        assert json.dumps(secret)[1:-1] not in result.stdout


def test_a_token_that_has_expired_is_refused_with_the_right_that_it_takes(
    azurite: Azurite, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = _environment(azurite, prefix, _sas)
    environment["STYLIZE_MEDIA_SAS_TOKEN"] = generate_account_sas(
        MEDIA_ACCOUNT,
        account_key=azurite.keys[MEDIA_ACCOUNT],
        resource_types=ResourceTypes(object=True),
        permission=AccountSasPermissions(read=True),
        expiry=datetime.now(UTC) - timedelta(minutes=1),
    )
    with _store(environment, monkeypatch) as store, pytest.raises(StoreAccessError, match=r"SAS r\)") as raised:
        store.read_bytes("landing/a")
    assert "sig=" not in str(raised.value)


def test_the_video_command_stays_on_the_local_folder(
    clip: Callable[[str], Path], restyle: Callable[..., dict], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLIZE_STORE", "azure")
    for role in ("MEDIA", "OPERATIONS"):
        monkeypatch.setenv(f"STYLIZE_{role}_ACCOUNT_URL", "https://nowhere.invalid")
    report = restyle(clip("one_frame"))
    assert Path(report["output"]).is_relative_to(home)
    assert [info.key for info in FolderStore(home / "store").list("landing/")]
