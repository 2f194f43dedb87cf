"""Which frames are looked at for flicker, and the look at a finished delivery.

``styled_frames`` measures one pair of neighbouring frames per chunk as they pass by, before they are encoded: that
costs no second decode. ``final_video`` measures what the viewer sees, at the places where something may jump: where
segments, styled by different machines, meet.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assets.delivery import Assembled, Parts
from assets.source_pictures import source_pictures_of_clip
from stylize.store.media_store import MediaStore
from stylize.video.source.plan import Chunk, SegmentPlan

if TYPE_CHECKING:
    from stylize.video.measure.flicker import FlickerReport

MIN_PLACES: Final = 8
"""Of a delivery that are looked at, if it has as many chunks; more where more segments meet."""


def pairs_of_segment(chunks: Sequence[Chunk]) -> set[int]:
    """The later frame of one pair per chunk, of chunks that are styled one after the other in one process.

    The pair lies across the border with the chunk before if that is among ``chunks``, else in the middle.
    """
    stops = {chunk.stop for chunk in chunks}
    return {chunk.start if chunk.start in stops else chunk.start + chunk.num_frames // 2 for chunk in chunks}


def pairs_of_clip(plan: SegmentPlan) -> set[int]:
    """The later frames of the pairs that are looked at in a delivery.

    One across every border between segments, and across a few between chunks where there are not many; with each, the
    pair after it, which lies inside a chunk. In a clip of one chunk, the pair in its middle.
    """
    borders = {segment.start for segment in plan.segments[1:]}
    inner = [chunk.start for chunk in plan.chunks[1:] if chunk.start not in borders]
    missing = min(max(0, MIN_PLACES - len(borders)), len(inner))
    borders |= {inner[place * len(inner) // missing] for place in range(missing)}
    pairs = borders | {start + 1 for start in borders if start + 1 < plan.num_frames}
    return pairs or {plan.num_frames // 2}


def measure_delivery(store: MediaStore, parts: Parts, assembled: Assembled, folder: Path) -> "FlickerReport":
    """Compare chosen pairs of frames of the finished file with their source frames, as far as these are still stored.

    Raises:
        VerificationError: the finished file cannot be decoded.
    """
    from stylize.video.delivery.delivered_frames import DeliveredFrames
    from stylize.video.measure.flicker import FlickerMeter

    pairs = pairs_of_clip(parts.plan)
    meter = FlickerMeter(pairs)
    wanted = pairs | {frame - 1 for frame in pairs}
    with DeliveredFrames(assembled.file, parts.manifest.video, assembled.picture) as delivered:
        for frame, source in source_pictures_of_clip(store, parts, wanted, folder):
            meter.add(frame, source, delivered.read(frame))
    return meter.report()
