"""What time on a machine costs, and how much a clip may cost unasked."""

import dagster as dg
from pydantic import Field

from dagster_project.settings import Device
from stylize.prices import Prices
from stylize.records.quote import RELATIVE_SECONDS, SECONDS_PER_MEGAPIXEL, Quote, Speed, priced_pixels
from stylize.style.controls.controls import USUAL_STYLE_SCALE, Controls
from stylize.style.controls.quality import Quality


class PricingResource(dg.ConfigurableResource):
    """The prices of a deployment and its budget per clip."""

    gpu_hour: float = Field(description="Price of an hour of a step that has a GPU.")
    cpu_hour: float = Field(description="Price of an hour of a step that has none.")
    currency: str = Field(description="Of both, and of the budget.")
    budget_per_clip: float | None = Field(
        default=None, description="A clip that is expected to cost more waits for approval."
    )
    device: Device = Field(description="Where frames are styled, as far as the deployment says so.")

    @property
    def prices(self) -> Prices:
        """The prices alone."""
        return Prices(gpu_hour=self.gpu_hour, cpu_hour=self.cpu_hour, currency=self.currency)

    def cost(self, seconds: float, *, device: str) -> float | None:
        """Of so many seconds of styling on ``device``; None where no price is set."""
        if not self.prices.known:
            return None
        if device == "cuda":
            return self.prices.cost(gpu_seconds=seconds, cpu_seconds=0)
        return self.prices.cost(gpu_seconds=0, cpu_seconds=seconds)

    def presumed_speed(self) -> Speed:
        """Where nothing was measured. "auto" is a GPU where a GPU has a price: this process may be on another node."""
        has_gpu = self.device == "cuda" or (self.device == "auto" and self.gpu_hour > 0)
        device = "cuda" if has_gpu else "cpu"
        seconds = SECONDS_PER_MEGAPIXEL[device]
        return Speed(
            seconds_per_megapixel={quality: seconds * share for quality, share in RELATIVE_SECONDS.items()},
            device=device,
            basis=f"nothing measured yet: {seconds:g} s per megapixel in best quality on {device}, which may be wrong"
            " by a factor of 5",
        )

    def quote(self, *, sha256: str, num_frames: int, width: int, height: int, speed: Speed, quality: Quality) -> Quote:
        """What styling is expected to take at ``speed``, in ``quality`` and with strokes of the usual width."""
        pixels = priced_pixels(Controls(style_scale=USUAL_STYLE_SCALE), width=width, height=height)
        seconds = num_frames * pixels / 1e6 * speed.seconds_per_megapixel[quality]
        cost = self.cost(seconds, device=speed.device)
        return Quote(
            sha256=sha256,
            num_frames=num_frames,
            width=width,
            height=height,
            device=speed.device,
            seconds=round(seconds, 3),
            basis=speed.basis,
            cost=None if cost is None else round(cost, 4),
            currency=self.currency,
            budget=self.budget_per_clip,
            seconds_per_megapixel=dict(speed.seconds_per_megapixel),
        )
