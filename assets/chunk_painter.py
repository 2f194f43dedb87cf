"""Lossless chunks in, styled chunks out: decoding, painting, measuring and encoding of one segment."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from assets.interruptions import interruptions_wait
from assets.segment_watch import FrameWatcher
from assets.steady_shots import SteadyShots
from resources.cell_attempt import CellAttempt
from resources.progress import Advance
from stylize.errors import IntegrityError
from stylize.frame_transform import FrameTransform, Picture, transform_groups
from stylize.records.chunk_objects import publish_chunk
from stylize.records.records import ChunkObject
from stylize.store.media_store import MediaStore
from stylize.video.source.manifest import VideoTrack
from stylize.video.source.plan import Chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPainter:
    """What the chunks of one segment have in common; ``steady_shots`` if its shots are painted by frozen statistics."""

    store: MediaStore
    track: VideoTrack
    transform: FrameTransform
    meter: FrameWatcher
    folder: Path
    advance: Advance
    attempt: CellAttempt
    steady_shots: SteadyShots | None = None

    def paint(
        self, chunks: Sequence[Chunk], sources: Mapping[int, ChunkObject], targets: Mapping[int, str]
    ) -> Iterator[tuple[Chunk, ChunkObject]]:
        """Style lossless chunks and publish each under its target as soon as it is encoded.

        While a chunk is styled, encoded and published, the next one is read; it is not styled before this one is
        published. So a process that is killed loses the frames of one chunk, and no more; one that is told to end does
        not lose a chunk whose last batch is in work.
        """
        stretches = [self._stretches(chunk) for chunk in chunks]
        sizes = [stop - start for ranges in stretches for start, stop in ranges]
        pictures = self._pictures(chunks, sources)
        with closing(transform_groups(pictures, self._paint, sizes, batch_size=self.transform.batch_size)) as groups:
            for chunk, ranges in zip(chunks, stretches, strict=True):
                end = self.attempt.styled_frames + chunk.num_frames
                with interruptions_wait(as_long_as=lambda end=end: self.attempt.styled_frames == end):
                    published = self._publish(chunk, self._styled(ranges, groups), targets[chunk.index])
                yield chunk, published

    def _stretches(self, chunk: Chunk) -> list[tuple[int, int]]:
        """Half-open ranges of frames that are painted alike."""
        return self.steady_shots.stretches(chunk) if self.steady_shots else [(chunk.start, chunk.stop)]

    def _styled(self, stretches: list[tuple[int, int]], groups: Iterator[Iterator[Picture]]) -> Iterator[Picture]:
        """The styled frames of one chunk; ``groups`` gives those of one stretch after the other."""
        for (start, _), group in zip(stretches, groups, strict=False):
            if self.steady_shots:
                self.steady_shots.freeze_at(start)
            yield from group

    def _pictures(self, chunks: Sequence[Chunk], sources: Mapping[int, ChunkObject]) -> Generator[Picture, None, None]:
        """The frames of the lossless chunks, in order; this part runs in a thread of its own."""
        from stylize.video.chunks.lossless import read_chunk
        from stylize.video.pixels.pixels import rgb_pictures

        for chunk in chunks:
            source = sources[chunk.index]
            with self.store.as_file(source.key, self.folder, sha256=source.sha256) as lossless:
                num_frames = 0
                pictures = rgb_pictures(read_chunk(lossless), self.track)
                for picture in self.meter.sources(pictures, start=chunk.start):
                    num_frames += 1
                    yield picture
            if num_frames != chunk.num_frames:  # the frames of the chunks after it would all be shifted
                expected = f"expected {chunk.num_frames}; materialize 'frames' of this segment again"
                raise IntegrityError(f"the chunk {source.key!r} holds {num_frames} frames, {expected}")

    def _paint(self, frames: Picture) -> Picture:
        self.attempt.styled_frames += len(frames)  # a batch that is begun is also finished, whatever comes meanwhile
        return self.transform(frames)

    def _publish(self, chunk: Chunk, styled: Iterator[Picture], key: str) -> ChunkObject:
        from stylize.video.chunks.encode import encode_chunk
        from stylize.video.pixels.pixels import delivered_picture

        encoded = self.folder / f"styled-{chunk.index:05d}.mkv"
        measured = self.meter.styled(styled, start=chunk.start)
        encode_chunk(map(self._count, measured), encoded, delivered_picture(self.track))
        published = publish_chunk(self.store, key, chunk, encoded)
        encoded.unlink()
        return published

    def _count(self, picture: Picture) -> Picture:
        self.advance(1)
        return picture
