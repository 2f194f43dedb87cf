"""The network breaks and the service is busy: what the store rides through, what it gives up on, and how soon."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from azurite.server import Azurite
from stylize.errors import PreconditionError, StoreUnavailableError
from stylize.store.azure.account import Transfers
from stylize.store.azure.blob_store import AzureStore
from stylize.store.media_store import MediaStore
from tests.azure_accounts import AzureAccounts
from tests.fault_proxy import Fault, FaultProxy, Kind
from tests.integration.test_media_store import in_threads

RETRIES = 3
IMPATIENT = Transfers(
    block_bytes=64 * 1024, connect_seconds=1.0, read_seconds=1.0, retries=RETRIES, first_delay_seconds=0.05
)
CONTENT = os.urandom(5 * IMPATIENT.block_bytes + 17)


@pytest.fixture
def proxy(azurite: Azurite) -> Iterator[FaultProxy]:
    with FaultProxy(azurite.port) as proxy:
        yield proxy


@pytest.fixture
def calm_store(azurite: Azurite) -> Iterator[AzureStore]:
    """The same containers as ``store``, without the proxy."""
    accounts = AzureAccounts.of(azurite)
    with accounts.containers() as prefix, closing(accounts.store(prefix, transfers=IMPATIENT)) as store:
        yield store


@pytest.fixture
def store(azurite: Azurite, proxy: FaultProxy, calm_store: AzureStore) -> Iterator[AzureStore]:
    accounts = AzureAccounts.of(azurite)
    by_proxy = {role: url.replace(f":{azurite.port}/", f":{proxy.port}/") for role, url in accounts.urls.items()}
    prefix = calm_store.blob("work/x").container_name.removesuffix("work")
    with closing(accounts.at(by_proxy).store(prefix, transfers=IMPATIENT)) as store:
        yield store


@pytest.mark.parametrize(
    "burst",
    [
        [Fault("busy")] * RETRIES,
        [Fault("lose_answer")] * RETRIES,
        [Fault("reset", method="GET")] * 2,
        [Fault("stall", method="GET")],
        [Fault("busy"), Fault("lose_answer"), Fault("reset", method="GET")],
    ],
    ids=["busy", "answers-lost", "reset-half-way", "stalled-half-way", "all-of-it"],
)
def test_a_burst_of_faults_is_ridden_through(
    store: AzureStore, proxy: FaultProxy, tmp_path: Path, burst: list[Fault]
) -> None:
    proxy.queue(*(fault for fault in burst if fault.method != "GET"))
    written = store.put("work/a", CONTENT)
    proxy.queue(*burst)
    assert store.download("work/a", tmp_path / "copy", sha256=written.sha256) == written.sha256
    assert (tmp_path / "copy").read_bytes() == CONTENT
    assert not proxy._queue, "every fault happened"
    needed = (6 + 1) + 6
    assert len(proxy.seen) <= needed + 2 * len(burst)


def test_a_service_that_was_away_for_a_moment_is_found_again(store: AzureStore, proxy: FaultProxy) -> None:
    store.put("work/a", CONTENT)
    proxy.refuse()
    outcomes: list[bytes] = []

    def come_back_or_read(index: int) -> None:
        if index == 0:
            time.sleep(0.1)
            proxy.listen()
        else:
            outcomes.append(store.read_bytes("work/a"))

    in_threads(come_back_or_read, 2)
    assert outcomes == [CONTENT]


ACTIONS: dict[str, Callable[[MediaStore], object]] = {
    "stat": lambda store: store.stat("work/a"),
    "list": lambda store: list(store.list("work/")),
    "put": lambda store: store.put("work/b", b"x"),
    "put-large": lambda store: store.put("work/b", CONTENT),
    "read": lambda store: store.read_bytes("work/a"),
    "delete": lambda store: store.delete("work/a"),
}


@pytest.mark.parametrize("fault", ["busy", "lose_answer"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_service_that_stays_away_is_given_up_on_after_a_bounded_number_of_requests(
    store: AzureStore, calm_store: AzureStore, proxy: FaultProxy, action: str, fault: Kind
) -> None:
    if action != "delete":  # whose answer was lost, but which was done
        calm_store.put("work/a", CONTENT)
    proxy.always = Fault(fault)
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="does not answer") as raised:
        ACTIONS[action](store)
    assert not raised.value.permanent
    assert "\n" not in str(raised.value)
    parallel = IMPATIENT.concurrency if action == "put-large" else 1
    assert len(proxy.seen) <= parallel * (RETRIES + 1)
    assert time.monotonic() - started < 10


def test_a_refused_connection_is_given_up_on(store: AzureStore, proxy: FaultProxy) -> None:
    proxy.refuse()
    for act in ACTIONS.values():
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            act(store)


def test_retries_come_at_growing_intervals(store: AzureStore, proxy: FaultProxy) -> None:
    proxy.always = Fault("busy")
    with pytest.raises(StoreUnavailableError):
        store.stat("work/a")
    pauses = [after.monotonic_seconds - before.monotonic_seconds for before, after in pairwise(proxy.seen)]
    for number, pause in enumerate(pauses):
        mean = IMPATIENT.first_delay_seconds * 2**number
        assert 0.5 * mean <= pause <= 1.5 * mean + 0.5


def test_the_pause_that_the_service_asks_for_is_kept(store: AzureStore, proxy: FaultProxy) -> None:
    proxy.queue(Fault("busy", retry_after_seconds=1))
    assert store.stat("work/a") is None
    first, second = proxy.seen
    assert second.monotonic_seconds - first.monotonic_seconds >= 1


def test_a_download_that_stalls_for_good_fails_instead_of_hanging(store: AzureStore, proxy: FaultProxy) -> None:
    store.put("work/a", CONTENT)
    proxy.always = Fault("stall", method="GET")
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        store.read_bytes("work/a")
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("content", [b"small", CONTENT], ids=["one-request", "blocks"])
def test_a_write_whose_answer_was_lost_knows_itself_again(
    store: AzureStore, calm_store: AzureStore, proxy: FaultProxy, content: bytes
) -> None:
    num_blocks = 0 if content == b"small" else 6
    commit_is_lost = [Fault("pass")] * num_blocks + [Fault("lose_answer")]
    proxy.queue(*commit_is_lost)
    created = store.put("work/a", content, if_absent=True)
    assert calm_store.require("work/a").etag == created.etag
    proxy.queue(*commit_is_lost)
    replaced = store.put("work/a", content, if_match=created.etag)
    assert calm_store.require("work/a").etag == replaced.etag != created.etag
    assert calm_store.digest("work/a") == replaced.sha256


def test_a_lost_answer_is_not_taken_for_success_when_another_wrote_the_same_bytes(
    store: AzureStore, calm_store: AzureStore, proxy: FaultProxy
) -> None:
    calm_store.put("work/a", b"same")
    proxy.queue(Fault("lose_answer"))
    with pytest.raises(PreconditionError, match="exists already"):
        store.put("work/a", b"same", if_absent=True)


def test_a_store_that_is_stopped_and_started_again_keeps_what_was_committed(tmp_path: Path) -> None:
    with (
        Azurite(tmp_path / "azurite") as server,
        AzureAccounts.of(server).containers() as prefix,
        closing(AzureAccounts.of(server).store(prefix, transfers=IMPATIENT)) as store,
    ):
        written = store.put("work/a", CONTENT)
        server.stop()
        with pytest.raises(StoreUnavailableError):
            store.read_bytes("work/a")
        server.start()
        assert store.read_bytes("work/a", sha256=written.sha256) == CONTENT
