"""All that looks on while a segment is styled: the flicker meter, the sampler of pictures and the stopwatch."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from assets.steadiness import pairs_of_segment
from stylize.errors import StoreError
from stylize.frame_transform import FrameTransform, Picture
from stylize.records.segment_times import write_segment_times
from stylize.store.media_store import MediaStore
from stylize.video.source.plan import Chunk, Segment


class FrameWatcher(Protocol):
    """Looks at the frames of a segment as they pass by, chunk by chunk, and passes them on as they are."""

    def sources(self, pictures: Iterable[Picture], *, start: int) -> Iterator[Picture]:
        """Source pictures, the first of which is frame ``start`` of the clip."""
        ...

    def styled(self, pictures: Iterable[Picture], *, start: int) -> Iterator[Picture]:
        """The styled pictures of the same frames, which come later."""
        ...


class SegmentWatch:
    """Several watchers as one."""

    def __init__(self, segment: Segment, missing: list[Chunk]) -> None:
        """Watch ``segment``, whose chunks ``missing`` are going to be styled."""
        from stylize.pictures.contact_sheet import FrameSampler, SampledFrames
        from stylize.video.measure.flicker import FlickerMeter
        from stylize.video.measure.frame_times import FrameTimes

        self.flicker: FlickerMeter = FlickerMeter(pairs_of_segment(missing))
        self.sampler: FrameSampler = FrameSampler(SampledFrames.of(segment))
        self._times = FrameTimes()

    def timed(self, transform: FrameTransform) -> FrameTransform:
        """``transform``, measured; the clock starts now."""
        return self._times.timed(transform)

    def sources(self, pictures: Iterable[Picture], *, start: int) -> Iterator[Picture]:
        """See :class:`FrameWatcher`."""
        # The stopwatch is next to the decoder: what the others do is not decoding.
        read = self._times.sources(pictures, start=start)
        return self.sampler.sources(self.flicker.sources(read, start=start), start=start)

    def styled(self, pictures: Iterable[Picture], *, start: int) -> Iterator[Picture]:
        """See :class:`FrameWatcher`."""
        timed = self._times.styled(pictures, start=start)
        return self.sampler.styled(self.flicker.styled(timed, start=start), start=start)

    @contextmanager
    def times_recorded(self, store: MediaStore, key: str) -> Iterator[None]:
        """Store the times of the frames that were styled in this context, however it ends."""
        try:
            yield
            self._times.finish()
        finally:
            with suppress(StoreError):  # figures for a report, for which no styled frame may be lost
                write_segment_times(store, key, self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        flicker = {pair.frame: pair.styled_error for pair in self.flicker.report().pairs}
        for row in self._times.rows():
            yield {**row, "flicker": flicker.get(row["frame"])}
