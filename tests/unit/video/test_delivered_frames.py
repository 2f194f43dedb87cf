"""Single frames of a delivered file are found whatever its times, its media container and its reordering."""

import av
import numpy as np
import pytest

from stylize.errors import VerificationError
from stylize.video.delivery.delivered_frames import DeliveredFrames
from stylize.video.pixels.pixels import Picture, rgb_pictures
from tests.unit.video.delivery import Delivery

CLIPS = ["constant_rate", "variable_rate", "odd_size_420", "late_start", "rotated_90", "one_frame", "raw_h264"]


def opened(delivery: Delivery) -> DeliveredFrames:
    return DeliveredFrames(delivery.output, delivery.manifest.video, delivery.picture)


def luma_of_all(delivery: Delivery) -> list[Picture]:
    """Every frame, decoded from the beginning, without the padding of odd sizes."""
    with av.open(str(delivery.output)) as container:
        frames = [frame.to_ndarray(format="gray").astype(np.uint8) for frame in container.decode(video=0)]
    picture = delivery.picture
    return [frame[: picture.content_height, : picture.content_width] for frame in frames]


def closest(picture: Picture, frames: list[Picture]) -> int:
    luma = picture @ np.array([0.2126, 0.7152, 0.0722])
    return int(np.argmin([np.abs(frame - luma).mean() for frame in frames]))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("name", CLIPS)
def test_frames_are_found_by_their_place_in_the_film(name, suffix, delivered) -> None:
    delivery = delivered(name, suffix)
    frames = luma_of_all(delivery)
    chosen = sorted({0, 1, 22, 23, 24, 25, len(frames) - 1} & set(range(len(frames))))
    with opened(delivery) as film:
        for frame in chosen:
            picture = film.read(frame)
            assert picture.shape == (*frames[0].shape, 3)
            assert closest(picture, frames) == frame
    for frame in reversed(chosen):
        with opened(delivery) as film:
            assert closest(film.read(frame), frames) == frame


def test_colours_are_those_of_the_picture(delivered) -> None:
    delivery = delivered("constant_rate", ".mp4")
    with opened(delivery) as film, av.open(str(delivery.source)) as source:
        expected = next(rgb_pictures(source.decode(video=0), delivery.manifest.video))
        assert np.abs(film.read(0).astype(int) - expected).mean() < 8


def test_a_frame_that_is_not_there_is_named(delivered, tmp_path) -> None:
    delivery = delivered("constant_rate", ".mp4")
    with opened(delivery) as film, pytest.raises(VerificationError, match=r"constant_rate\.mp4.*frame 40"):
        film.read(40)
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    with pytest.raises(VerificationError, match=r"empty\.mp4.*cannot be read"):
        DeliveredFrames(empty, delivery.manifest.video, delivery.picture)
