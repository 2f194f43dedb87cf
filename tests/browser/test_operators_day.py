"""The day of an operator, clicked through in the real UI: every answer is read off the page, as a person would.

All tests share one deployment. Each has a clip of its own, so that any of them can be run alone, in any order.
"""

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import dagster as dg
import pytest
from playwright.sync_api import Page, expect

from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from stylize.store.folder_store import FolderStore
from stylize.store.keys import landing_key
from tests.browser.conftest import Picture
from tests.browser.dagster_ui import DONE_MS, Operator
from tests.browser.pictures import expect_painted
from tests.browser.prepared_clips import ClipDesk, SourceClips, TroubledClips, swap_bytes
from tests.deployment import Deployment, wait_until

pytestmark = pytest.mark.timeout(900)

PER_PARTITION = "per_partition_automation_sensor"


@pytest.fixture
def operator(page: Page) -> Operator:
    return Operator(page)


@pytest.fixture
def automation_off(operator: Operator) -> Iterator[None]:
    """Segments start only when the operator says so."""
    operator.switch(PER_PARTITION, on=False)
    yield
    operator.switch(PER_PARTITION, on=True)


def _is_delivered(store: FolderStore, clip: str) -> bool:
    return store.stat(f"delivery/{clip}/latest.json") is not None


def _expect_delivered_once(store: FolderStore, clip: str) -> None:
    latest = json.loads(store.read_bytes(f"delivery/{clip}/latest.json"))
    assert [info.key for info in store.list(f"delivery/{clip}/") if info.key.endswith(".mp4")] == [latest["video_key"]]


def test_the_lineage_shows_every_asset_by_its_full_name_apart_from_the_others(
    operator: Operator, picture: Picture
) -> None:
    graph = build_defs(Settings(home=Path("/nowhere"))).resolve_asset_graph()
    operator.open_lineage(tree=False)
    boxes = {}
    for key in graph.get_all_asset_keys():
        name = operator.node(key.to_user_string())
        expect(name).to_be_in_viewport(ratio=1)
        assert name.evaluate("name => name.scrollWidth <= name.clientWidth"), f"the name of {key} is cut off"
        boxes[key] = name.locator("xpath=..").bounding_box()
    for (key, box), (other_key, other) in combinations(boxes.items(), 2):
        apart = box["x"] + box["width"] <= other["x"] or other["x"] + other["width"] <= box["x"]
        apart |= box["y"] + box["height"] <= other["y"] or other["y"] + other["height"] <= box["y"]
        assert apart, f"{key} and {other_key} overlap"
    expect(operator.page.locator("foreignObject [style*='green']").first).to_be_visible()  # what is materialized
    picture("lineage")


def test_the_graph_says_of_every_asset_what_it_is(page: Page) -> None:
    graph = build_defs(Settings(home=Path("/nowhere"))).resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        page.goto(f"/asset-groups/{key.to_user_string()}", wait_until="domcontentloaded")
        description = graph.get(key).description
        assert description, key
        expect(page.get_by_text(" ".join(description.split())[:50]).first).to_be_visible()


def test_a_failed_segment_is_found_by_its_red_dot_and_after_its_repair_the_video_follows_by_itself(
    operator: Operator, troubled: TroubledClips, store: FolderStore, picture: Picture
) -> None:
    clip = troubled.damaged
    operator.open_partitions("styled_frames")
    expect(operator.dots(clip, "red")).to_have_count(1, timeout=DONE_MS)
    operator.row(clip).click()
    expect(operator.dots("000", "green")).to_have_count(1)
    expect(operator.dots("001", "red")).to_have_count(1)
    operator.row("001").click()
    expect(operator.page.get_by_text("failed, and did not materialize this asset")).to_be_visible()
    picture("red-dot")

    operator.page.get_by_role("button", name="View logs").click()
    expect(operator.dialog.get_by_text(f"materialize frames of clip '{clip}' again").last).to_be_visible()
    picture("error", above="Stack Trace:")  # what comes after it names folders of this machine
    operator.dialog.get_by_role("button", name="Done").click()

    assert not _is_delivered(store, clip)
    operator.open_partitions("frames")
    operator.choose_cell(clip, "001")
    operator.materialize()
    picture("rematerialize")
    operator.launch("Launch 1 run")

    operator.open_partitions("final_video")
    expect(operator.dots(clip, "green")).to_have_count(1, timeout=DONE_MS)
    _expect_delivered_once(store, clip)
    operator.row(clip).click()
    expect(operator.page.get_by_text("frames_table")).to_be_visible()
    picture("delivered")


