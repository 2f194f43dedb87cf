"""Links do what they say and no more, by plain HTTP as customers use them."""

import base64
import hashlib
import hmac
import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest
import requests
from azure.core.credentials import AccessToken

from azurite.server import Azurite, TlsFiles
from dagster_project.cli.links import make_upload_link, share_delivery
from dagster_project.settings import Settings, load_settings
from stylize.errors import ObjectMissingError, SettingsError, StoreAccessError
from stylize.records.records import Delivery
from stylize.store.azure.blob_store import AzureStore
from stylize.store.azure.links import DOWNLOAD, UPLOAD, sign_link
from stylize.store.keys import delivery_key, latest_delivery_key
from tests.azure_accounts import ROLES, AzureAccounts
from tests.tls import make_certificate


def ask(url: str, *, method: str = "GET", content: bytes | None = None, trust: Path | None = None) -> requests.Response:
    """One plain HTTP request, as curl or a browser makes it; ``trust`` names the certificate of an https server."""
    headers = {"x-ms-blob-type": "BlockBlob"} if method == "PUT" else {}
    return requests.request(
        method, url, data=content, headers=headers, verify=str(trust) if trust else True, timeout=30
    )


def send(url: str, *, method: str = "GET", content: bytes | None = None, trust: Path | None = None) -> bytes:
    answer = ask(url, method=method, content=content, trust=trust)
    answer.raise_for_status()
    return answer.content


def is_refused(url: str, *, method: str = "GET", content: bytes | None = None, trust: Path | None = None) -> bool:
    return ask(url, method=method, content=content, trust=trust).status_code == 403


def for_other_object(url: str, old: str, new: str) -> str:
    """The same signature on another object."""
    path, signature = url.split("?")
    assert old in path
    return f"{path.replace(old, new)}?{signature}"


def deliver(store: AzureStore, clip: str) -> Delivery:
    """A delivery as ``final_video`` leaves it, with short contents."""
    digests = {
        name: store.put(delivery_key(clip, "0" * 64, name), name.encode()).sha256
        for name in (f"{clip}.mp4", "receipt.json", "frames.parquet")
    }
    (video, video_sha256), (receipt, receipt_sha256), (table, table_sha256) = digests.items()
    delivery = Delivery(
        delivery="0" * 64,
        video_key=delivery_key(clip, "0" * 64, video),
        video_sha256=video_sha256,
        table_key=delivery_key(clip, "0" * 64, table),
        table_sha256=table_sha256,
        receipt_key=delivery_key(clip, "0" * 64, receipt),
        receipt_sha256=receipt_sha256,
    )
    delivery.write(store, latest_delivery_key(clip))
    return delivery


