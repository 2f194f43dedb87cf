"""Azure is busy, loses answers, and is away for a minute while clips are on their way: all come whole in the end."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from azurite.server import Azurite, AzuriteError
from stylize.records.content import current_content, read_plan
from stylize.records.records import SegmentRecord, digest_of_file
from stylize.records.uploads import UploadVersion
from stylize.store.azure.account import Transfers
from stylize.store.azure.blob_store import AzureStore
from tests.azure_accounts import AzureAccounts
from tests.clips import AAC, picture, run_ffmpeg, sound, x264
from tests.conftest import Restyle
from tests.deployment import Deployment, wait_until
from tests.fault_proxy import Fault
from tests.landing import open_landing
from tests.rough_network import RoughNetwork

Clip = Callable[[str], Path]

OUTAGE_SECONDS = 60
PREFIX = "test-"
NUM_FRAMES, NUM_CHUNKS = 600, 25  # in three segments
# Without resets: the SDK does not try again after one in the words of an error, e.g. that there is no such blob.
QUICK_TROUBLE = (Fault("busy"), Fault("lose_answer"), Fault("pass"))
QUICK = Transfers(block_bytes=64 * 1024, connect_seconds=1.0, read_seconds=1.0, first_delay_seconds=0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A server of this test's own, the way to it, and its store past all trouble."""

    server: Azurite
    network: RoughNetwork
    accounts: AzureAccounts
    store: AzureStore


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(Azurite(tmp_path / "azurite"))
        except AzuriteError as error:
            pytest.skip(f"Azurite does not run here: {error}")
        network = stack.enter_context(RoughNetwork(server.port, share=0.05, late_seconds=1.5))
        direct = AzureAccounts.of(server)
        urls = {role: url.replace(f":{server.port}/", f":{network.port}/") for role, url in direct.urls.items()}
        store = stack.enter_context(closing(direct.store(PREFIX)))
        store.create_containers()
        yield Cloud(server=server, network=network, accounts=direct.at(urls), store=store)


@pytest.fixture
def deployment(tmp_path: Path, cloud: Cloud) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path / "deployed", cloud.accounts.environment(PREFIX))
    yield deployment
    deployment.end()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    run_ffmpeg(*picture(), *sound(seconds="25"), *x264(frames=NUM_FRAMES), *AAC, path)
    return path


def _delivered(store: AzureStore) -> set[str]:
    closed = [UploadVersion.read(store, info.key) for info in store.list("uploads/closed/")]
    return {version.clip for version in closed if version.state == "delivered"}


def _num_styled(store: AzureStore) -> int:
    return sum("/styled/" in info.key and info.key.endswith(".mkv") for info in store.list("work/film/"))


def _assert_whole(store: AzureStore, clip: str, num_frames: int) -> str:
    """Every chunk is there as its record says, without a gap, and there is one delivery, whose digest is returned."""
    keys = current_content(store, clip)
    plan = read_plan(store, keys)
    for segment_key in (keys.frames_segment, keys.styled_segment):
        records = [SegmentRecord.read(store, segment_key(segment.index)) for segment in plan.segments]
        chunks = [chunk for record in records for chunk in record.chunks]
        assert [chunk.start for chunk in chunks] + [num_frames] == [0] + [chunk.stop for chunk in chunks]
        assert [store.digest(chunk.key) for chunk in chunks] == [chunk.sha256 for chunk in chunks]
    assert sum(info.key.endswith("/receipt.json") for info in store.list(f"delivery/{clip}/")) == 1
    latest = json.loads(store.read_bytes(f"delivery/{clip}/latest.json"))
    receipt = json.loads(store.read_bytes(latest["receipt_key"]))
    assert receipt["counts"]["frames"] == num_frames
    assert all(receipt["checks"].values())
    assert store.digest(latest["video_key"]) == latest["video_sha256"]
    return latest["video_sha256"]


def test_a_clip_comes_whole_through_a_network_that_fails_every_fifth_request(
    cloud: Cloud, clip: Clip, tmp_path: Path
) -> None:
    cloud.network.share, cloud.network.late_seconds, cloud.network.trouble = 0.2, 0.3, QUICK_TROUBLE
    (tmp_path / "instance").mkdir()
    store = cloud.accounts.store(PREFIX, transfers=QUICK)
    with closing(store), open_landing(tmp_path, store) as landing:
        landing.put("film.mp4", clip("constant_rate"))
        landing.deliver("film.mp4")
        assert landing.states("film.mp4") == ["delivered"]
        assert len(landing.instance.get_runs()) == 5, "one for each step: no run failed"
    assert set(cloud.network.happened) == {"busy", "lose_answer", "pass"}
    _assert_whole(cloud.store, "film", 40)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_azure_is_away_for_a_minute_and_work_goes_on_by_itself(
    cloud: Cloud, deployment: Deployment, film: Path, clip: Clip, restyle: Restyle
) -> None:
    undisturbed = restyle(film)
    cloud.store.put("landing/film.mp4", film)
    deployment.start()
    wait_until(lambda: _num_styled(cloud.store) >= 3, 300)
    cloud.store.put("landing/late.mp4", clip("one_frame"))
    assert _num_styled(cloud.store) < NUM_CHUNKS, "it goes away in the middle"
    cloud.server.stop()
    went = time.monotonic()
    time.sleep(OUTAGE_SECONDS)
    cloud.server.start()
    came = time.monotonic()
    wait_until(lambda: _delivered(cloud.store) == {"film", "late"}, 600)

    assert set(cloud.network.happened) == {"busy", "lose_answer", "reset", "pass"}
    assert _assert_whole(cloud.store, "film", NUM_FRAMES) == digest_of_file(Path(undisturbed["output"]))
    _assert_whole(cloud.store, "late", 1)
    # Whoever asks does so six times in half a minute. Two sensors and two runs make 50 requests in a minute, or
    # somewhat more where a run moves several blocks; to try without a pause would make thousands.
    in_vain = [seen for seen in cloud.network.seen if went < seen.monotonic_seconds < came]
    assert 0 < len(in_vain) < 2 * OUTAGE_SECONDS
    with deployment.instance() as instance:
        _assert_few_runs(instance)


def _assert_few_runs(instance: dg.DagsterInstance) -> None:
    """One run per step and partition, and one more at most where the trouble was longer than the tries of a step.

    Reports are not among them: they follow a delivery sooner or later.
    """
    report = {dg.AssetKey("processing_report")}
    launched = Counter(_what_it_does(run) for run in instance.get_runs() if run.asset_selection != report)
    assert len(launched) == (4 + 3) + (4 + 1), "film: 4 steps and 3 segments to style; late: 4 and 1"
    assert max(launched.values()) <= 2, launched


def _what_it_does(run: dg.DagsterRun) -> tuple[str, ...]:
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    where = run.tags.get("dagster/partition") or run.tags["dagster/asset_partition_range_start"]
    return (run.job_name, where, *assets)
