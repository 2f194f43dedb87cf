"""A short real clip without any download: a camera that glides over photographs from scikit-image, with a chord."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

WIDTH, HEIGHT = 640, 360
FRAME_RATE = 24
SAMPLE_RATE = 48_000
SECONDS_PER_PHOTOGRAPH = 2
FADE_FRAMES = 10
# Name of the photograph, then the camera's window at the start and at the end: centre x, centre y, width, as fractions.
SHOTS = (
    ("coffee", (0.42, 0.45, 0.95), (0.55, 0.52, 0.70)),
    ("astronaut", (0.30, 0.30, 0.60), (0.46, 0.24, 0.60)),
    ("rocket", (0.50, 0.66, 0.70), (0.50, 0.38, 0.80)),
)
CHORD_HZ = (220.0, 277.18, 329.63)

Picture = npt.NDArray[np.uint8]


def make_demo_clip(
    path: Path, *, size: tuple[int, int] = (WIDTH, HEIGHT), seconds_per_photograph: int = SECONDS_PER_PHOTOGRAPH
) -> None:
    """Write the clip to ``path``: H.264 with AAC sound in MP4, complete or not at all.

    Args:
        path: of the file.
        size: of the picture, columns and rows.
        seconds_per_photograph: how long the camera glides over each of the three.
    """
    temporary = path.with_name(f"{path.stem}-unfinished{path.suffix}")
    with av.open(str(temporary), "w") as container:
        video = container.add_stream("libx264", rate=FRAME_RATE, options={"crf": "16", "preset": "veryfast"})
        (video.width, video.height), video.pix_fmt = size, "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        num_frames = 0
        for index, picture in enumerate(_pictures(size, seconds_per_photograph * FRAME_RATE)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FRAME_RATE)
            container.mux(video.encode(frame))
            num_frames += 1
        container.mux(video.encode(None))
        for sound in _chord(Fraction(num_frames, FRAME_RATE)):
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    temporary.replace(path)


def _pictures(size: tuple[int, int], length: int) -> Iterator[Picture]:
    """The shots one after the other, each of ``length`` frames and fading into the next."""
    shots = [_glide(*shot, size=size) for shot in SHOTS]
    for index, shot in enumerate(shots):
        for position in range(length):
            picture = shot(position / length)
            fade = position - (length - FADE_FRAMES)
            if fade > 0 and index + 1 < len(shots):
                share = fade / FADE_FRAMES
                picture = (picture * (1 - share) + shots[index + 1](0.0) * share).astype(np.uint8)
            yield picture


def _glide(
    name: str, start: tuple[float, float, float], stop: tuple[float, float, float], *, size: tuple[int, int]
) -> Callable[[float], Picture]:
    """A function from time (0..1) to the picture that the camera sees then."""
    import skimage.data

    photograph = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")

    def look(time: float) -> Picture:
        eased = (1 - math.cos(math.pi * time)) / 2
        x, y, width = (a + (b - a) * eased for a, b in zip(start, stop, strict=True))
        pixels_wide = width * photograph.width
        pixels_high = pixels_wide * size[1] / size[0]
        left = min(max(x * photograph.width - pixels_wide / 2, 0), photograph.width - pixels_wide)
        top = min(max(y * photograph.height - pixels_high / 2, 0), photograph.height - pixels_high)
        box = (left, top, left + pixels_wide, top + pixels_high)
        return np.asarray(photograph.resize(size, Image.Resampling.LANCZOS, box=box))

    return look


def _chord(duration_seconds: Fraction) -> Iterator[av.AudioFrame]:
    """A soft chord that swells and fades, in frames of 1024 samples."""
    num_samples = int(duration_seconds * SAMPLE_RATE)
    seconds = np.arange(num_samples) / SAMPLE_RATE
    swell = np.sin(np.pi * np.arange(num_samples) / num_samples) * 0.2
    tones = [np.sin(2 * np.pi * frequency * seconds) for frequency in CHORD_HZ]
    left, right = (swell * (tones[0] + 0.6 * tones[1] + share * tones[2]) for share in (0.3, 0.8))
    samples = np.stack([left, right]).astype(np.float32)
    for start in range(0, num_samples, 1024):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, start : start + 1024]), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        yield frame
