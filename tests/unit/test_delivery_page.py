"""The page of a delivery says what the receipt says, runs nothing but its own script, and keeps to its size."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from stylize.pictures.before_after import MAX_MOMENTS, MAX_SIDE_PIXELS
from stylize.pictures.delivery_page import PAGE_BUDGET_BYTES, DeliveryPage, render_page, shows_delivery
from tests.delivery_pages import DIGEST, RECEIPT, flat, moment, page_of

HOSTILE = "2026/<img src=x onerror=alert(1)> & \"q\" 'r' {{ 7*7 }} \u202egpj.mp4"


class _Elements(HTMLParser):
    """All elements with their attributes, and the text of each kind of element."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(document.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.text[tag] = self.text.get(tag, "") + data

    def attributes(self, name: str) -> list[str]:
        return [str(attributes[name]) for _, attributes in self.found if name in attributes]

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.found if found == tag]


def elements(page: DeliveryPage) -> _Elements:
    return _Elements(render_page(page))


def words(page: DeliveryPage) -> str:
    return " ".join(elements(page).text["body"].split())


def test_what_users_named_and_what_notes_say_stays_text() -> None:
    page = page_of(receipt={"source": RECEIPT["source"] | {"upload": f"landing/{HOSTILE}"}, "notes": [HOSTILE]})
    found = elements(page)
    assert found.text["h1"] == HOSTILE
    assert HOSTILE in found.text["li"]
    assert HOSTILE in found.text["title"]
    assert [tag for tag, _ in found.found] == [tag for tag, _ in elements(page_of(receipt={"notes": ["-"]})).found]
    assert not [name for _, attributes in found.found for name in attributes if name.startswith("on")]


@pytest.mark.parametrize("name", ["a b#c?d%20é&'\".mp4", "javascript:alert(1).mp4", "//elsewhere.example/film.mp4"])
def test_links_lead_to_the_file_beside_the_page_whatever_it_is_called(name: str) -> None:
    (video,) = elements(page_of(video_path=name)).of("video")
    link = urlsplit(str(video["src"]))
    assert (link.scheme, link.netloc, link.query, link.fragment) == ("", "", "", "")
    assert unquote(link.path) == f"./{name}"


def test_it_links_the_video_the_receipt_and_the_table_and_nothing_outside_its_folder() -> None:
    found = elements(page_of())
    assert found.attributes("href") == [
        f"./{DIGEST[:16]}/{name}" for name in ("film.mp4", "receipt.json", "frames.parquet")
    ]
    assert all(
        address.startswith(("data:image/webp;base64,", f"./{DIGEST[:16]}/")) for address in found.attributes("src")
    )


def test_its_policy_allows_its_own_script_and_style_sheet_and_no_other() -> None:
    found = elements(page_of())
    (policy,) = [
        str(meta["content"]) for meta in found.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    for rule, tag in (("script-src", "script"), ("style-src", "style")):
        digest = base64.b64encode(hashlib.sha256(found.text[tag].encode()).digest()).decode()
        assert rules.pop(rule) == f"'sha256-{digest}'"
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "media-src": "'self' file:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not found.attributes("style")


def test_the_receipt_is_told_in_words() -> None:
    told = words(page_of())
    for part in ("512x288", "4.171 s", "23.976 per second", "100, painted in 2 segments", "great-wave", "strength 0.7"):
        assert part in told
    assert "aac, every packet is the source's, begins 21.333 ms after the picture, as in the source" in told
    assert told.count("passed") == len(RECEIPT["checks"])
    assert "failed" not in told
    assert "Steady. Of 9 pairs" in told
    for digest in ("aa", "bb", "cc", "dd"):
        assert digest * 32 in told
    assert "2.3 MB" in told


def test_what_is_not_as_it_should_be_is_told_too() -> None:
    left_out = RECEIPT["audio"][0] | {"delivered_codec": None, "identical": None, "delivered_offset_ms": None}
    converted = {"codec": "pcm_s16le", "delivered_codec": "flac", "identical": "samples"}
    converted |= {"offset_ms": 0.0, "delivered_offset_ms": -1.5}
    told = words(
        page_of(
            receipt={
                "checks": RECEIPT["checks"] | {"timestamps": False},
                "audio": [left_out, converted],
                "notes": ["odd size"],
            },
            is_steady=False,
        )
    )
    assert "failed Every frame is presented at exactly the time of its source frame." in told
    assert "May flicker at 2.002 s." in told
    assert "aac, left out: see the notes" in told
    assert "pcm_s16le stored as flac, every sample is the source's, begins 1.500 ms before the picture" in told
    assert "in the source with it" in told
    assert "odd size" in told


def test_a_receipt_from_before_there_were_controls_and_engines_is_told_all_the_same() -> None:
    settings = {name: value for name, value in RECEIPT["settings"].items() if name not in ("controls", "engine")}
    told = words(page_of(receipt={"settings": settings}))
    assert "Controls none" in told
    assert "torch, cpu, fp32" in told


def test_whatever_the_pictures_show_the_page_keeps_to_its_size_and_is_always_the_same() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (MAX_SIDE_PIXELS * 9 // 16, MAX_SIDE_PIXELS, 3), np.uint8)
    page = page_of(*(moment(frame, noise, noise) for frame in range(MAX_MOMENTS)))
    document = render_page(page)
    assert PAGE_BUDGET_BYTES / 2 < len(document) <= PAGE_BUDGET_BYTES
    assert render_page(page) == document


def test_the_moment_with_most_contrast_is_shown_first_and_all_can_be_chosen() -> None:
    striped = flat(0)
    striped[:, ::16] = 255
    found = elements(page_of(moment(1, flat(0), flat(0)), moment(20, flat(9), striped), moment(40, flat(0), flat(9))))
    choices = [attributes for attributes in found.of("input") if attributes["type"] == "radio"]
    assert [choice["value"] for choice in choices] == ["moment-1", "moment-20", "moment-40"]
    assert [choice["value"] for choice in choices if "checked" in choice] == ["moment-20"]
    assert [figure["id"] for figure in found.of("figure") if "shown" in str(figure["class"]).split()] == ["moment-20"]


def test_without_stored_sources_it_shows_the_result_alone() -> None:
    found = elements(page_of(moment(1, None, flat(9)), moment(20, None, flat(207))))
    assert [image["alt"] for image in found.of("img") if image["alt"]] == ["Result, at 0:00.0", "Result, at 0:00.8"]
    assert not [attributes for attributes in found.of("input") if attributes["type"] == "range"]


def test_its_pictures_are_those_of_the_moment() -> None:
    source, styled = elements(page_of()).of("img")
    for image, level in ((source, 48), (styled, 207)):
        content = base64.b64decode(str(image["src"]).partition(",")[2])
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.size == (512, 288)
            assert np.asarray(picture.convert("RGB"))[100, 100] == pytest.approx((level,) * 3, abs=2)


def test_it_knows_which_delivery_it_shows() -> None:
    document = render_page(page_of(receipt={"notes": [f'<meta name="delivery" content="{"ff" * 32}">']}))
    assert shows_delivery(document, DIGEST)
    assert not shows_delivery(document, "ff" * 32)


def test_nothing_in_it_is_fetched_from_elsewhere() -> None:
    assert not re.search(rb"https?://|url\(|@import", render_page(page_of()))
