"""What only the Azure backend has to get right, against a real server."""

import json
import os
import subprocess
import sys
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
import requests
from azure.storage.blob import BlobBlock, BlobProperties, generate_blob_sas

from stylize.errors import PreconditionError, StoreAccessError, StoreError
from stylize.store.azure.account import MEBIBYTE, Transfers
from stylize.store.azure.blob_store import MAX_NAME_CHARACTERS, AzureStore, is_committed
from tests.azure_accounts import AzureAccounts
from tests.integration.test_media_store import HARD_NAMES, in_threads

SMALL_BLOCKS = Transfers(block_bytes=64 * 1024)


@pytest.fixture
def small_blocks_store(azure_accounts: AzureAccounts, container_prefix: str):
    """A store whose objects have many blocks without being large."""
    with closing(azure_accounts.store(container_prefix, transfers=SMALL_BLOCKS)) as store:
        yield store


def test_blocks_that_are_not_committed_are_neither_listed_nor_found(azure_store: AzureStore) -> None:
    blob = azure_store.blob("landing/film.mp4")
    blob.stage_block("0001", b"half a film")
    assert list(azure_store.list("landing/")) == []
    assert azure_store.stat("landing/film.mp4") is None
    blob.commit_block_list([BlobBlock("0001")])
    assert [info.key for info in azure_store.list("landing/")] == ["landing/film.mp4"]


@pytest.mark.parametrize(
    ("copy_status", "committed"),
    [(None, True), ("success", True), ("pending", False), ("aborted", False), ("failed", False)],
)
def test_only_a_copy_that_succeeded_counts_as_an_object(copy_status: str | None, committed: bool) -> None:
    # Azurite copies before it answers, so that a pending copy cannot be had from it.
    assert is_committed(BlobProperties(**{"x-ms-copy-status": copy_status})) == committed


def test_a_copied_upload_is_an_object_and_its_listing_tells_the_state_of_the_copy(azure_store: AzureStore) -> None:
    azure_store.put("landing/source.mp4", b"film")
    url = azure_store.location("landing/source.mp4")
    azure_store.blob("landing/copy.mp4").start_copy_from_url(f"{url}?{_read_token(azure_store, 'landing/source.mp4')}")
    container = azure_store.account("landing").get_container_client(azure_store.blob("landing/x").container_name)
    states = {blob.name: blob.copy.status for blob in container.list_blobs(include=["copy"])}
    assert states == {"copy.mp4": "success", "source.mp4": None}
    assert azure_store.read_bytes("landing/copy.mp4") == b"film"
    assert [info.key for info in azure_store.list("landing/")] == ["landing/copy.mp4", "landing/source.mp4"]


@pytest.mark.parametrize("letter", ["n", "é", "日"])
def test_the_longest_names_work_and_longer_ones_are_refused(azure_store: AzureStore, letter: str) -> None:
    key = f"landing/{letter * (MAX_NAME_CHARACTERS - 4)}.mp4"
    azure_store.put(key, b"x")
    assert [info.key for info in azure_store.list("landing/")] == [key]
    assert azure_store.read_bytes(key) == b"x"
    with pytest.raises(StoreError, match="1025 characters, expected at most 1024"):
        azure_store.stat(f"{key}4")


def test_a_backslash_is_refused_because_the_service_would_turn_it_round(azure_store: AzureStore) -> None:
    with pytest.raises(StoreError, match="bad object key"):
        azure_store.put("landing/a\\b.mp4", b"x")


@pytest.mark.parametrize("name", HARD_NAMES)
def test_a_location_is_a_url_that_opens_the_object_for_those_with_a_right(azure_store: AzureStore, name: str) -> None:
    key = f"delivery/{name}/film.mp4"
    azure_store.put(key, name.encode())
    url = azure_store.location(key)
    assert requests.get(url, timeout=30).status_code in (401, 403, 404, 409)
    answer = requests.get(f"{url}?{_read_token(azure_store, key)}", timeout=30)
    assert answer.content == name.encode()
    assert answer.headers["Content-Type"] == "video/mp4"


def _read_token(store: AzureStore, key: str) -> str:
    """A SAS token to read one object, made from the account's key; identities are tested with the links."""
    blob = store.blob(key)
    if not hasattr(blob.credential, "account_key"):
        pytest.skip("this Azure account is used by identity, which has no key to sign with")
    return generate_blob_sas(
        str(blob.account_name),
        blob.container_name,
        blob.blob_name,
        account_key=blob.credential.account_key,
        permission="r",
        expiry=datetime.now(UTC) + timedelta(minutes=5),
    )


def test_the_digest_and_the_kind_of_content_stand_beside_the_object(small_blocks_store: AzureStore) -> None:
    for size_bytes in (1, 200_000):
        written = small_blocks_store.put("delivery/clip/1/receipt.json", os.urandom(size_bytes))
        properties = small_blocks_store.blob("delivery/clip/1/receipt.json").get_blob_properties()
        assert properties.metadata["sha256"] == written.sha256
        assert properties.content_settings.content_type == "application/json"