def test_a_backfill_of_failed_and_missing_only_leaves_alone_what_is_done(
    operator: Operator, troubled: TroubledClips, store: FolderStore, deployment: Deployment, picture: Picture
) -> None:
    clip = troubled.outage
    operator.open_partitions("styled_frames")
    operator.row(clip).click()
    for segment in ("001", "002"):
        expect(operator.dots(segment, "red")).to_have_count(1, timeout=DONE_MS)
    for chunk in troubled.outage_chunks:
        swap_bytes(chunk)

    with deployment.instance() as instance:
        before = _materializations(instance, f"{clip}|000")
        operator.row("001").click()
        operator.materialize()
        operator.dialog.get_by_role("button", name="All", exact=True).nth(1).click()
        operator.dialog.get_by_text("Backfill only failed and missing partitions within selection").click()
        expect(operator.dialog.get_by_text("Only 2 failed and missing partitions")).to_be_visible()
        picture("failed-and-missing")
        operator.launch("Launch backfill")
        operator.open_partitions("final_video")
        expect(operator.dots(clip, "green")).to_have_count(1, timeout=DONE_MS)
        assert _materializations(instance, f"{clip}|000") == before
    _expect_delivered_once(store, clip)


def _materializations(instance: dg.DagsterInstance, cell: str) -> int:
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey("styled_frames"), asset_partitions=[cell])
    return len(instance.fetch_materializations(wanted, limit=100).records)


@pytest.mark.usefixtures("automation_off")
def test_a_backfill_from_the_dialog_styles_a_clip_and_delivers_it(
    operator: Operator,
    troubled: TroubledClips,
    store: FolderStore,
    deployment: Deployment,
    picture: Picture,
) -> None:
    clip = troubled.undecided
    with deployment.instance() as instance:
        ClipDesk(deployment.home, instance).choose_look(clip)
        operator.select_in_lineage({"styling": "styled_frames", "delivery": "final_video"})
        operator.materialize("Materialize selected")
        operator.choose_in_dialog(clip)
        operator.choose_in_dialog("000", "001")
        picture("backfill-dialog")
        operator.launch("Launch backfill")
        (backfill,) = instance.get_backfills(limit=1)
    operator.page.goto(f"/runs/b/{backfill.backfill_id}", wait_until="domcontentloaded")
    expect(operator.page.get_by_text("100% completed")).to_have_count(2, timeout=DONE_MS)
    picture("backfill")
    operator.open_partitions("final_video")
    expect(operator.dots(clip, "green")).to_have_count(1)
    _expect_delivered_once(store, clip)


def test_a_dropped_video_is_seen_by_the_sensor_delivered_and_reported_with_plots(
    operator: Operator, source_clips: SourceClips, store: FolderStore, picture: Picture
) -> None:
    source = source_clips.make("chelsea", num_frames=24)
    store.put(landing_key(source.name), source)
    operator.open_sensor("upload_sensor")
    expect(operator.page.get_by_text("1 run requested").first).to_be_visible(timeout=DONE_MS)
    picture("sensor")
    wait_until(lambda: _is_delivered(store, "chelsea"), DONE_MS / 1000)
    operator.open_partitions("final_video")
    expect(operator.dots("chelsea", "green")).to_have_count(1)
    _expect_delivered_once(store, "chelsea")

    operator.open_partitions("processing_report")
    expect(operator.dots("chelsea", "green")).to_have_count(1, timeout=DONE_MS)
    operator.row("chelsea").click()
    for plot in operator.pictures():
        expect_painted(plot)


def test_pictures_of_a_segment_and_of_its_sound_can_be_looked_at(
    operator: Operator, troubled: TroubledClips, picture: Picture
) -> None:
    operator.open_partitions("styled_frames")
    operator.choose_cell(troubled.damaged, "000")
    pictures = operator.pictures()
    for index, image in enumerate(pictures):
        expect_painted(image)
        if index == 0:
            picture("preview")
    operator.open_partitions("audio_track")
    operator.row(troubled.damaged).click()
    expect_painted(operator.page.get_by_role("img", name="waveform"))
