"""Where the time of a segment goes: seconds per frame, measured between the stages as the frames pass by."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from stylize.frame_transform import FrameTransform, Picture

COLUMNS: Final = ("read_seconds", "paint_seconds", "encode_seconds", "publish_seconds", "finished_seconds")


class FrameTimes:
    """A stopwatch for the stages that a frame passes; each stage may run in a thread of its own.

    ``read_seconds``: fetching the lossless chunk, which counts for its first frame, and decoding.
    ``paint_seconds``: the transform, spread evenly over the frames of a batch.
    ``encode_seconds``: measuring flicker, conversion and encoding; with ``publish_seconds``, which counts for the last
    frame of a chunk: the rest of the encoder's work, and publishing.
    ``finished_seconds``: when the frame was encoded, since painting began.
    Stages overlap, so their sum is more than the time that passed.
    """

    def __init__(self) -> None:
        """Nothing is measured yet."""
        self._rows: dict[int, dict[str, float]] = {}
        self._order: list[int] = []
        self._num_painted = 0
        self._started = self._read_until = self._published_from = 0.0
        self._unpublished: int | None = None

    def timed(self, transform: FrameTransform) -> FrameTransform:
        """``transform``, measured; the clock starts now."""
        self._started = self._read_until = time.monotonic()
        return _TimedTransform(transform, self)

    def sources(self, pictures: Iterable[Picture], *, start: int) -> Iterator[Picture]:
        """Pass the source pictures of one chunk on, the first of which is frame ``start`` of the clip."""
        began = self._read_until
        for frame, picture in enumerate(pictures, start):
            self._rows[frame] = dict.fromkeys(COLUMNS, 0.0) | {"read_seconds": time.monotonic() - began}
            self._order.append(frame)
            yield picture
            began = time.monotonic()
        self._read_until = time.monotonic()

    def styled(self, pictures: Iterable[Picture], *, start: int) -> Iterator[Picture]:
        """Pass on the styled pictures of the same chunk."""
        self.finish()
        for frame, picture in enumerate(pictures, start):
            began = time.monotonic()
            yield picture
            ended = time.monotonic()
            self._rows[frame] |= {"encode_seconds": ended - began, "finished_seconds": ended - self._started}
            self._unpublished = frame
        self._published_from = time.monotonic()

    def finish(self) -> None:
        """The last chunk that passed by is published."""
        if self._unpublished is not None:
            self._rows[self._unpublished]["publish_seconds"] = time.monotonic() - self._published_from
            self._unpublished = None

    def painted(self, num_frames: int, seconds: float) -> None:
        """The next ``num_frames`` frames went through the transform together, in ``seconds``."""
        for frame in self._order[self._num_painted : self._num_painted + num_frames]:
            self._rows[frame]["paint_seconds"] = seconds / num_frames
        self._num_painted += num_frames

    def rows(self) -> Sequence[dict[str, Any]]:
        """One row per frame that was encoded, in order: ``frame`` and the seconds of every stage."""
        return [{"frame": frame, **row} for frame, row in sorted(self._rows.items()) if row["finished_seconds"]]


class _TimedTransform:
    """A transform that tells how long its calls take."""

    def __init__(self, transform: FrameTransform, times: FrameTimes) -> None:
        self.batch_size, self.device, self.digest = transform.batch_size, transform.device, transform.digest
        self._transform = transform
        self._times = times

    @property
    def memory_rung(self) -> str:
        return self._transform.memory_rung

    def __call__(self, frames: Picture) -> Picture:
        began = time.monotonic()
        painted = self._transform(frames)
        self._times.painted(len(frames), time.monotonic() - began)
        return painted
