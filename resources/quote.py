"""What styling a clip is expected to cost, told before it is begun, and the approval that a dear one waits for.

The quote is made when the clip is read and stays as it was told: whether a clip is held never depends on the settings
of the process that asks.
"""

from dataclasses import dataclass

from dagster_project.errors import ApprovalError
from resources.media_store import MediaStore
from resources.records import Record
from resources.store_layout import approval_key, quote_key

SECONDS_PER_MEGAPIXEL = {"cuda": 0.02, "cpu": 0.7}
"""Of the device, where nothing was measured yet: 24 frames of 1080p a second on a GPU, one in 1.5 s on two cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast segments are styled.

    Attributes:
        seconds_per_megapixel: wall time of the step by painted pixels, decoding and encoding included.
        device: ``cuda`` or ``cpu``.
        basis: where the number comes from, for people.
    """

    seconds_per_megapixel: float
    device: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote(Record):
    """What styling one content of a clip is expected to take.

    Attributes:
        sha256: of the content.
        num_frames: of the clip.
        width, height: of its picture, in pixels.
        device: that the price is for: ``cuda`` or ``cpu``.
        seconds: expected time on that device, all segments together.
        basis: what the expectation rests on, for people.
        cost: None where no price is set.
        currency: of cost and budget.
        budget: what a clip could cost without being asked for; None: anything.
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
    """That somebody allowed a content to be styled at its quoted cost; it counts for every look of that content.

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


def find_hold(store: MediaStore, clip: str) -> Quote | None:
    """The quote of a clip that waits for approval; None if nothing holds it."""
    quote = Quote.find(store, quote_key(clip))
    if quote is None or not quote.over_budget:
        return None
    approval = Approval.find(store, approval_key(clip))
    return None if approval is not None and approval.sha256 == quote.sha256 else quote


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
