"""Azurite under the names of production: https, host names of Azure, sign-in by managed identity.

Names are redirected inside the subprocesses that get :attr:`AzureNames.environment`; nothing on the machine changes.
"""

import base64
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from azure.storage.blob import BlobServiceClient

from azurite.server import HOST, OPERATIONS_ACCOUNT, Azurite
from tests.tls import make_certificate

BLOB_DOMAIN = "blob.core.windows.net"

# Python imports a module of this name at every start.
SITECUSTOMIZE = """\
import os, socket
_getaddrinfo = socket.getaddrinfo
def getaddrinfo(host, port, *args, **kwargs):
    if isinstance(host, str) and host.endswith(".{domain}"):
        host, port = "{host}", int(os.environ["TEST_AZURITE_PORT"])
    return _getaddrinfo(host, port, *args, **kwargs)
socket.getaddrinfo = getaddrinfo
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureNames:
    """Where it is, and what a subprocess needs to find it by the names of production."""

    azurite: Azurite
    certificate: Path
    environment: dict[str, str]

    def operations(self) -> BlobServiceClient:
        """A client of the operations account for the test itself, past all redirection."""
        return BlobServiceClient.from_connection_string(
            self.azurite.connection_string(OPERATIONS_ACCOUNT), connection_verify=str(self.certificate)
        )


@contextmanager
def azure_names(folder: Path) -> Iterator[AzureNames]:
    """Azurite and a managed identity endpoint, for as long as the context lasts."""
    files = make_certificate(folder, f"*.{BLOB_DOMAIN}")
    patches = folder / "patches"
    patches.mkdir()
    (patches / "sitecustomize.py").write_text(SITECUSTOMIZE.format(domain=BLOB_DOMAIN, host=HOST))
    with Azurite(folder / "azurite", tls=files) as azurite, _managed_identity() as identity_url:
        environment = {
            **os.environ,
            "PYTHONPATH": str(patches),
            "TEST_AZURITE_PORT": str(azurite.port),
            "REQUESTS_CA_BUNDLE": str(files.certificate),
            "SSL_CERT_FILE": str(files.certificate),
            "IDENTITY_ENDPOINT": identity_url,
            "IDENTITY_HEADER": "tests",
        }
        yield AzureNames(azurite=azurite, certificate=files.certificate, environment=environment)


@contextmanager
def _managed_identity() -> Iterator[str]:
    """What App Service offers to its applications: a token for whoever asks. Azurite does not check signatures."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            expires = int(time.time()) + 3600
            body = json.dumps({"access_token": _token(expires), "expires_on": str(expires), "token_type": "Bearer"})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/msi/token"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _token(expires: int) -> str:
    tenant = "00000000-0000-0000-0000-000000000001"
    claims = {
        "aud": "https://storage.azure.com",
        "iss": f"https://sts.windows.net/{tenant}/",
        "iat": expires - 3700,
        "nbf": expires - 3700,
        "exp": expires,
        "oid": tenant,
        "tid": tenant,
    }
    header = {"alg": "RS256", "typ": "JWT"}
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), b"unsigned"]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
