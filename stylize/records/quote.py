"""What styling a clip is expected to cost, told before it is begun, and the approval that a dear one waits for.

The quote is made when the clip is read and stays as it was told for each quality: whether a clip is held depends on the
look that it shall have, and never on the settings of the process that asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stylize.errors import ApprovalError
from stylize.records.records import ClipSettings, Record
from stylize.store.keys import approval_key, quote_key, settings_key
from stylize.store.media_store import MediaStore
from stylize.style.controls.controls import Controls
from stylize.style.controls.quality import Quality

SECONDS_PER_MEGAPIXEL = {"cuda": 0.02, "cpu": 0.08}
"""Of the device in the best quality, where nothing was measured yet: 24 frames of 1080p a second on a GPU, 6 on two
cores with bf16."""

RELATIVE_SECONDS: Mapping[Quality, float] = {"best": 1.0, "standard": 0.9, "fast": 0.6}
"""Of a step in each quality, decoding and encoding included, where another quality was measured."""

SAME_COST = 1.001
"""Of what was approved: rounding is no reason to ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast segments are styled.

    Attributes:
        seconds_per_megapixel: wall time of the step by pixels, decoding and encoding included, in each quality. What
            counts is the larger of a frame and of the picture that the network is shown for it.
        device: ``cuda`` or ``cpu``.
        basis: where the number comes from, for people.
    """

    seconds_per_megapixel: Mapping[Quality, float]
    device: str
    basis: str


def priced_pixels(controls: Controls, *, width: int, height: int) -> int:
    """By how many pixels a frame is priced."""
    rows, columns = controls.working_size(width=width, height=height)
    return max(rows * columns, width * height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote(Record):
    """What styling one content of a clip is expected to take.

    Attributes:
        sha256: of the content.
        num_frames: of the clip.
        width, height: of its picture, in pixels.
        device: that the price is for: ``cuda`` or ``cpu``.
        seconds: expected time on that device, all segments together, in the look that a clip gets unless asked for.
        basis: what the expectation rests on, for people.
        cost: None where no price is set.
        currency: of cost and budget.
        budget: what a clip could cost without being asked for; None: anything.
        seconds_per_megapixel: see :class:`Speed`; empty in quotes that were told before there were qualities.
    """

    sha256: str
    num_frames: int
    width: int
    height: int
    device: str
    seconds: float
    basis: str
    cost: float | None
    currency: str
    budget: float | None
    seconds_per_megapixel: dict[Quality, float] = field(default_factory=dict)

    def for_look(self, controls: Controls, quality: Quality) -> "Quote":
        """The same in another look; one that was told before there were qualities is the same for all."""
        speed = self.seconds_per_megapixel.get(quality)
        if speed is None or not self.seconds:
            return self
        megapixels = self.num_frames * priced_pixels(controls, width=self.width, height=self.height) / 1e6
        seconds = round(megapixels * speed, 3)
        cost = None if self.cost is None else round(self.cost * seconds / self.seconds, 4)
        return replace(self, seconds=seconds, cost=cost)

    @property
    def over_budget(self) -> bool:
        """Whether somebody has to approve it."""
        return self.cost is not None and self.budget is not None and self.cost > self.budget

    @property
    def minutes(self) -> float:
        """Expected time on the device."""
        return self.seconds / 60

    def describe_cost(self) -> str:
        """The cost, for people."""
        return "no price is set" if self.cost is None else f"{self.cost:.2f} {self.currency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval(Record):
    """That somebody allowed a content to be styled at its quoted cost; it counts for every look that costs no more.

    Attributes:
        sha256: of the content.
        cost: that was quoted.
        currency: of the cost.
        approved_at: ISO 8601, UTC.
    """

    sha256: str
    cost: float
    currency: str
    approved_at: str


def find_quote(store: MediaStore, clip: str) -> Quote | None:
    """What styling a clip in the look that it shall have is expected to take; None before it was read."""
    quote, settings = Quote.find(store, quote_key(clip)), ClipSettings.find(store, settings_key(clip))
    return quote.for_look(settings.controls, settings.quality) if quote and settings else quote


def find_hold(store: MediaStore, clip: str) -> Quote | None:
    """The quote of a clip that waits for approval; None if nothing holds it."""
    quote = find_quote(store, clip)
    if quote is None or quote.cost is None or not quote.over_budget:
        return None
    approval = Approval.find(store, approval_key(clip))
    is_approved = approval is not None and approval.sha256 == quote.sha256 and quote.cost <= SAME_COST * approval.cost
    return None if is_approved else quote


def explain_hold(clip: str, quote: Quote) -> str:
    """Why a clip is held, and what to do."""
    return (
        f"clip {clip!r} is held: styling it is expected to cost {quote.describe_cost()}, and the budget of a clip is"
        f" {quote.budget:.2f} {quote.currency}; approve it by `stylize approve {clip}`, or approve_clip_job in the UI"
    )


def refuse_held(store: MediaStore, clip: str) -> None:
    """Refuse to style a clip that waits for approval, whoever asks.

    Raises:
        ApprovalError: it does.
    """
    quote = find_hold(store, clip)
    if quote is not None:
        raise ApprovalError(explain_hold(clip, quote))
