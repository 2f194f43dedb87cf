import pytest

from assets.pricing import StyledSample, measured_speed
from dagster_project.settings import Device, load_settings
from resources.pricing import PricingResource
from stylize.errors import SettingsError
from stylize.records.quote import Quote
from stylize.style.controls.controls import BRUSH_PIXELS, USUAL_STYLE_SCALE, Controls
from stylize.style.controls.quality import Quality

HD, SD = 1920 * 1080, 640 * 360


def _sample(
    pixels: int, *, seconds: float, engine: str = "torch cuda bf16", quality: Quality = "standard"
) -> StyledSample:
    return StyledSample(engine=engine, quality=quality, pixels=pixels, num_frames=100, seconds=seconds)


def test_pictures_of_a_similar_size_on_the_same_engine_decide() -> None:
    samples = [
        _sample(HD, seconds=4),
        _sample(HD, seconds=6),
        _sample(SD, seconds=50),
        _sample(HD, seconds=900, engine="openvino cpu fp32"),
    ]
    speed = measured_speed(iter(samples), pixels=HD)
    assert speed.seconds_per_megapixel["standard"] == pytest.approx(10 / (200 * HD / 1e6))
    assert speed.device == "cuda"
    assert speed.basis == "measured on 2 segments with torch cuda bf16, pictures of a similar size"


def test_other_sizes_are_better_than_nothing_and_nothing_is_said_to_be_nothing() -> None:
    speed = measured_speed(iter([_sample(SD, seconds=50)]), pixels=HD)
    assert speed.basis == "measured on 1 segments with torch cuda bf16, pictures of other sizes"
    assert measured_speed(iter([]), pixels=HD) is None


def test_a_quality_is_priced_by_its_own_segments_or_else_by_what_others_took() -> None:
    measured = measured_speed(iter([_sample(HD, seconds=9), _sample(HD, seconds=30, quality="best")]), pixels=HD)
    speeds = {quality: speed * HD * 100 / 1e6 for quality, speed in measured.seconds_per_megapixel.items()}
    assert speeds["standard"] == pytest.approx(9)
    assert speeds["best"] == pytest.approx(30)
    assert speeds["fast"] == pytest.approx((9 / 0.9 * 0.6 + 30 * 0.6) / 2)


def test_another_quality_and_another_stroke_width_cost_what_they_take() -> None:
    quote = _quote(gpu_hour=0.5, cpu_hour=0, budget=0.08)
    assert quote.cost is not None
    usual = Controls(style_scale=USUAL_STYLE_SCALE)
    assert quote.for_look(usual, "standard") == quote
    fast, best = (quote.for_look(usual, quality) for quality in ("fast", "best"))
    assert fast.cost == pytest.approx(quote.cost * 0.6 / 0.9, abs=1e-4)
    assert best.cost == pytest.approx(quote.cost / 0.9, abs=1e-4)
    assert not fast.over_budget
    assert best.over_budget
    finer = quote.for_look(Controls(style_scale=BRUSH_PIXELS / 2160), "standard")
    assert finer.seconds == pytest.approx(4 * quote.seconds, rel=1e-3)


def test_a_quote_from_before_there_were_qualities_is_the_same_for_all() -> None:
    document = _quote(gpu_hour=0.5, cpu_hour=0, budget=None).to_dict()
    del document["seconds_per_megapixel"]
    quote = Quote.from_dict(document)
    assert quote.for_look(Controls(), "fast") == quote


def _quote(*, gpu_hour: float, cpu_hour: float, budget: float | None, device: Device = "auto") -> Quote:
    pricing = PricingResource(
        gpu_hour=gpu_hour, cpu_hour=cpu_hour, currency="EUR", budget_per_clip=budget, device=device
    )
    return pricing.quote(
        sha256="0", num_frames=15_000, width=1920, height=1080, speed=pricing.presumed_speed(), quality="standard"
    )


def test_ten_minutes_of_hd_on_a_gpu_are_priced_by_its_hour() -> None:
    quote = _quote(gpu_hour=0.5, cpu_hour=0.05, budget=0.07)
    assert quote.device == "cuda"
    assert quote.minutes == pytest.approx(15_000 * HD / 1e6 * 0.02 * 0.9 / 60, abs=0.01)
    assert quote.cost == pytest.approx(quote.minutes / 60 * 0.5, abs=1e-3)
    assert quote.over_budget


def test_without_a_budget_or_at_it_nothing_is_held() -> None:
    cost = _quote(gpu_hour=0.5, cpu_hour=0, budget=None).cost
    assert not _quote(gpu_hour=0.5, cpu_hour=0, budget=None).over_budget
    assert not _quote(gpu_hour=0.5, cpu_hour=0, budget=cost).over_budget


def test_without_prices_there_is_a_time_and_no_cost() -> None:
    quote = _quote(gpu_hour=0, cpu_hour=0, budget=None)
    assert (quote.device, quote.cost, quote.describe_cost()) == ("cpu", None, "no price is set")
    assert quote.seconds > 0


def test_a_budget_without_a_price_is_refused() -> None:
    priced = {"STYLIZE_BUDGET_PER_CLIP": "2.5", "STYLIZE_PRICE_GPU_HOUR": "0.5"}
    assert load_settings(priced).budget_per_clip == 2.5
    with pytest.raises(SettingsError, match="STYLIZE_BUDGET_PER_CLIP needs a price"):
        load_settings({"STYLIZE_BUDGET_PER_CLIP": "2.5"})
