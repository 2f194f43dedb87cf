"""Pictures in the metadata: there for every kind of step, true, small, and stored once."""

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import dagster as dg
import numpy as np
import pytest
from PIL import Image

from assets.embedded_pictures import CELL_BUDGET_BYTES, CLIP_BUDGET_BYTES, embed
from dagster_project.definitions import build_defs
from dagster_project.partitions import cell_key, clips
from resources.build import build_resources
from resources.stylizer import StylizerResource
from stylize.records.records import Registration
from stylize.store.keys import registration_key
from tests.clips import BT709, run_ffmpeg
from tests.landing import Landing, open_landing

CLIP = "film"
SOURCE, STYLED = (48, 48, 48), (207, 207, 207)  # gray is the same by every matrix of colours


class _Negative:
    batch_size = 8
    device = "cpu"
    digest = "negative"
    memory_rung = "8 frames at once"

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        return 255 - frames


class Painter(StylizerResource):
    def transform(self, *_arguments: Any, **_options: Any) -> Any:
        return _Negative()


def shown(landing: Landing, asset: str, partition: str) -> dict[str, Image.Image]:
    """The pictures in the last materialization, by name."""
    return {name: picture_in(text) for name, text in markdown(landing, asset, partition).items()}


def markdown(landing: Landing, asset: str, partition: str) -> dict[str, str]:
    wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition])
    (record,) = landing.instance.fetch_materializations(wanted, limit=1).records
    metadata = record.asset_materialization.metadata
    return {name: value.value for name, value in metadata.items() if isinstance(value, dg.MarkdownMetadataValue)}


def picture_in(text: str) -> Image.Image:
    found = re.fullmatch(r"!\[[a-z ]+\]\(data:image/webp;base64,([A-Za-z0-9+/=]+)\)", text)
    return Image.open(io.BytesIO(base64.b64decode(found[1])), formats=["WEBP"])


def color_at(image: Image.Image, x: float, y: float) -> np.ndarray:
    """The colour at a place given as fractions of width and height."""
    return np.asarray(image.convert("RGB"), int)[int(y * (image.height - 1)), int(x * (image.width - 1))]


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landing]:
    """A dark film with a tone, in two segments, delivered as its negative."""
    home = tmp_path_factory.mktemp("home")
    (home / "instance").mkdir()
    dark = ("-f", "lavfi", "-i", "color=c=0x303030:size=256x144:rate=24:duration=2")
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:duration=2")
    run_ffmpeg(*dark, *tone, "-vf", f"{BT709},format=yuv420p", "-c:v", "libx264", "-c:a", "aac", home / "film.mp4")
    with open_landing(home) as landing:
        overrides = {
            "store": dg.ResourceDefinition.hardcoded_resource(landing.store),
            "stylizer": Painter(**build_resources(landing.settings)["stylizer"].model_dump()),
        }
        landing.definitions = build_defs(landing.settings, overrides)
        landing.put("film.mp4", home / "film.mp4")
        landing.instance.add_dynamic_partitions(str(clips.name), [CLIP])
        Registration(landing_key="landing/film.mp4").write(landing.store, registration_key(CLIP))
        config = {"ops": {"source_video": {"config": {"frames_per_segment": 24}}}}
        assert landing.run("choose_look_job", CLIP).success
        assert landing.run("read_clip_job", CLIP, config).success
        landing.automate("film.mp4")
        yield landing


@pytest.mark.parametrize("segment", [0, 1])
def test_a_segment_shows_its_sources_above_its_styled_frames_and_moves(landing: Landing, segment: int) -> None:
    pictures = shown(landing, "styled_frames", cell_key(CLIP, segment))
    sheet, loop = pictures["before_and_after"], pictures["preview"]
    for column in range(4):
        assert color_at(sheet, (column + 0.5) / 4, 0.25) == pytest.approx(SOURCE, abs=12)
        assert color_at(sheet, (column + 0.5) / 4, 0.75) == pytest.approx(STYLED, abs=12)
    assert loop.format == "WEBP"
    assert color_at(loop, 0.5, 0.5) == pytest.approx(STYLED, abs=12)


def test_a_segment_that_is_reused_shows_the_same_frames(landing: Landing) -> None:
    cell = cell_key(CLIP, 1)
    before = shown(landing, "styled_frames", cell)
    assert landing.run("style_segment_job", cell).success
    after = shown(landing, "styled_frames", cell)
    assert after.keys() == before.keys()
    for name in before:
        pixels = [np.asarray(pictures[name].convert("RGB"), int) for pictures in (before, after)]
        assert pixels[0].shape == pixels[1].shape
        # Reused frames are shown as they were delivered, so their encoding lies between the two.
        assert np.abs(pixels[0] - pixels[1]).mean() < 4