@pytest.fixture
def azure_settings(azure_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for variable, value in azure_environment.items():
        monkeypatch.setenv(variable, value)
    return load_settings()


def url_after(label: str, lines: list[str]) -> str:
    (line,) = [line for line in lines if line.startswith(f"{label}: ")]
    return line.split(": ", 1)[1]


@pytest.mark.parametrize("name", ["film.mp4", "my film #1 100%+&?.mov", "日本語.mp4"])
def test_an_upload_link_puts_exactly_the_named_file(
    azure_settings: Settings, azure_store: AzureStore, name: str
) -> None:
    azure_store.put("landing/other.mp4", b"another customer's")
    link = url_after("upload", make_upload_link(azure_settings, name, hours=1))
    send(link, method="PUT", content=b"film")
    assert azure_store.read_bytes(f"landing/{name}") == b"film"
    send(link, method="PUT", content=b"better film")
    assert azure_store.read_bytes(f"landing/{name}") == b"better film"

    assert is_refused(link), "it does not read"
    assert is_refused(link, method="DELETE")
    path, signature = link.split("?")
    other = f"{path.rpartition('/')[0]}/other.mp4?{signature}"
    assert is_refused(other, method="PUT", content=b"x")
    assert is_refused(other)
    assert is_refused(f"{path.rpartition('/')[0]}?restype=container&comp=list&{signature}")
    assert azure_store.read_bytes("landing/other.mp4") == b"another customer's"


def test_the_printed_curl_line_uploads_a_file(
    azure_settings: Settings, azure_store: AzureStore, tmp_path: Path
) -> None:
    (tmp_path / "my film.mp4").write_bytes(b"film" * 1000)
    command = url_after("for example", make_upload_link(azure_settings, "my film.mp4", hours=1))
    curl = subprocess.run(shlex.split(command), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert curl.returncode == 0, curl.stderr
    assert azure_store.read_bytes("landing/my film.mp4") == b"film" * 1000


def test_shared_links_fetch_the_latest_delivery_and_nothing_else(
    azure_settings: Settings, azure_store: AzureStore
) -> None:
    deliver(azure_store, "holiday")
    deliver(azure_store, "secret")
    for spelling in ("holiday", "holiday.mp4"):
        lines = share_delivery(azure_settings, spelling, hours=1)
        video, receipt = url_after("video", lines), url_after("receipt", lines)
        assert (send(video), send(receipt)) == (b"holiday.mp4", b"receipt.json")
    assert is_refused(video, method="PUT", content=b"x")
    assert is_refused(video, method="DELETE")
    assert is_refused(for_other_object(video, "holiday", "secret"))
    assert is_refused(for_other_object(video, "holiday.mp4", "frames.parquet"))
    assert is_refused(receipt.replace("delivery/", "landing/"))


def test_a_link_is_refused_once_it_has_expired(azure_settings: Settings, azure_store: AzureStore) -> None:
    deliver(azure_store, "holiday")
    lines = share_delivery(azure_settings, "holiday", hours=3 / 3600)
    video = url_after("video", lines)
    assert send(video) == b"holiday.mp4"
    until = datetime.strptime(lines[-1], "valid until %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 1.5)
    assert is_refused(video)
    assert is_refused(sign_link(azure_store, "landing/a", UPLOAD, until), method="PUT", content=b"x")


def test_a_clip_without_a_delivery_is_named(azure_settings: Settings) -> None:
    with pytest.raises(ObjectMissingError, match="clip 'nothing' has no delivery yet"):
        share_delivery(azure_settings, "nothing", hours=1)


@pytest.mark.parametrize("hours", [0.0, -1.0, 169.0])
def test_links_for_ever_or_for_no_time_are_refused(azure_settings: Settings, hours: float) -> None:
    with pytest.raises(SettingsError, match=r"--hours=.*at most 168"):
        make_upload_link(azure_settings, "film.mp4", hours)


def test_a_sas_token_cannot_sign_and_the_command_says_so(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, stylize: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    for variable, value in azurite.environment().items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("STYLIZE_MEDIA_CREDENTIAL", "sas")
    monkeypatch.setenv("STYLIZE_MEDIA_SAS_TOKEN", "sv=2025-01-05&sp=rl&sig=abc")
    result = stylize("upload-link", "film.mp4")
    assert (result.returncode, result.stdout) == (2, "")
    assert "a SAS token cannot sign one; set STYLIZE_MEDIA_CREDENTIAL to identity" in result.stderr


def test_a_folder_store_has_no_links_and_the_commands_say_so(
    stylize: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    for command in (("upload-link", "film.mp4"), ("share", "holiday")):
        result = stylize(*command)
        assert (result.returncode, result.stdout) == (2, "")
        assert "links need STYLIZE_STORE=azure" in result.stderr


class _Identity:
    """Whoever Entra ID says we are: Azurite looks at a token's claims, not at its signature."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 3600,
            "oid": "11111111-1111-1111-1111-111111111111",
            "tid": "00000000-0000-0000-0000-000000000000",
        }
        parts = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "RS256", "typ": "JWT"}, claims)
        ]
        return AccessToken(f"{'.'.join(parts)}.c2lnbmF0dXJl", now + 3600)


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    return make_certificate(tmp_path)


@pytest.fixture
def store_by_identity(
    azurite: Azurite, tls: TlsFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AzureStore]:
    """A store on an Azurite that speaks https, used by identity as in production."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.certificate))
    with (
        Azurite(tmp_path / "https", tls=tls) as server,
        closing(AzureAccounts.of(server).store("test-", credentials=dict.fromkeys(ROLES, _Identity()))) as store,
    ):
        store.create_containers()
        yield store


def as_azurite_checks_it(store: AzureStore, url: str) -> str:
    """The same link, signed once more in the form of service version 2025-07-05.

    The SDK signs in the form of the newest version, which has two lines more than Azurite knows; every field stays as
    it is, so that what the link allows and forbids is still what is tested.
    """
    path, query = url.split("?")
    fields = dict(parse_qsl(query))
    account = store.account("landing")
    times = [datetime.strptime(fields[name], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) for name in ("skt", "ske")]
    key = account.get_user_delegation_key(*times)
    account_name, container, name = unquote(urlsplit(path).path).removeprefix("/").split("/", 2)
    fields["sv"] = "2025-07-05"
    lines = [fields["sp"], fields.get("st", ""), fields["se"], f"/blob/{account_name}/{container}/{name}"]
    lines += [fields[field] for field in ("skoid", "sktid", "skt", "ske", "sks", "skv")]
    lines += ["", "", "", "", "", "", fields.get("spr", ""), fields["sv"], fields["sr"], "", "", "", "", "", "", ""]
    mac = hmac.new(base64.b64decode(str(key.value)), "\n".join(lines).encode(), hashlib.sha256)
    fields["sig"] = base64.b64encode(mac.digest()).decode()
    return f"{path}?{urlencode(fields)}"


def test_an_identity_signs_links_that_only_work_over_https(store_by_identity: AzureStore, tls: TlsFiles) -> None:
    store, trust = store_by_identity, tls.certificate
    soon = datetime.now(UTC) + timedelta(minutes=5)
    link = sign_link(store, "landing/film.mp4", UPLOAD, soon)
    assert "skoid=11111111" in link, "signed for a person, not by the account's key"
    assert "spr=https&" in f"{link}&"
    upload = as_azurite_checks_it(store, link)
    send(upload, method="PUT", content=b"film", trust=trust)
    assert store.read_bytes("landing/film.mp4") == b"film"
    assert is_refused(upload, trust=trust)
    assert is_refused(for_other_object(upload, "film", "other"), method="PUT", content=b"x", trust=trust)
    download = as_azurite_checks_it(store, sign_link(store, "landing/film.mp4", DOWNLOAD, soon))
    assert send(download, trust=trust) == b"film"
    assert is_refused(download, method="PUT", content=b"x", trust=trust)


class _NobodyKnown(_Identity):
    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        token = super().get_token(*scopes, **options)
        return AccessToken(token.token[:-20] + "x" * 20 + ".c2lnbmF0dXJl", token.expires_on)


def test_an_identity_that_is_refused_is_told_which_role_it_needs(
    store_by_identity: AzureStore,
) -> None:
    url = store_by_identity.location("landing/x").split("/test-")[0]
    accounts = AzureAccounts(urls=dict.fromkeys(ROLES, url), keys={})
    with (
        closing(accounts.store("test-", credentials=dict.fromkeys(ROLES, _NobodyKnown()))) as store,
        pytest.raises(StoreAccessError, match=r"may not sign a link .*Storage Blob Delegator"),
    ):
        sign_link(store, "landing/a", DOWNLOAD, datetime.now(UTC) + timedelta(hours=1))
