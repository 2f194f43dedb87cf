"""An Azurite for the pods of a cluster: on the one address of this machine that they reach."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from azurite.server import MEDIA_ACCOUNT, Azurite


def test_it_answers_on_the_address_that_it_is_given_and_on_no_other(tmp_path: Path) -> None:
    with Azurite(tmp_path, host="127.0.0.2") as azurite:
        url = urlsplit(azurite.account_url(MEDIA_ACCOUNT))
        assert url.hostname == "127.0.0.2"
        socket.create_connection(("127.0.0.2", azurite.port), timeout=5).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", azurite.port), timeout=5)
    assert "BlobEndpoint=http://127.0.0.2:" in azurite.connection_string(MEDIA_ACCOUNT)
