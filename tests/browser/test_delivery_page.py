"""What a customer sees who opens the page of a delivery: the slider parts source and result, and nothing is fetched."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from stylize.pictures.delivery_page import render_page
from tests.delivery_pages import DIGEST, RECEIPT, flat, moment, page_of

SOURCE, RESULT = 48, 207
LATER_SOURCE, LATER_RESULT = 90, 150
HOSTILE = "landing/<img src=x onerror=document.body.replaceChildren()>.mp4"


@pytest.fixture
def index(tmp_path: Path, clip: Callable[[str], Path]) -> Path:
    """A page on disk, with the video beside it where a delivery has it."""
    moments = (moment(0, flat(SOURCE), flat(RESULT)), moment(24, flat(LATER_SOURCE), flat(LATER_RESULT)))
    receipt = {"source": RECEIPT["source"] | {"upload": HOSTILE}}
    (tmp_path / "index.html").write_bytes(render_page(page_of(*moments, receipt=receipt)))
    (tmp_path / DIGEST[:16]).mkdir()
    (tmp_path / DIGEST[:16] / "film.mp4").write_bytes(clip("constant_rate").read_bytes())
    return tmp_path / "index.html"


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, device_scale_factor=1)
    context.set_default_timeout(120_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, index: Path) -> Page:
    page = context.new_page()
    page.goto(index.as_uri())
    return page


def levels(picture: Locator) -> np.ndarray:
    """Gray levels along a line above the middle, where nothing is written on the pictures, from left to right."""
    with Image.open(io.BytesIO(picture.screenshot())) as image:
        pixels = np.asarray(image.convert("L"), int)
    return pixels[len(pixels) // 4]


def share_of_source(stage: Locator, source: int = SOURCE, result: int = RESULT) -> float:
    """Share of the picture that shows the source; all of that must lie on the left, and the result on the right."""
    line = levels(stage)
    is_source, is_result = np.abs(line - source) < 6, np.abs(line - result) < 6
    assert (is_source | is_result).mean() > 0.95  # the rest is the line between them
    edge = int(is_source.sum())
    assert is_source[: max(0, edge - 8)].all()
    assert is_result[edge + 24 :].all()
    return edge / len(line)


def test_the_slider_parts_source_and_result_and_moves_by_keyboard(page: Page) -> None:
    stage, slider = page.locator(".stage"), page.get_by_role("slider")
    assert share_of_source(stage) == pytest.approx(0.5, abs=0.02)
    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    assert share_of_source(stage) == pytest.approx(0.2, abs=0.02)
    page.keyboard.press("End")
    assert share_of_source(stage) == pytest.approx(1, abs=0.02)
    page.keyboard.press("Home")
    assert share_of_source(stage) == pytest.approx(0, abs=0.02)


def test_the_slider_follows_the_pointer(page: Page) -> None:
    stage = page.locator(".stage")
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60)
    page.mouse.up()
    assert share_of_source(stage) == pytest.approx(0.8, abs=0.02)
    assert page.get_by_role("slider").input_value() == "80"


def test_another_moment_shows_another_pair_by_the_same_slider(page: Page) -> None:
    page.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowRight")
    assert share_of_source(page.locator(".stage"), LATER_SOURCE, LATER_RESULT) == pytest.approx(0.5, abs=0.02)


def test_no_request_leaves_the_folder_and_no_name_becomes_an_element(context: BrowserContext, index: Path) -> None:
    page = context.new_page()
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(index.as_uri())
    page.wait_for_function("document.querySelector('video').readyState >= 1")
    assert page.evaluate("document.querySelector('video').videoWidth") == 96
    fetched = {url for url in requests if not url.startswith("data:")}
    assert fetched == {index.as_uri(), (index.parent / DIGEST[:16] / "film.mp4").as_uri()}
    assert page.get_by_role("heading", level=1).inner_text() == HOSTILE.removeprefix("landing/")
    assert not complaints


def test_a_script_that_got_into_the_page_would_not_run(context: BrowserContext, index: Path) -> None:
    hostile = b"<script>document.title = 'taken over'</script><img src='x' onerror=\"document.title = 'taken over'\">"
    index.write_bytes(index.read_bytes().replace(b"<main>", b"<main>" + hostile))
    page = context.new_page()
    page.goto(index.as_uri(), wait_until="load")
    assert page.title() != "taken over"


def test_without_scripts_both_pictures_stand_side_by_side(chromium: Browser, index: Path) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(index.as_uri())
    boxes = [image.bounding_box() for image in page.locator(".pair img").all()]
    assert len(boxes) == 4
    for before, after in zip(boxes[::2], boxes[1::2], strict=True):
        assert before["y"] == after["y"]
        assert before["x"] + before["width"] < after["x"]
    assert not page.get_by_role("slider").is_visible()
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desk(chromium: Browser, index: Path, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    page.goto(index.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()
