"""The page that comes with a delivery: before and after, the film, its receipt, downloads; one file, nothing fetched.

The texts of users (names of uploads, notes) are escaped by the template engine, and the page's own
Content-Security-Policy allows its one script and its one style sheet by their digests: nothing else could run or load.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stylize.pictures.receipt_words import describe_film, describe_flicker, describe_proof, describe_sound
from stylize.pictures.small_pictures import scaled_to_height, still_webp

if TYPE_CHECKING:
    from stylize.pictures.before_after import Moment
    from stylize.video.pixels.pixels import Picture

PAGE_BUDGET_BYTES: Final = 1_000_000
"""Of a whole page: it goes by mail, and opens at once."""

TEXT_BUDGET_BYTES: Final = 60_000
"""What of that is kept for everything but pictures."""

THUMBNAIL_HEIGHT_PIXELS: Final = 96
POSTER_HEIGHT_PIXELS: Final = 480
STILL_SHARES, POSTER_SHARES, THUMBNAIL_SHARES = 8, 4, 1
"""How the pictures divide the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """One check of a delivery: what it is called, what it says when it passes, and whether it did."""

    name: str
    description: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """What a page says.

    Attributes:
        delivery: SHA-256 that names the delivery.
        receipt: of the delivery, as :class:`stylize.records.receipt.Receipt` stores it.
        checks: that the delivery was put to.
        is_steady: whether no flicker was found.
        moments: of the film, at least one; all with their sources or all without.
        video_path: of the delivered file, relative to the page, not quoted. The other paths are like it.
        receipt_path: of the receipt.
        table_path: of the table of frames.
    """

    delivery: str
    receipt: Mapping[str, Any]
    checks: Sequence[CheckState]
    is_steady: bool
    moments: "Sequence[Moment]"
    video_path: str
    receipt_path: str
    table_path: str


def render_page(page: DeliveryPage) -> bytes:
    """The page in UTF-8, at most :data:`PAGE_BUDGET_BYTES` long; the same delivery gives the same bytes."""
    environment = Environment(
        loader=PackageLoader("stylize.pictures"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seconds": _spell_seconds, "href": _href}
    height, width = page.moments[0].styled.shape[:2]
    style = f"{_text(environment, 'delivery_page.css')}:root {{ --aspect: {width} / {height}; }}\n"
    script = _text(environment, "delivery_page.js")
    return (
        environment.get_template("delivery_page.html")
        .render(
            page=page,
            receipt=page.receipt,
            title=page.receipt["source"]["upload"].partition("/")[2],
            pictures=_embedded(page.moments),
            width=width,
            height=height,
            film=describe_film(page.receipt),
            sound=describe_sound(page.receipt),
            flicker=describe_flicker(page.receipt["flicker"], is_steady=page.is_steady),
            proof=describe_proof(page.receipt),
            style=Markup(style),  # noqa: S704 - our own file and two integers
            script=Markup(script),  # noqa: S704 - our own file
            style_digest=_csp_digest(style),
            script_digest=_csp_digest(script),
        )
        .encode()
    )


def shows_delivery(content: bytes, delivery: str) -> bool:
    """Whether a page that lies there is that of ``delivery``, a SHA-256."""
    return f'<meta name="delivery" content="{delivery}">'.encode() in content


@dataclass(frozen=True, slots=True, kw_only=True)
class _EmbeddedMoment:
    """One moment as ``data:`` URIs; ``is_shown`` first."""

    moment: "Moment"
    source: str | None
    styled: str
    thumbnail: str
    is_shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _EmbeddedPictures:
    """All pictures of a page, as ``data:`` URIs."""

    moments: Sequence[_EmbeddedMoment]
    poster: str

    @property
    def are_compared(self) -> bool:
        return all(moment.source is not None for moment in self.moments)


def _embedded(moments: "Sequence[Moment]") -> _EmbeddedPictures:
    """All pictures within the budget. Film often begins black, so the moment with most contrast is shown first."""
    num_shares = len(moments) * (2 * STILL_SHARES + THUMBNAIL_SHARES) + POSTER_SHARES
    share_bytes = (PAGE_BUDGET_BYTES - TEXT_BUDGET_BYTES) // num_shares
    best = max(moments, key=lambda moment: float(moment.styled.std()))
    return _EmbeddedPictures(
        moments=[
            _EmbeddedMoment(
                moment=moment,
                source=None if moment.source is None else _data_uri(moment.source, STILL_SHARES * share_bytes),
                styled=_data_uri(moment.styled, STILL_SHARES * share_bytes),
                thumbnail=_data_uri(
                    scaled_to_height(moment.styled, THUMBNAIL_HEIGHT_PIXELS), THUMBNAIL_SHARES * share_bytes
                ),
                is_shown=moment is best,
            )
            for moment in moments
        ],
        poster=_data_uri(scaled_to_height(best.styled, POSTER_HEIGHT_PIXELS), POSTER_SHARES * share_bytes),
    )


def _data_uri(picture: "Picture", max_bytes: int) -> str:
    prefix = "data:image/webp;base64,"
    return prefix + base64.b64encode(still_webp(picture, (max_bytes - len(prefix)) // 4 * 3)).decode()


def _text(environment: Environment, name: str) -> str:
    return environment.get_template(name).render()


def _csp_digest(text: str) -> str:
    """How a Content-Security-Policy names an inline script or style sheet."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _href(path: str) -> str:
    """A relative link: every character that means something in a URL is quoted, and none can name a scheme."""
    return f"./{quote(path, safe='/')}"


def _spell_seconds(seconds: Fraction) -> str:
    """A place in a film: ``1:02.5``."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"
