"""Before and after at a glance: a few frames of a segment, kept small as they pass by, as a sheet and as a loop."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from stylize.pictures.small_pictures import Loop, scaled_to_height
from stylize.video.pixels.pixels import Picture
from stylize.video.source.plan import Chunk, Segment

SHEET_COLUMNS: Final = 4
SAMPLE_HEIGHT_PIXELS: Final = 144
GAP_PIXELS: Final = 4
LOOP_STEP: Final = 4
"""Every fourth frame of one chunk: a second of film, in six pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledFrames:
    """Which frames of a segment are shown.

    Attributes:
        sheet: indices in the clip, for the sheet: spread over the segment.
        loop: indices in the clip, for the loop: of one chunk in the middle.
    """

    sheet: tuple[int, ...]
    loop: tuple[int, ...]

    @property
    def all(self) -> frozenset[int]:
        """Both."""
        return frozenset(self.sheet + self.loop)

    @classmethod
    def of(cls, segment: Segment) -> "SampledFrames":
        """A choice that reaches into five chunks at most, and into four of them only to their first frame.

        So a segment that is stored already can be shown without decoding much of it.
        """
        chunks, columns = segment.chunks, min(SHEET_COLUMNS, segment.num_frames)
        if len(chunks) >= columns:
            sheet = tuple(chunks[column * len(chunks) // columns].start for column in range(columns))
        else:
            sheet = tuple(segment.start + column * segment.num_frames // columns for column in range(columns))
        middle = chunks[len(chunks) // 2]
        return cls(sheet=sheet, loop=tuple(range(middle.start, middle.stop, LOOP_STEP)))

    def in_chunk(self, chunk: Chunk) -> list[int]:
        """Those of a chunk, in order."""
        return sorted(frame for frame in self.all if chunk.start <= frame < chunk.stop)


class FrameSampler:
    """Keeps a small copy of chosen frames as they pass by, before and after; the rest of memory stays as it is."""

    def __init__(self, frames: SampledFrames) -> None:
        """Choose the frames."""
        self.frames = frames
        self._wanted = frames.all
        self._sources: dict[int, Picture] = {}
        self._styled: dict[int, Picture] = {}

    def sources(self, pictures: Iterable[Picture], *, start: int) -> Iterator[Picture]:
        """Pass source pictures ``(H, W, 3)`` on, the first of which is frame ``start`` of the clip."""
        return self._kept(pictures, start, self._sources)

    def styled(self, pictures: Iterable[Picture], *, start: int) -> Iterator[Picture]:
        """Pass on the styled pictures of the same frames."""
        return self._kept(pictures, start, self._styled)

    def sheet(self) -> Picture | None:
        """The chosen frames side by side, each styled one below its source, upright; None where none was seen.

        Where no source was seen, as after it expired, the sheet has one row.
        """
        columns = [frame for frame in self.frames.sheet if frame in self._styled]
        if not columns:
            return None
        rows = [_joined([self._styled[frame] for frame in columns], axis=1)]
        if all(frame in self._sources for frame in columns):
            rows.insert(0, _joined([self._sources[frame] for frame in columns], axis=1))
        return _joined(rows, axis=0)

    def loop(self, *, frame_seconds: float) -> Loop | None:
        """The styled frames of the loop, ``frame_seconds`` apart in the clip; None where none was seen."""
        pictures = [self._styled[frame] for frame in self.frames.loop if frame in self._styled]
        return Loop(pictures=pictures, frame_seconds=LOOP_STEP * frame_seconds) if pictures else None

    def _kept(self, pictures: Iterable[Picture], start: int, kept: dict[int, Picture]) -> Iterator[Picture]:
        for frame, picture in enumerate(pictures, start):
            if frame in self._wanted:
                kept[frame] = scaled_to_height(picture, SAMPLE_HEIGHT_PIXELS)
            yield picture


def _joined(pictures: Sequence[Picture], *, axis: int) -> Picture:
    """Pictures of one size in a row (axis 1) or a column (axis 0), with white between them."""
    height, width = pictures[0].shape[:2]
    gap = np.full((height, GAP_PIXELS, 3) if axis else (GAP_PIXELS, width, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)]
    return np.concatenate(parts[1:], axis=axis)
