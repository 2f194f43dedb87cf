"""Rotation and mirroring out of a display matrix."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from stylize.video.source.manifest import VideoManifest
from stylize.video.source.orientation import Orientation, orientation_of


def matrix(a: float, b: float, c: float, d: float) -> bytes:
    fixed = [round(value * 65_536) for value in (a, b)] + [0] + [round(value * 65_536) for value in (c, d)]
    return struct.pack("=9i", *fixed, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(
    "name", ["constant_rate", "rotated_90", "rotated_180", "rotated_270", "mirrored", "mirrored_90"]
)
def test_a_picture_turned_as_the_manifest_says_is_the_one_that_ffmpeg_shows(
    name: str, clip: Callable[[str], Path], manifest: Callable[[str], VideoManifest]
) -> None:
    video = manifest(name).video
    with av.open(str(clip(name))) as container:
        decoded = next(container.decode(video=0)).to_ndarray(format="gray")
    upright = np.rot90(decoded, k=-(video.rotation_degrees // 90))
    upright = upright[:, ::-1] if video.mirrored else upright
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip(name)), "-frames:v", "1"]
    shown = subprocess.run(
        [*command, "-pix_fmt", "gray", "-f", "rawvideo", "-"], capture_output=True, check=True
    ).stdout
    difference = np.abs(np.frombuffer(shown, np.uint8).reshape(upright.shape).astype(int) - upright)
    assert difference.max() <= 2  # another scaler rounds differently


def test_a_matrix_that_scales_still_turns() -> None:
    assert orientation_of(matrix(0, 2, -0.5, 0)) == (Orientation(90), None)


def test_an_odd_angle_is_rounded_and_noted() -> None:
    assert orientation_of(matrix(0.17, 0.98, -0.98, 0.17)) == (
        Orientation(90),
        "rotation of 80.2 degrees rounded to 90",
    )


@pytest.mark.parametrize("data", [b"", b"\0" * 36, matrix(1, 0, 1, 0), b"\1" * 10])
def test_a_matrix_without_meaning_turns_nothing(data: bytes) -> None:
    assert orientation_of(data) == (Orientation(), None)
