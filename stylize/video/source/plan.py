"""Cut a clip into segments (one Dagster partition, one pod's work) and chunks (one stored object, unit of resume)."""

from dataclasses import dataclass
from typing import Any, Self

FRAMES_PER_CHUNK = 24
MAX_SEGMENTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Frames ``[start, stop)`` of the clip, stored as one object."""

    index: int
    start: int
    stop: int

    @property
    def num_frames(self) -> int:
        """Frames in this chunk."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Frames ``[start, stop)`` of the clip, made of whole chunks, processed as one partition."""

    index: int
    start: int
    stop: int
    chunks: tuple[Chunk, ...]

    @property
    def num_frames(self) -> int:
        """Frames in this segment."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPlan:
    """The half-open frame ranges of every segment and chunk; computed once per content and then only read."""

    num_frames: int
    segments: tuple[Segment, ...]

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """Every chunk of the clip, in order."""
        return tuple(chunk for segment in self.segments for chunk in segment.chunks)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: each segment as its list of ``[start, stop)`` chunk ranges."""
        return {
            "num_frames": self.num_frames,
            "segments": [[[chunk.start, chunk.stop] for chunk in segment.chunks] for segment in self.segments],
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote."""
        segments: list[Segment] = []
        num_chunks = 0
        for index, ranges in enumerate(document["segments"]):
            chunks = tuple(
                Chunk(index=num_chunks + offset, start=start, stop=stop) for offset, (start, stop) in enumerate(ranges)
            )
            num_chunks += len(chunks)
            segments.append(Segment(index=index, start=chunks[0].start, stop=chunks[-1].stop, chunks=chunks))
        return cls(num_frames=document["num_frames"], segments=tuple(segments))


def plan_segments(num_frames: int, *, frames_per_segment: int = 240) -> SegmentPlan:
    """Cut ``num_frames`` frames into at most 64 segments of whole 24-frame chunks.

    A segment holds ``max(frames_per_segment, num_frames / 64)`` frames, rounded up to whole chunks; the last one holds
    what remains.

    Args:
        num_frames: frames of the clip, at least 1.
        frames_per_segment: wished frames per partition, at least 1: the "images per job" of the batch systems.

    Raises:
        ValueError: an argument is below 1.
    """
    if num_frames < 1 or frames_per_segment < 1:
        raise ValueError(
            f"expected at least 1 frame and 1 frame per segment, got {num_frames} and {frames_per_segment}"
        )
    wished = max(frames_per_segment, -(-num_frames // MAX_SEGMENTS))
    segment_length = -(-wished // FRAMES_PER_CHUNK) * FRAMES_PER_CHUNK
    ranges = [
        [
            [start, min(start + FRAMES_PER_CHUNK, segment_start + segment_length, num_frames)]
            for start in range(segment_start, min(segment_start + segment_length, num_frames), FRAMES_PER_CHUNK)
        ]
        for segment_start in range(0, num_frames, segment_length)
    ]
    return SegmentPlan.from_dict({"num_frames": num_frames, "segments": ranges})
