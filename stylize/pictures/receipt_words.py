"""A receipt in words, for people who ordered a film and know nothing of its processing: labels, and what they say."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, Final

Row = tuple[str, str]

COMPARED: Final = {"packets": "every packet is the source's", "samples": "every sample is the source's"}


def describe_film(receipt: Mapping[str, Any]) -> Sequence[Row]:
    """Picture, time and look of a delivered film; ``receipt`` as :class:`stylize.records.receipt.Receipt` stores it."""
    delivered, counts, settings = receipt["delivered"], receipt["counts"], receipt["settings"]
    duration_seconds = Fraction(delivered["duration_seconds"])
    aspect = Fraction(delivered["sample_aspect_ratio"])
    shape = "" if aspect == 1 else f", pixels {aspect.numerator}:{aspect.denominator}"
    return [
        ("Picture", f"{delivered['width']}x{delivered['height']}{shape}"),
        ("Length", f"{_decimal(duration_seconds)} s"),
        ("Frame rate", f"{_decimal(counts['frames'] / duration_seconds)} per second, on average"),
        ("Frames", f"{counts['frames']:,}, painted in {_number(counts['segments'], 'segment')}"),
        ("Style", _style(settings)),
        ("Controls", settings.get("controls", "none")),
        ("Format", PurePosixPath(delivered["name"]).suffix.removeprefix(".").upper()),
    ]


def describe_sound(receipt: Mapping[str, Any]) -> Sequence[Row]:
    """One row per sound track of the source."""
    return [(f"Track {number}", ", ".join(_sound(track))) for number, track in enumerate(receipt["audio"], 1)]


def describe_flicker(found: Mapping[str, Any], *, is_steady: bool) -> str:
    """A sentence or two on how steady a film is; ``found`` as :mod:`stylize.video.measure.flicker` reports it."""
    if "worst_error" not in found:
        return "Not measured: no two neighbouring frames could be compared."
    measured = (
        f"Of {_number(found['pairs_compared'], 'pair')} of neighbouring frames that were compared, the one that changes"
        f" most, with motion taken into account, differs by {found['worst_error'] * 1e3:.1f}e-3;"
        f" more than {found['threshold'] * 1e3:.1f}e-3 counts as flicker."
    )
    return f"Steady. {measured}" if is_steady else f"May flicker at {found['worst_frame_seconds']} s. {measured}"


def describe_proof(receipt: Mapping[str, Any]) -> Sequence[Row]:
    """Digests of what was read and what was delivered, and the versions of what made it."""
    source, settings = receipt["source"], receipt["settings"]
    engine = settings.get("engine", "torch")  # receipts of the first deliveries name none
    versions = ", ".join(f"{name} {version}" for name, version in receipt["versions"].items())
    return [
        ("SHA-256 of the source", source["sha256"]),
        ("SHA-256 of the video", receipt["delivered"]["sha256"]),
        ("SHA-256 of the table of frames", receipt["frames_table"]["sha256"]),
        ("SHA-256 of the style", settings["model_sha256"]),
        ("Computed by", f"{engine}, {settings['device']}, {settings['precision']}"),
        ("Versions", versions),
    ]


def _style(settings: Mapping[str, Any]) -> str:
    """Receipts of the first deliveries name no quality."""
    return f"{settings['style']}, quality {settings['quality']}" if "quality" in settings else settings["style"]


def _sound(track: Mapping[str, Any]) -> Iterator[str]:
    if track["delivered_codec"] is None:
        yield f"{track['codec']}, left out: see the notes"
        return
    became = "" if track["delivered_codec"] == track["codec"] else f" stored as {track['delivered_codec']}"
    yield f"{track['codec']}{became}"
    yield COMPARED.get(track["identical"], "not the source's")
    delivered, source = _offset(track["delivered_offset_ms"]), _offset(track["offset_ms"])
    compared = "as in the source" if delivered == source else f"in the source {source} it"
    yield f"begins {delivered} the picture, {compared}"


def _offset(offset_ms: float) -> str:
    milliseconds = f"{abs(offset_ms):.3f}"
    if milliseconds == "0.000":
        return "with"
    return f"{milliseconds} ms {'after' if offset_ms > 0 else 'before'}"


def _decimal(value: Fraction) -> str:
    """At most three decimals: ``23.976``, ``25``."""
    return f"{float(value):.3f}".rstrip("0").rstrip(".")


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
