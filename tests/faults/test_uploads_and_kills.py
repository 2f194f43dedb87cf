"""Uploads that come all at once, twice, and replaced, while everything is killed: each version has one end."""

import json
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from stylize.records.uploads import UploadVersion
from stylize.store.azure.blob_store import AzureStore
from tests.deployment import Deployment, wait_until

Clip = Callable[[str], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Names of all uploads, which of them are done what to, and whether everything is killed a second time."""

    names: list[str]
    repeated: str
    replaced: str
    replaced_twice: str
    restyled: str
    killed_again: bool


MANY = Roles(
    names=["repeated", "replaced", "replaced-twice", "restyled", *(f"film-{number}" for number in range(6))],
    repeated="repeated",
    replaced="replaced",
    replaced_twice="replaced-twice",
    restyled="restyled",
    killed_again=True,
)
FEW = Roles(
    names=["one", "other"],
    repeated="one",
    replaced="other",
    replaced_twice="other",
    restyled="one",
    killed_again=False,
)


@pytest.fixture
def deployment(tmp_path: Path, azure_environment: dict[str, str]) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path / "home", azure_environment)
    yield deployment
    deployment.end()


def _variant(video: Path, number: int) -> bytes:
    """The same film as another file: a ``free`` box at the end, which players skip."""
    payload = f"variant {number}".encode()
    return video.read_bytes() + struct.pack(">I4s", 8 + len(payload), b"free") + payload


def _ledger(store: AzureStore, folder: str) -> list[UploadVersion]:
    return [UploadVersion.read(store, info.key) for info in store.list(f"uploads/{folder}/")]


def _is_at_rest(store: AzureStore, names: set[str]) -> bool:
    present = {info.key: info.etag for info in store.list("landing/") if info.key.endswith(".mp4")}
    ended = {(version.landing_key, version.etag) for version in _ledger(store, "closed")}
    return set(present.items()) <= ended and len(present) == len(names) and not _ledger(store, "open")


def _data_versions(instance: dg.DagsterInstance, asset: str) -> dict[str, set[str]]:
    """Per clip, the data versions in which the event log knows the asset."""
    found: dict[str, set[str]] = defaultdict(set)
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
    for record in records:
        found[str(record.partition_key)].add(record.asset_materialization.tags[DATA_VERSION_TAG])
    return found


def _receipts(store: AzureStore) -> dict[str, list[dict]]:
    """Per clip, the receipts of all its deliveries."""
    found: dict[str, list[dict]] = defaultdict(list)
    for info in store.list("delivery/"):
        if info.key.endswith("/receipt.json"):
            found[info.key.split("/")[1]].append(json.loads(store.read_bytes(info.key)))
    return found


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("roles", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"])
def test_every_version_ends_in_one_state_and_all_that_was_read_is_delivered_once(
    clip: Clip, azure_store: AzureStore, deployment: Deployment, roles: Roles
) -> None:
    video = clip("one_frame")

    def put(name: str, number: int) -> None:
        azure_store.put(f"landing/{name}.mp4", _variant(video, number))

    for number, name in enumerate(roles.names):
        put(name, number)
    put(roles.repeated, 0)
    deployment.start()
    wait_until(lambda: sum(v.state == "read" for v in _ledger(azure_store, "open")) >= 1, 400)
    put(roles.replaced, 102)
    deployment.kill()
    put(roles.replaced_twice, 103)
    put(roles.replaced_twice, 203)
    put(roles.repeated, 0)
    if roles.killed_again:
        deployment.start()
        wait_until(lambda: len(_ledger(azure_store, "closed")) >= 2, 500)
        put(roles.replaced, 106)
        deployment.kill()
        put(roles.repeated, 0)
    azure_store.put(f"landing/{roles.restyled}.mp4.json", b'{"style": "scream"}')
    deployment.start()
    wait_until(lambda: _is_at_rest(azure_store, set(roles.names)), 900)

    closed = _ledger(azure_store, "closed")
    assert len({version.version for version in closed}) == len(closed)
    assert {version.state for version in closed} <= {"delivered", "duplicate", "superseded"}
    assert not [version for version in closed if "failed" in version.reason]
    receipts = _receipts(azure_store)
    with deployment.instance() as instance:
        read, delivered = _data_versions(instance, "source_video"), _data_versions(instance, "final_video")
    assert set(receipts) == set(roles.names)
    for name in roles.names:
        contents = [(receipt["source"]["sha256"], receipt["settings"]["look"]) for receipt in receipts[name]]
        assert len(set(contents)) == len(contents)
        assert len(contents) == sum(v.state == "delivered" for v in closed if v.landing_key == f"landing/{name}.mp4")
        assert {sha256 for sha256, _ in contents} == read[name]
        assert {receipt["delivered"]["sha256"] for receipt in receipts[name]} == delivered[name]
        latest = json.loads(azure_store.read_bytes(f"delivery/{name}/latest.json"))
        assert azure_store.digest(latest["video_key"]) == latest["video_sha256"]
    assert {receipt["settings"]["style"] for receipt in receipts[roles.restyled]} >= {"scream"}
