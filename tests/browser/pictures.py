"""Pictures of a page: for the documentation, and to see whether something was painted at all."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

# The last place on the screen where a text begins; a locator knows only the element around it, however large.
TOP_OF_TEXT = """text => {
    const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let top = null;
    while (nodes.nextNode()) {
        const at = nodes.currentNode.data.indexOf(text);
        if (at < 0) continue;
        const place = document.createRange();
        place.setStart(nodes.currentNode, at);
        place.setEnd(nodes.currentNode, at + text.length);
        const box = place.getBoundingClientRect();
        if (box.height && box.bottom <= innerHeight) top = box.top;
    }
    return top;
}"""


def take_picture(page: Page, path: Path, *, above: str | None = None) -> None:
    """Save the page as lossless WebP once nothing is loading; only what is ``above`` a text, if there is one."""
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("progressbar", name="loading")).to_have_count(0)
    width, height = page.evaluate("[innerWidth, innerHeight]")
    if above is not None:
        height = page.evaluate(TOP_OF_TEXT, above)
    shown = page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": height}, animations="disabled")
    with Image.open(io.BytesIO(shown)) as picture:
        picture.convert("RGB").save(path, lossless=True, method=6)


def expect_painted(image: Locator) -> None:
    """Fail unless an image element shows pixels of more than one colour."""
    image.scroll_into_view_if_needed()
    expect(image).to_be_visible()
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("image => image.naturalWidth") > 0
    with Image.open(io.BytesIO(image.screenshot())) as shown:
        darkest_and_lightest = shown.convert("L").getextrema()
    assert darkest_and_lightest[1] - darkest_and_lightest[0] > 32, darkest_and_lightest
