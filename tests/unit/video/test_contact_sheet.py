"""Which frames are shown of a segment, and that the film passes by as it is."""

import numpy as np
import pytest

from stylize.pictures.contact_sheet import SAMPLE_HEIGHT_PIXELS, FrameSampler, SampledFrames
from stylize.video.source.plan import Segment, plan_segments


def segment_of(num_frames: int, *, index: int = 0, frames_per_segment: int = 240) -> Segment:
    return plan_segments(num_frames, frames_per_segment=frames_per_segment).segments[index]


def film(segment: Segment, *, offset: int) -> list[np.ndarray]:
    """A picture per frame whose brightness tells its index."""
    return [np.full((288, 512, 3), frame % 100 + offset, np.uint8) for frame in range(segment.start, segment.stop)]


def shown(segment: Segment, *, sources: bool = True) -> FrameSampler:
    sampler = FrameSampler(SampledFrames.of(segment))
    if sources:
        list(sampler.sources(film(segment, offset=0), start=segment.start))
    list(sampler.styled(film(segment, offset=100), start=segment.start))
    return sampler


@pytest.mark.parametrize("num_frames", [1, 2, 3, 5, 24, 25, 47, 96, 240, 2400])
def test_the_sheet_reaches_from_the_beginning_over_the_segment(num_frames: int) -> None:
    segment = segment_of(num_frames, frames_per_segment=2400)
    chosen = SampledFrames.of(segment)
    assert len(chosen.sheet) == len(set(chosen.sheet)) == min(4, num_frames)
    assert chosen.sheet[0] == segment.start
    assert all(segment.start <= frame < segment.stop for frame in chosen.all)
    assert num_frames < 8 or chosen.sheet[-1] >= num_frames / 2


def test_a_stored_segment_is_shown_from_five_chunks_at_most() -> None:
    segment = segment_of(2400, frames_per_segment=2400)
    touched = [chunk for chunk in segment.chunks if SampledFrames.of(segment).in_chunk(chunk)]
    first_frames = [SampledFrames.of(segment).in_chunk(chunk)[-1] - chunk.start for chunk in touched]
    assert len(touched) <= 5
    assert sorted(first_frames)[:-1] == [0] * (len(touched) - 1)


def test_frames_pass_by_unchanged_and_only_small_copies_are_kept() -> None:
    segment = segment_of(240, index=1, frames_per_segment=120)
    sampler, pictures = FrameSampler(SampledFrames.of(segment)), film(segment, offset=0)
    passed = list(sampler.sources(iter(pictures), start=segment.start))
    assert all(one is other for one, other in zip(passed, pictures, strict=True))
    list(sampler.styled(iter(pictures), start=segment.start))
    sheet = sampler.sheet()
    assert sheet.shape[0] == 2 * SAMPLE_HEIGHT_PIXELS + 4
    assert {picture.shape[0] for picture in sampler.loop(frame_seconds=0.04).pictures} == {SAMPLE_HEIGHT_PIXELS}


def test_the_sheet_has_every_styled_frame_below_its_source() -> None:
    segment = segment_of(240, index=1, frames_per_segment=120)
    sheet, chosen = shown(segment).sheet(), SampledFrames.of(segment).sheet
    column_width = 256 + 4
    for column, frame in enumerate(chosen):
        left = column * column_width
        assert sheet[10, left + 10, 0] == frame % 100
        assert sheet[-10, left + 10, 0] == frame % 100 + 100


def test_without_sources_the_sheet_shows_what_there_is() -> None:
    sheet = shown(segment_of(48), sources=False).sheet()
    assert sheet.shape[0] == SAMPLE_HEIGHT_PIXELS
    assert sheet[10, 10, 0] == 100
    assert FrameSampler(SampledFrames.of(segment_of(48))).sheet() is None
    assert FrameSampler(SampledFrames.of(segment_of(48))).loop(frame_seconds=0.04) is None


def test_the_loop_runs_as_fast_as_the_film() -> None:
    loop = shown(segment_of(240)).loop(frame_seconds=1 / 24)
    assert len(loop.pictures) * loop.frame_seconds == pytest.approx(1.0)
