"""The page of a delivery through the whole graph: true, linked rightly, renewed with the delivery, never in its way."""

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from dagster_project.definitions import build_defs
from resources.build import build_resources
from resources.stylizer import StylizerResource
from stylize.records.records import Delivery
from stylize.store.azure.blob_store import AzureStore
from stylize.store.keys import delivery_page_key, latest_delivery_key
from stylize.store.media_store import MediaStore
from tests.landing import Landing, open_landing

Clip = Callable[[str], Path]
CLIP = "film"
PAGE = delivery_page_key(CLIP)
MOMENTS = [6, 20, 33]


class _Unchanged:
    batch_size = 8
    device = "cpu"
    digest = "unchanged"
    memory_rung = "8 frames at once"

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        return frames


class Painter(StylizerResource):
    """Delivers what it is given, so that before and after are alike if they are the same frame."""

    def transform(self, *_arguments: Any, **_options: Any) -> Any:
        return _Unchanged()


def deliver(home: Path, video: Path, store: MediaStore | None = None) -> Iterator[Landing]:
    (home / "instance").mkdir(parents=True)
    with open_landing(home, store) as landing:
        overrides = {
            "store": dg.ResourceDefinition.hardcoded_resource(landing.store),
            "stylizer": Painter(**build_resources(landing.settings)["stylizer"].model_dump()),
        }
        landing.definitions = build_defs(landing.settings, overrides)
        landing.put("film.mp4", video)
        landing.deliver("film.mp4")
        yield landing


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory, clip: Clip) -> Iterator[Landing]:
    """A film in which every frame differs, delivered as it is."""
    yield from deliver(tmp_path_factory.mktemp("home"), clip("constant_rate"))


def page(landing: Landing) -> str:
    return landing.store.read_bytes(PAGE).decode()


def pictures(document: str, side: str) -> list[np.ndarray]:
    found = re.findall(rf'<img src="data:image/webp;base64,([^"]+)"[^>]*alt="{side}', document)
    opened = (Image.open(io.BytesIO(base64.b64decode(content))) for content in found)
    return [np.asarray(image.convert("RGB"), int) for image in opened]


def objects(landing: Landing) -> dict[str, str]:
    """Digests of all that customers find, but the page."""
    return {info.key: landing.store.digest(info.key) for info in landing.store.list("delivery/") if info.key != PAGE}


def metadata(landing: Landing) -> dict[str, Any]:
    (record,) = landing.instance.fetch_materializations(dg.AssetKey("final_video"), limit=1).records
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def test_before_and_after_are_the_same_frame(landing: Landing) -> None:
    sources, results = pictures(page(landing), "Source"), pictures(page(landing), "Result")
    assert len(sources) == len(results) == len(MOMENTS)
    for place, result in enumerate(results):
        distances = [np.abs(result - source).mean() for source in sources]
        assert distances[place] < 8
        assert distances[place] < min(distances[:place] + distances[place + 1 :]) / 2


def test_its_links_lead_to_what_was_delivered(landing: Landing) -> None:
    delivery = Delivery.read(landing.store, latest_delivery_key(CLIP))
    links = dict.fromkeys(re.findall(r'(?:href|src)="\./([^"]+)"', page(landing)))
    assert [f"delivery/{CLIP}/{link}" for link in links] == [
        delivery.video_key,
        delivery.receipt_key,
        delivery.table_key,
    ]
    assert metadata(landing)["page"] == landing.store.location(PAGE)


def test_a_lost_page_is_made_again_as_it_was_and_nothing_else_is_touched(landing: Landing) -> None:
    before, document = objects(landing), page(landing)
    landing.store.delete(PAGE)
    assert landing.run("deliver_clip_job", CLIP).success
    assert page(landing) == document
    assert objects(landing) == before


def test_a_page_that_shows_its_delivery_is_left_as_it_is(landing: Landing) -> None:
    etag = landing.store.require(PAGE).etag
    assert landing.run("deliver_clip_job", CLIP).success
    assert landing.store.require(PAGE).etag == etag


def test_a_newer_delivery_has_its_page_and_the_older_one_stays(landing: Landing) -> None:
    before, first = objects(landing), Delivery.read(landing.store, latest_delivery_key(CLIP))
    config = {"ops": {"clip_settings": {"config": {"style": "scream"}}}}
    assert landing.run("choose_look_job", CLIP, config).success
    landing.automate("film.mp4")
    second = Delivery.read(landing.store, latest_delivery_key(CLIP))
    assert second.delivery != first.delivery
    assert f"./{second.delivery[:16]}/film.mp4" in page(landing)
    assert first.delivery[:16] not in page(landing)
    assert "scream" in page(landing)
    after = objects(landing)
    assert {key: after[key] for key in before if not key.endswith("latest.json")} == {
        key: digest for key, digest in before.items() if not key.endswith("latest.json")
    }


def test_where_the_sources_have_expired_the_page_shows_the_result(landing: Landing) -> None:
    for info in list(landing.store.list("work/")):
        if "/frames/" in info.key and info.key.endswith(".mkv"):
            landing.store.delete(info.key)
    landing.store.delete(PAGE)
    assert landing.run("deliver_clip_job", CLIP).success
    assert not pictures(page(landing), "Source")
    assert len(pictures(page(landing), "Result")) == len(MOMENTS)


def test_a_delivery_that_cannot_be_shown_is_delivered(landing: Landing) -> None:
    delivery = Delivery.read(landing.store, latest_delivery_key(CLIP))
    video = Path(landing.store.location(delivery.video_key))
    content = video.read_bytes()
    landing.store.delete(PAGE)
    try:
        video.write_bytes(content[: len(content) // 2])
        assert landing.run("deliver_clip_job", CLIP).success
    finally:
        video.write_bytes(content)
    assert landing.store.stat(PAGE) is None
    assert metadata(landing)["page"].startswith("none")


def test_on_azure_a_browser_is_told_that_it_is_a_page(azure_store: AzureStore, clip: Clip, tmp_path: Path) -> None:
    for landing in deliver(tmp_path, clip("one_frame"), azure_store):
        properties = azure_store.blob(PAGE).get_blob_properties()
        assert properties.content_settings.content_type == "text/html; charset=utf-8"
        assert len(pictures(page(landing), "Source")) == 1
