"""The sound of a clip as a picture: how loud it is over time, a row for every track."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.error import FFmpegError

from stylize.errors import DecodeError
from stylize.sandbox.limits import DecodeLimits
from stylize.sandbox.sandbox import run_sandboxed
from stylize.sandbox.sandbox_child import Channel
from stylize.video.pixels.pixels import Picture
from stylize.video.source.open import open_untrusted, quoted
from stylize.video.source.tracks import usable_audio

NUM_COLUMNS: Final = 640
ROW_HEIGHT_PIXELS: Final = 96
MAX_ROWS: Final = 4
RATE_HZ: Final = 8000
"""Enough to see how loud it is."""

WAVE: Final = (46, 110, 183)
BACKGROUND: Final = (246, 248, 250)
AXIS: Final = (170, 182, 196)


@dataclass(frozen=True, slots=True)
class Peaks:
    """How far one track swings in each of ``NUM_COLUMNS`` equal parts of the film, -1..1; 0 where it is silent."""

    lowest: tuple[float, ...]
    highest: tuple[float, ...]


def measure_loudness(source: Path, *, seconds: Fraction, limits: DecodeLimits) -> list[Peaks]:
    """Decode the sound of a file, in a child process, and find the peaks of its first tracks, four at most.

    Args:
        source: any video file, untrusted.
        seconds: how long the film is: what the width of the picture stands for.
        limits: caps on what is opened, and on the time it takes.

    Raises:
        ProbeError: the file may not be opened.
        DecodeError: its sound is damaged, or reading it crashes or stalls.
    """
    arguments = {"source": str(source.absolute()), "seconds": str(seconds), "limits": asdict(limits)}
    found = run_sandboxed(measure_loudness_here, arguments, subject=quoted(source), limits=limits)
    return [Peaks(tuple(lowest), tuple(highest)) for lowest, highest in found]


def measure_loudness_here(arguments: dict[str, Any], channel: Channel) -> list[list[list[float]]]:
    """What the child does for :func:`measure_loudness`."""
    source, seconds = Path(arguments["source"]), Fraction(arguments["seconds"])
    with open_untrusted(source, DecodeLimits(**arguments["limits"])) as container:
        streams = usable_audio(container)[:MAX_ROWS]
        start = Fraction(container.start_time or 0, av.time_base)
        meters = {stream.index: _Meter(stream, start_seconds=start, seconds=seconds) for stream in streams}
        try:
            for count, packet in enumerate(container.demux(*streams) if streams else ()):
                meters[packet.stream.index].add(packet)  # the last packets, which are empty, know their stream only
                channel.progress(count)
        except (FFmpegError, ValueError) as error:
            raise DecodeError(f"the sound of {quoted(source)} cannot be decoded: {error}") from error
    return [meter.peaks.round(3).tolist() for meter in meters.values()]


class _Meter:
    """Collects the peaks of one track."""

    def __init__(self, stream: AudioStream, *, start_seconds: Fraction, seconds: Fraction) -> None:
        self.peaks = np.zeros((2, NUM_COLUMNS))
        self._start_seconds = start_seconds
        self._columns_per_second = float(NUM_COLUMNS / max(seconds, Fraction(1, 1000)))
        self._resampler = AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        self._next_seconds: float | None = None

    def add(self, packet: av.Packet) -> None:
        """Take in one packet of the stream; an empty one ends it."""
        for frame in packet.decode():
            if isinstance(frame, av.AudioFrame):
                if self._next_seconds is None and frame.pts is not None and frame.time_base is not None:
                    self._next_seconds = float(frame.pts * frame.time_base - self._start_seconds)
                for mono in self._resampler.resample(frame):
                    self._take(np.asarray(mono.to_ndarray(), np.float32).ravel())

    def _take(self, samples: npt.NDArray[np.float32]) -> None:
        begin = self._next_seconds or 0.0
        self._next_seconds = begin + len(samples) / RATE_HZ
        times = begin + np.arange(len(samples)) / RATE_HZ
        columns = np.clip(times * self._columns_per_second, 0, NUM_COLUMNS - 1).astype(int)
        np.minimum.at(self.peaks[0], columns, np.clip(samples, -1, 1))
        np.maximum.at(self.peaks[1], columns, np.clip(samples, -1, 1))


def draw_waveform(tracks: Sequence[Peaks]) -> Picture:
    """A row of 640 x 96 pixels for every track, time from left to right; RGB ``(H, W, 3)``, values 0..255."""
    picture = np.full((ROW_HEIGHT_PIXELS * len(tracks), NUM_COLUMNS, 3), BACKGROUND, np.uint8)
    half = ROW_HEIGHT_PIXELS // 2
    for row, peaks in enumerate(tracks):
        middle = row * ROW_HEIGHT_PIXELS + half
        picture[middle] = AXIS
        for column, (lowest, highest) in enumerate(zip(peaks.lowest, peaks.highest, strict=True)):
            top, bottom = middle - round(highest * (half - 3)), middle - round(lowest * (half - 3))
            if bottom > top:
                picture[top : bottom + 1, column] = WAVE
    return picture
