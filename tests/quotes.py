"""A quote that is over its budget."""

from stylize.records.quote import Quote


def dear_quote() -> Quote:
    """Of a clip that is expected to cost 4.20 EUR where a clip may cost 2.00 EUR."""
    return Quote(
        sha256="f" * 64,
        num_frames=48,
        width=1920,
        height=1080,
        device="cuda",
        seconds=600.0,
        basis="measured",
        cost=4.2,
        currency="EUR",
        budget=2.0,
    )