def test_a_reused_segment_without_stored_sources_shows_what_is_left(landing: Landing) -> None:
    cell = cell_key(CLIP, 0)
    for info in list(landing.store.list("work/")):
        if info.key.endswith("/frames/1/00000.mkv"):
            landing.store.delete(info.key)
    assert landing.run("style_segment_job", cell).success
    sheet = shown(landing, "styled_frames", cell)["before_and_after"]
    assert color_at(sheet, 0.1, 0.25) == pytest.approx(STYLED, abs=12)
    assert landing.run("split_frames_job", cell).success


def test_a_delivery_shows_a_poster_and_both_sides_and_links_a_film_of_them(landing: Landing) -> None:
    pictures = shown(landing, "final_video", CLIP)
    poster, loop = pictures["poster"], pictures["preview"]
    assert poster.size == (256, 144)
    # The film is made for looking at: FFmpeg's program converts colours more roughly than delivered frames are.
    assert color_at(poster, 0.5, 0.5) == pytest.approx(STYLED, abs=30)
    assert color_at(loop, 0.25, 0.5) == pytest.approx(SOURCE, abs=30)
    assert color_at(loop, 0.75, 0.5) == pytest.approx(STYLED, abs=30)
    (record,) = landing.instance.fetch_materializations(dg.AssetKey("final_video"), limit=1).records
    film = Path(str(record.asset_materialization.metadata["side_by_side"].value))
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (512, 144)
        assert sum(1 for _ in container.decode(stream)) == 48


def test_a_delivery_that_is_complete_makes_its_lost_preview_again(landing: Landing) -> None:
    (preview,) = [info.key for info in landing.store.list(f"work/{CLIP}/") if "/previews/" in info.key]
    size_bytes = landing.store.require(preview).size_bytes
    landing.store.delete(preview)
    assert landing.run("deliver_clip_job", CLIP).success
    assert landing.store.require(preview).size_bytes == pytest.approx(size_bytes, rel=0.05)
    assert set(shown(landing, "final_video", CLIP)) == {"poster", "preview"}


def test_the_sound_shows_a_waveform(landing: Landing) -> None:
    wave = shown(landing, "audio_track", CLIP)["waveform"]
    blue = (np.asarray(wave.convert("RGB")) == (46, 110, 183)).all(axis=2)
    assert blue.any(axis=0).mean() > 0.9


def test_a_shipped_style_shows_its_sample(landing: Landing) -> None:
    landing.instance.add_dynamic_partitions("styles", ["great-wave"])
    assert landing.run("load_style_job", "great-wave").success
    sample = shown(landing, "style_model", "great-wave")["sample"]
    with Image.open(Path(build_resources(landing.settings)["stylizer"].styles_dir) / "great-wave/sample.jpg") as jpeg:
        expected = np.asarray(jpeg.convert("RGB").resize((32, 12)), int)
    assert np.abs(np.asarray(sample.convert("RGB").resize((32, 12)), int) - expected).mean() < 8


def test_every_materialization_keeps_to_its_budget_and_is_stored_once(landing: Landing) -> None:
    budgets = {
        "styled_frames": (CELL_BUDGET_BYTES, cell_key(CLIP, 0)),
        "final_video": (CLIP_BUDGET_BYTES, CLIP),
        "audio_track": (CLIP_BUDGET_BYTES, CLIP),
    }
    for asset, (budget_bytes, partition) in budgets.items():
        assert 0 < sum(map(len, markdown(landing, asset, partition).values())) <= budget_bytes
    entries = [entry for run in landing.instance.get_runs() for entry in landing.instance.all_logs(run.run_id)]
    holding = [entry for entry in entries if "data:image/webp;base64," in dg.serialize_value(entry)]
    kinds = {entry.dagster_event.event_type for entry in holding if entry.dagster_event}
    assert kinds == {dg.DagsterEventType.ASSET_MATERIALIZATION}


@pytest.mark.parametrize("budget_bytes", [CELL_BUDGET_BYTES, CLIP_BUDGET_BYTES])
def test_whatever_a_picture_shows_the_budget_holds(budget_bytes: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (292, 1036, 3), np.uint8)
    shown = embed({"one": noise, "none": None, "two": noise}, budget_bytes=budget_bytes)
    lengths = [len(str(value.value)) for value in shown.values()]
    assert list(shown) == ["one", "two"]
    assert budget_bytes / 3 < sum(lengths) <= budget_bytes
