"""Loudness over time, from real sound."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stylize.errors import VideoError
from stylize.pictures.waveform import NUM_COLUMNS, draw_waveform, measure_loudness
from stylize.sandbox.limits import DecodeLimits
from tests.clips import run_ffmpeg

SECONDS = Fraction(2)


def measured(path: Path) -> list[np.ndarray]:
    return [np.array(peaks.highest) for peaks in measure_loudness(path, seconds=SECONDS, limits=DecodeLimits())]


def test_loud_and_silent_parts_lie_where_they_are_heard(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    late = "0.8*sin(2*PI*440*t)*gte(t\\,1)"
    early = "0.4*sin(2*PI*440*t)*lt(t\\,0.5)"
    tracks = [("-f", "lavfi", "-i", f"aevalsrc={wave}:sample_rate=48000:duration=2") for wave in (late, early)]
    video = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=24:duration=2")
    run_ffmpeg(*video, *tracks[0], *tracks[1], "-map", "0", "-map", "1", "-map", "2", "-c:a", "aac", film)
    first, second = measured(film)
    half, quarter = NUM_COLUMNS // 2, NUM_COLUMNS // 4
    margin = NUM_COLUMNS // 20  # AAC smears what is abrupt
    assert first[: half - margin].max() < 0.05
    assert np.median(first[half + margin :]) == pytest.approx(0.8, abs=0.1)
    assert np.median(second[margin : quarter - margin]) == pytest.approx(0.4, abs=0.08)
    assert second[quarter + margin :].max() < 0.05


def test_a_clip_without_sound_has_no_waveform(clip: Callable[[str], Path]) -> None:
    assert measured(clip("no_audio")) == []


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(b"ftyp" * 1000)
    with pytest.raises(VideoError, match=r"noise\.mp4"):
        measured(tmp_path / "noise.mp4")


def test_the_drawing_is_as_high_as_the_sound_is_loud(clip: Callable[[str], Path]) -> None:
    peaks = measure_loudness(clip("two_audio"), seconds=SECONDS, limits=DecodeLimits())
    picture = draw_waveform(peaks)
    assert picture.shape == (2 * 96, NUM_COLUMNS, 3)
    blue = (picture == (46, 110, 183)).all(axis=2)
    for row, track in enumerate(peaks):
        heights = blue[row * 96 : (row + 1) * 96].sum(axis=0)
        swing = np.array(track.highest) - np.array(track.lowest)
        assert np.corrcoef(heights, swing)[0, 1] > 0.99
