"""The receipt of a delivery: what was delivered, made from what, by what, and the proof that nothing was lost."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from stylize import code_versions
from stylize.records.records import Record

PACKAGES = ("dagster-video-stylizer", "dagster", "torch", "av", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Record):
    """One delivery, as ``receipt.json`` next to the video. Times are exact fractions of a second, as strings.

    Attributes:
        clip: partition key.
        source: upload, SHA-256, size, format and picture of what was read.
        delivered: file name, SHA-256, size, picture and duration of what was delivered.
        counts: frames, segments, chunks.
        audio: per audio track, what was compared, and by how many milliseconds sound starts after the picture, in the
            source and in the delivered file.
        other_tracks: per stream of the source but the picture, what was done with it and the digest of its packets.
        settings: the look, resolved.
        frames_table: SHA-256 and rows of ``frames.parquet``.
        storage: bytes stored for the clip, and requests and bytes that its steps exchanged with the store; the
            requests of runs that failed are not counted, and a folder counts none.
        checks: name of each check and whether it passed.
        flicker: how steady the pictures are: warping error and place of the worst pair of neighbouring frames that were
            looked at; see ``stylize.video.measure.flicker``.
        versions: packages and step versions that made it.
        notes: what a careful person should know: padding, what could not be carried.
    """

    clip: str
    source: dict[str, Any]
    delivered: dict[str, Any]
    counts: dict[str, int]
    audio: list[dict[str, Any]]
    other_tracks: list[dict[str, Any]]
    settings: dict[str, Any]
    frames_table: dict[str, Any]
    storage: dict[str, Any]
    checks: dict[str, bool]
    flicker: dict[str, Any]
    versions: dict[str, str]
    notes: list[str]


def current_versions() -> dict[str, str]:
    """Versions of the packages and of the steps, as they run now."""
    packages = {name: version(name) for name in PACKAGES}
    steps = {
        "scan": code_versions.SCAN,
        "tracks": code_versions.TRACKS,
        "split": code_versions.SPLIT,
        "style": code_versions.STYLE,
        "encode": code_versions.ENCODE,
        "deliver": code_versions.DELIVER,
    }
    return packages | steps
