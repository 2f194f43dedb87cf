"""Azurite and PostgreSQL on an address of this machine that the pods reach, where no others are named."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

from azurite.server import MEDIA_ACCOUNT, OPERATIONS_ACCOUNT, Azurite, free_port
from k8s.e2e.options import E2eError

START_SECONDS = 60.0
STOP_SECONDS = 30.0
SAS_LIFETIME = timedelta(days=2)
DEBIAN_BINARIES = Path("/usr/lib/postgresql")  # Debian keeps a server's programs out of PATH
# PostgreSQL refuses to run as root, as whom people work in containers.
SERVER_USER = "postgres"


@contextmanager
def local_services(address: str) -> Iterator[dict[str, str]]:
    """Run both, on scratch data; yields the variables that name them.

    Raises:
        E2eError: PostgreSQL is not installed or does not start.
        AzuriteError: Azurite is not installed and cannot be, or does not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stylize-k8s-e2e-")))
        folder.chmod(0o755)  # for the server's own user
        azurite = stack.enter_context(Azurite(folder / "azurite", host=address))
        database_url = stack.enter_context(_postgresql(folder / "postgresql", address))
        yield {
            "K8S_STORE_URL": f"{azurite.account_url(MEDIA_ACCOUNT)}?{_sas_token(azurite, MEDIA_ACCOUNT, 'rwdlc')}",
            "K8S_POD_SAS_TOKEN": _sas_token(azurite, MEDIA_ACCOUNT, "rwlc"),  # nothing that was delivered is deleted
            "K8S_OPERATIONS_STORE_URL": (
                f"{azurite.account_url(OPERATIONS_ACCOUNT)}?{_sas_token(azurite, OPERATIONS_ACCOUNT, 'rwdlc')}"
            ),
            "K8S_DATABASE_URL": database_url,
        }


def _sas_token(azurite: Azurite, account: str, letters: str) -> str:
    return generate_account_sas(
        account,
        account_key=azurite.keys[account],
        resource_types=ResourceTypes(service=True, container=True, object=True),
        permission=AccountSasPermissions.from_string(letters),
        expiry=datetime.now(UTC) + SAS_LIFETIME,
    )


@contextmanager
def _postgresql(folder: Path, address: str) -> Iterator[str]:
    folder.mkdir()
    user = SERVER_USER if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    data, password, port = folder / "data", secrets.token_hex(16), free_port(address)
    _initialize(data, password, user)
    options = {"listen_addresses": address, "port": port, "unix_socket_directories": folder, "max_connections": 300}
    command = [
        _program("postgres"),
        "-D",
        data,
        *(part for item in options.items() for part in ("-c", "{}={}".format(*item))),
    ]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd=folder)
    url = f"postgresql://postgres:{password}@{address}:{port}/postgres"
    try:
        _wait_until_it_answers(server, url, folder / "server.log")
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # what PostgreSQL calls a fast shutdown: open sessions are ended
        server.wait(STOP_SECONDS)


def _initialize(data: Path, password: str, user: str | None) -> None:
    words = data.with_name("password")
    words.write_text(password)
    words.chmod(0o644)
    command = [
        _program("initdb"),
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "scram-sha-256",
        "--no-sync",
        f"--pwfile={words}",
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False, user=user, cwd=data.parent)
    words.unlink()
    if made.returncode != 0:
        raise E2eError(f"initdb failed: {(made.stderr.strip().splitlines() or ['no message'])[-1]}")
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all all scram-sha-256\n")


def _program(name: str) -> str:
    candidates = [shutil.which(name), *sorted(DEBIAN_BINARIES.glob(f"*/bin/{name}"))]
    found = [str(path) for path in candidates if path]
    if not found:
        raise E2eError("PostgreSQL is not installed: apt-get install postgresql, or set K8S_DATABASE_URL")
    return found[-1]


def _wait_until_it_answers(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg2.connect(url, connect_timeout=5).close()
        except psycopg2.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise E2eError(f"PostgreSQL does not start: {log.read_text().strip().splitlines()[-1]}") from error
            time.sleep(0.2)
        else:
            return
