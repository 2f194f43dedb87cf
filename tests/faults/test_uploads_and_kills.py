"""Uploads that come all at once, twice, and replaced, while everything is killed: each version has one end."""

import json
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from resources.azure_store import AzureStore
from resources.uploads import UploadVersion
from tests.deployment import Deployment, wait_until

Clip = Callable[[str], Path]


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
@pytest.mark.parametrize("num_others", [0, pytest.param(6, marks=pytest.mark.slow)])
def test_every_version_ends_in_one_state_and_all_that_was_read_is_delivered_once(
    clip: Clip, azure_store: AzureStore, deployment: Deployment, num_others: int
) -> None:
    video = clip("one_frame")
    others = [f"other-{number}" for number in range(num_others)]
    first = {name: number for number, name in enumerate(["again", "replaced", "replaced-twice", "restyled", *others])}
    names = set(first)

    def put(name: str, number: int) -> None:
        azure_store.put(f"landing/{name}.mp4", _variant(video, number))

    for name, number in first.items():
        put(name, number)
    put("again", first["again"])
    deployment.start()
    wait_until(lambda: sum(v.state == "read" for v in _ledger(azure_store, "open")) >= 2, 400)
    put("replaced", 102)
    deployment.kill()
    put("replaced-twice", 103)
    put("replaced-twice", 203)
    put("again", first["again"])
    deployment.start()
    wait_until(lambda: len(_ledger(azure_store, "closed")) >= 3, 500)
    azure_store.put("landing/restyled.mp4.json", b'{"style": "scream"}')
    put("replaced", 106)
    deployment.kill()
    put("again", first["again"])
    deployment.start()
    wait_until(lambda: _is_at_rest(azure_store, names), 900)

    closed = _ledger(azure_store, "closed")
    assert len({version.version for version in closed}) == len(closed)
    assert {version.state for version in closed} <= {"delivered", "duplicate", "superseded"}
    assert not [version for version in closed if "failed" in version.reason]
    receipts = _receipts(azure_store)
    with deployment.instance() as instance:
        read, delivered = _data_versions(instance, "source_video"), _data_versions(instance, "final_video")
    assert set(receipts) == names
    for name in names:
        contents = [(receipt["source"]["sha256"], receipt["settings"]["look"]) for receipt in receipts[name]]
        assert len(set(contents)) == len(contents)
        assert len(contents) == sum(v.state == "delivered" for v in closed if v.landing_key == f"landing/{name}.mp4")
        assert {sha256 for sha256, _ in contents} == read[name]
        assert {receipt["delivered"]["sha256"] for receipt in receipts[name]} == delivered[name]
        latest = json.loads(azure_store.read_bytes(f"delivery/{name}/latest.json"))
        assert azure_store.digest(latest["video_key"]) == latest["video_sha256"]
    assert {receipt["settings"]["style"] for receipt in receipts["restyled"]} >= {"scream"}
