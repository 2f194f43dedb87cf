"""Timestamps of every frame: kept where they are good, mended where they can be, refused where they cannot."""

from fractions import Fraction

import pytest

from stylize.errors import DecodeError
from stylize.video.source.timestamps import last_duration, presentation_times

MILLISECOND = Fraction(1, 1_000)
RATE = Fraction(25)


def times(*raw: int | None, rate: Fraction | None = RATE) -> tuple[str, list[int]]:
    found = presentation_times(raw, time_base=MILLISECOND, rate=rate)
    return found.origin, list(found.pts)


def test_good_timestamps_are_left_alone_however_irregular() -> None:
    assert times(-80, 0, 1, 40, 10_000_000) == ("container", [-80, 0, 1, 40, 10_000_000])


def test_repeated_timestamps_move_one_tick_so_that_no_frame_is_lost() -> None:
    assert times(0, 40, 40, 40, 120) == ("repaired", [0, 40, 41, 42, 120])
    assert times(0, 40, 40, 41, 120) == ("repaired", [0, 40, 41, 42, 120])


def test_timestamps_in_decoding_order_are_sorted() -> None:
    assert times(40, 120, 160, 80, 200) == ("repaired", [40, 80, 120, 160, 200])


def test_frames_without_a_timestamp_follow_their_neighbours_at_the_stated_rate() -> None:
    assert times(None, None, 100, None, 180) == ("repaired", [20, 60, 100, 140, 180])


@pytest.mark.parametrize(("rate", "used"), [(Fraction(30_000, 1_001), Fraction(30_000, 1_001)), (None, Fraction(25))])
def test_a_stream_without_timestamps_is_timed_by_its_rate(rate: Fraction | None, used: Fraction) -> None:
    found = presentation_times([None] * 3, time_base=MILLISECOND, rate=rate)
    assert (found.time_base, found.pts, found.origin) == (1 / used, (0, 1, 2), "generated")
    assert found.notes == (f"the source has no timestamps: played at {used} frames per second",)


def test_two_recordings_in_one_file_are_refused_with_a_way_out() -> None:
    raw = [40 * index for index in range(50)] * 2
    with pytest.raises(DecodeError, match=r"jump back from 1\.960 s to 0\.000 s at frame 50: .*ffmpeg"):
        presentation_times(raw, time_base=MILLISECOND, rate=RATE)


def test_the_last_frame_lasts_as_stated_or_like_its_neighbour_or_at_the_rate() -> None:
    assert last_duration([0, 40, 90], 7, time_base=MILLISECOND, rate=RATE) == 7
    assert last_duration([0, 40, 90], 0, time_base=MILLISECOND, rate=RATE) == 50
    assert last_duration([5], 0, time_base=MILLISECOND, rate=Fraction(50)) == 20
    assert last_duration([5], 0, time_base=MILLISECOND, rate=None) == 40
    assert last_duration([5], 0, time_base=Fraction(10), rate=RATE) == 1
