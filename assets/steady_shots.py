"""One set of statistics for all frames of a shot: measured once, kept in the store, the same for every process.

Lies beside the styled chunks, in ``work/<clip>/<content>/styled/<look>/shot-<first frame>.json``.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from assets.source_pictures import spread_pictures
from stylize.frame_transform import FrameTransform, Picture, SteadyTransform
from stylize.records.content import read_manifest
from stylize.records.records import ClipSettings, Record, SegmentRecord
from stylize.store.keys import ContentKeys
from stylize.store.media_store import MediaStore
from stylize.video.source.manifest import VideoTrack
from stylize.video.source.plan import Chunk, Segment

FRAMES_PER_SHOT: Final = 3
"""That are looked at: in the middle of each third, so that what enters late counts, and a fade at either end little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotStatistics(Record):
    """What frames ``[start, stop)`` of the clip, one shot, are painted by; ``statistics`` is the transform's own."""

    start: int
    stop: int
    statistics: list[Any]


def find_steady_shots(
    store: MediaStore,
    keys: ContentKeys,
    settings: ClipSettings,
    transform: FrameTransform,
    ensure_split: Callable[[Segment], SegmentRecord],
    folder: Path,
) -> "SteadyShots | None":
    """What freezes ``transform`` for a clip, if its settings ask for it."""
    if not settings.steady_shots or not isinstance(transform, SteadyTransform):
        return None
    return SteadyShots(
        store=store,
        keys=keys,
        look=settings.look,
        track=read_manifest(store, keys).video,
        transform=transform,
        ensure_split=ensure_split,
        folder=folder,
    )


@dataclass(slots=True, kw_only=True)
class SteadyShots:
    """Freezes a transform to the shot whose frames come next.

    Attributes:
        store, keys: of the clip.
        look: see :attr:`ClipSettings.look`.
        track: its picture.
        transform: what is frozen.
        ensure_split: gives the lossless chunks of a segment; a shot may reach into segments of other processes.
        folder: for temporary files.
    """

    store: MediaStore
    keys: ContentKeys
    look: str
    track: VideoTrack
    transform: SteadyTransform
    ensure_split: Callable[[Segment], SegmentRecord]
    folder: Path
    _frozen_to: tuple[int, int] | None = field(default=None, init=False)

    def stretches(self, chunk: Chunk) -> list[tuple[int, int]]:
        """The parts of ``chunk`` that lie in one shot each, as half-open ranges of frames."""
        cuts = (shot for shot in self.track.shots if chunk.start < shot < chunk.stop)
        return list(pairwise([chunk.start, *cuts, chunk.stop]))

    def freeze_at(self, frame: int) -> None:
        """Freeze the transform to the shot that ``frame`` is in."""
        borders = (*self.track.shots, self.track.num_frames)
        index = bisect_right(borders, frame)
        shot = borders[index - 1], borders[index]
        if shot != self._frozen_to:
            self.transform.freeze_shot(self._statistics(shot))
            self._frozen_to = shot

    def _statistics(self, shot: tuple[int, int]) -> list[object]:
        key = self.keys.shot_statistics(self.look, shot[0])
        if ShotStatistics.find(self.store, key) is None:
            measured = self.transform.measure_shot(np.stack(list(self._pictures(shot))))
            # Whoever is second takes what the first has written: machines may differ in the last bits.
            ShotStatistics(start=shot[0], stop=shot[1], statistics=measured).write_once(self.store, key)
        return ShotStatistics.read(self.store, key).statistics

    def _pictures(self, shot: tuple[int, int]) -> Iterator[Picture]:
        return spread_pictures(self.store, self.keys, shot, FRAMES_PER_SHOT, self.ensure_split, self.folder)
