"""The manifest: what it computes, and that nothing is lost on the way through JSON."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction

import pytest

from stylize.video.source.manifest import ColorTags, OtherTrack, VideoManifest, VideoTrack
from tests.clips import CLIPS

VIDEO = VideoTrack(
    stream_index=2,
    codec="h264",
    width=1440,
    height=1080,
    pixel_format="yuv420p10le",
    time_base=Fraction(1, 90_000),
    pts=(133_500, 137_253, 2**40),
    last_duration=3_003,
    average_rate=Fraction(30_000, 1_001),
    rotation_degrees=270,
    mirrored=True,
    sample_aspect_ratio=Fraction(4, 3),
    color=ColorTags(range=1, matrix=9, primaries=9, transfer=16),
    field_order="tt",
    timestamps="repaired",
)
MANIFEST = VideoManifest(
    container="mpegts",
    video=VIDEO,
    other_tracks=(OtherTrack(stream_index=0, kind="audio", codec="aac", language="deu", title="Ton „eins“ 線"),),
    num_chapters=3,
    notes=("a note",),
)


def test_a_manifest_read_back_from_json_is_the_same_manifest() -> None:
    assert VideoManifest.from_json(MANIFEST.to_json()) == MANIFEST


def test_a_missing_rate_stays_missing() -> None:
    manifest = dataclasses.replace(MANIFEST, video=dataclasses.replace(VIDEO, average_rate=None))
    assert VideoManifest.from_json(manifest.to_json()).video.average_rate is None


@pytest.mark.parametrize("name", CLIPS)
def test_the_manifest_of_every_clip_survives_json(name: str, manifest: Callable[[str], VideoManifest]) -> None:
    assert VideoManifest.from_json(manifest(name).to_json()) == manifest(name)


def test_start_and_duration_are_exact_fractions_of_a_second() -> None:
    video = dataclasses.replace(VIDEO, pts=(3_003, 6_006, 10_010), last_duration=1_001, time_base=Fraction(1, 30_000))
    assert video.start_seconds == Fraction(1_001, 10_000)
    assert video.duration_seconds == Fraction(8_008, 30_000)
    assert video.num_frames == 3