def test_customers_areas_and_all_else_lie_in_different_accounts(azure_store: AzureStore) -> None:
    urls = {area: azure_store.location(f"{area}/x") for area in ("landing", "delivery", "work", "models", "uploads")}
    accounts = {area: azure_store.account(area).account_name for area in urls}
    assert accounts["landing"] == accounts["delivery"]
    assert accounts["work"] == accounts["models"] == accounts["uploads"] != accounts["landing"]
    assert all(accounts[area] in url for area, url in urls.items())


@pytest.mark.parametrize("size_bytes", [1000, 300_000])
def test_of_many_writers_that_saw_one_version_one_wins_and_its_content_is_whole(
    small_blocks_store: AzureStore, size_bytes: int
) -> None:
    seen = small_blocks_store.put("delivery/clip/latest.json", b"old")
    won: list[bytes] = []

    def replace(index: int) -> None:
        content = bytes([index]) * size_bytes
        try:
            small_blocks_store.put("delivery/clip/latest.json", content, if_match=seen.etag)
            won.append(content)
        except PreconditionError:
            pass

    in_threads(replace, 12)
    assert won == [small_blocks_store.read_bytes("delivery/clip/latest.json")]


def test_writers_that_demand_nothing_all_succeed_though_they_sweep_each_others_blocks(
    small_blocks_store: AzureStore,
) -> None:
    digests: list[str] = []

    def write(index: int) -> None:
        digests.append(small_blocks_store.put("work/a", bytes([index]) * 300_000).sha256)

    in_threads(write, 4)
    assert len(digests) == 4
    assert small_blocks_store.digest("work/a") in digests


def test_every_request_and_byte_is_counted(small_blocks_store: AzureStore, tmp_path: Path) -> None:
    store, block = small_blocks_store, SMALL_BLOCKS.block_bytes
    before = store.usage.requests
    store.put("work/small", b"12345")
    assert (store.usage.requests - before, store.usage.sent_bytes) == (1, 5)
    store.put("work/large", bytes(3 * block))
    block_list = store.usage.sent_bytes - 5 - 3 * block
    assert store.usage.requests - before == 1 + 3 + 1
    assert 0 < block_list < 1000
    received = store.usage.received_bytes
    store.download("work/large", tmp_path / "copy")
    assert store.usage.requests - before == 5 + 3
    assert store.usage.received_bytes - received == 3 * block


def test_a_reader_that_leaves_early_is_not_sent_the_rest(small_blocks_store: AzureStore) -> None:
    blocks = SMALL_BLOCKS.concurrency * 4
    small_blocks_store.put("work/large", bytes(blocks * SMALL_BLOCKS.block_bytes))
    before = small_blocks_store.usage.requests
    for _ in islice(small_blocks_store.chunks("work/large"), 2):
        pass
    small_blocks_store.close()  # waits for what is on its way
    assert small_blocks_store.usage.requests - before <= SMALL_BLOCKS.concurrency + 2


def test_a_container_that_is_not_there_is_an_error_and_not_an_empty_listing(azure_accounts: AzureAccounts) -> None:
    with closing(azure_accounts.store(f"test-{uuid.uuid4().hex[:12]}-")) as store:
        for act in (
            lambda: list(store.list("landing/")),
            lambda: store.stat("landing/a"),
            lambda: store.put("work/a", b""),
        ):
            with pytest.raises(StoreError, match=r"there is no storage container 'test-.*' of account") as raised:
                act()
            assert "container_prefix" in str(raised.value)


def test_a_wrong_key_is_refused_by_name_without_showing_it(
    azure_accounts: AzureAccounts, container_prefix: str
) -> None:
    wrong = "d3Jvbmcga2V5IHdyb25nIGtleQ=="
    store = azure_accounts.store(container_prefix, credentials={"media": wrong, "operations": wrong})
    with closing(store):
        account = store.account("work").account_name
        for act in (lambda: store.put("work/a", b"x"), lambda: store.stat("work/a"), lambda: list(store.list("work/"))):
            with pytest.raises(
                StoreAccessError, match=rf"may not .*'{container_prefix}work' of account '{account}'"
            ) as raised:
                act()
            assert raised.value.permanent
            assert wrong not in str(raised.value)
            assert "\n" not in str(raised.value)


MEASURE = """
import json, resource, sys
from itertools import islice
from pathlib import Path
from resources.build import build_store
from dagster_project.settings import load_settings
with build_store(load_settings()).process_config_and_initialize_cm() as store:
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    written = store.put("work/large", Path(sys.argv[1]))
    digest = store.download("work/large", Path(sys.argv[2]), sha256=written.sha256)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"extra_mebibytes": (peak - base) / 1024, "size_bytes": written.size_bytes}))
"""


def test_memory_does_not_grow_with_the_object(azure_environment: dict[str, str], tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(512 * MEBIBYTE)
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE, source, tmp_path / "copy"],
        env={**os.environ, **azure_environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    measured = json.loads(result.stdout)
    assert measured["size_bytes"] == (tmp_path / "copy").stat().st_size == 512 * MEBIBYTE
    assert measured["extra_mebibytes"] < 192, "a 512 MiB object must not need memory in proportion"


def test_the_mark_of_a_folder_is_no_object(azure_store: AzureStore) -> None:
    azure_store.blob("landing/folder").upload_blob(b"", metadata={"hdi_isfolder": "true"})
    azure_store.put("landing/folder/film.mp4", b"film")
    assert [info.key for info in azure_store.list("landing/")] == ["landing/folder/film.mp4"]
