"""Before and after are one and the same frame, as a screen shows it, whatever the source is like."""

from fractions import Fraction

import av
import numpy as np
import pytest

from stylize.pictures.before_after import MAX_MOMENTS, MAX_SIDE_PIXELS, as_displayed, read_moments, spread_frames
from stylize.video.pixels.pixels import Picture, rgb_pictures
from tests.unit.video.delivery import Delivery

CLIPS = ["constant_rate", "variable_rate", "odd_size_420", "rotated_90", "non_square_pixels", "hdr", "interlaced"]


def displayed_sources(delivery: Delivery) -> list[Picture]:
    """All frames of the source, decoded from the beginning."""
    track, aspect = delivery.manifest.video, delivery.picture.sample_aspect_ratio
    with av.open(str(delivery.source)) as container:
        return [as_displayed(picture, aspect) for picture in rgb_pictures(container.decode(video=0), track)]


@pytest.mark.parametrize("name", CLIPS)
def test_each_moment_shows_the_same_frame_twice(name, delivered) -> None:
    delivery = delivered(name, ".mp4")
    sources = displayed_sources(delivery)
    moments = read_moments(delivery.output, delivery.manifest.video, dict(enumerate(sources)))
    assert [moment.frame for moment in moments] == list(spread_frames(len(sources)))
    for moment in moments:
        assert moment.source.shape == moment.styled.shape
        distances = [np.abs(moment.styled.astype(int) - source).mean() for source in sources]
        assert int(np.argmin(distances)) == moment.frame
        assert distances[moment.frame] < 10  # the style is the identity: what is left is the encoder's


def test_moments_lie_in_the_middles_of_equal_parts() -> None:
    assert spread_frames(100) == (10, 30, 50, 70, 90)
    assert spread_frames(40) == (6, 20, 33)
    assert [spread_frames(num_frames) for num_frames in (1, 2, 13)] == [(0,), (1,), (6,)]
    assert len(spread_frames(400_000)) == MAX_MOMENTS


def test_a_moment_says_when_it_is_shown(delivered) -> None:
    delivery = delivered("late_start", ".mkv")
    moments = read_moments(delivery.output, delivery.manifest.video, {})
    assert [float(moment.shown_seconds) for moment in moments] == pytest.approx([6 / 24, 20 / 24, 33 / 24], abs=1e-3)


def test_pictures_are_shown_in_square_pixels_and_never_larger_than_a_page_needs() -> None:
    tall = np.zeros((2000, 1000, 3), np.uint8)
    assert as_displayed(tall, Fraction(1)).shape == (MAX_SIDE_PIXELS, MAX_SIDE_PIXELS // 2, 3)
    assert as_displayed(tall[:80, :90], Fraction(16, 15)).shape == (80, 96, 3)
    assert as_displayed(tall[:80, :90], Fraction(1)).shape == (80, 90, 3)
    assert as_displayed(tall[:1], Fraction(60000)).shape == (1, MAX_SIDE_PIXELS, 3)


def test_moments_without_a_source_are_shown_only_if_none_has_one(delivered) -> None:
    delivery = delivered("constant_rate", ".mp4")
    track, source = delivery.manifest.video, displayed_sources(delivery)[20]
    assert [moment.frame for moment in read_moments(delivery.output, track, {20: source})] == [20]
    assert [moment.frame for moment in read_moments(delivery.output, track, {})] == [6, 20, 33]
