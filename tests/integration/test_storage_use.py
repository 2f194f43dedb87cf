"""The receipt says what a clip cost its store."""

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from stylize.store.azure.blob_store import AzureStore
from tests.landing import Landing, open_landing

Clip = Callable[[str], Path]


def _receipt(landing: Landing) -> dict:
    latest = json.loads(landing.store.read_bytes("delivery/film/latest.json"))
    return json.loads(landing.store.read_bytes(latest["receipt_key"]))


def _recorded_requests(landing: Landing) -> int:
    """Requests that the steps before the delivery recorded, counted another way than the product does."""
    total = 0
    for asset in ("source_video", "audio_track", "frames", "styled_frames"):
        records = landing.instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
        metadata = [record.asset_materialization.metadata for record in records if record.asset_materialization]
        total += sum(int(str(found["storage_requests"].value)) for found in metadata if "storage_requests" in found)
    return total


def test_a_receipt_states_the_bytes_and_the_requests_of_its_clip(
    azure_store: AzureStore, clip: Clip, tmp_path: Path
) -> None:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path, azure_store) as landing:
        landing.put("film.mp4", clip("one_frame"))
        landing.deliver("film.mp4")
        storage = _receipt(landing)["storage"]
        recorded = _recorded_requests(landing)
    stored = storage["stored_bytes"]
    sizes = {info.key: info.size_bytes for area in ("work/", "delivery/") for info in azure_store.list(area)}
    assert stored["original"] == clip("one_frame").stat().st_size
    for part, folder in (("frames", "/frames/"), ("styled", "/styled/")):
        assert stored[part] == sum(size for key, size in sizes.items() if folder in key and key.endswith(".mkv"))
    delivered = {key: size for key, size in sizes.items() if key.startswith("delivery/")}
    assert stored["delivered"] == sum(size for key, size in delivered.items() if key.endswith((".mp4", ".parquet")))
    assert 0 < recorded < storage["requests"]  # the rest are those of the delivery itself
    assert storage["sent_bytes"] >= sum(stored.values())
    assert storage["received_bytes"] >= stored["original"] + stored["frames"] + stored["styled"]


def test_a_delivery_that_was_killed_before_it_was_named_the_latest_keeps_its_receipt(
    azure_store: AzureStore, clip: Clip, tmp_path: Path
) -> None:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path, azure_store) as landing:
        landing.put("film.mp4", clip("one_frame"))
        landing.deliver("film.mp4")
        before = azure_store.read_bytes("delivery/film/latest.json")
        azure_store.delete("delivery/film/latest.json")
        assert landing.run("deliver_clip_job", "film").success
        assert azure_store.read_bytes("delivery/film/latest.json") == before
