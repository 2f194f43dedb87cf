"""Cutting a clip into segments and chunks."""

import json

import pytest

from stylize.video.source.plan import FRAMES_PER_CHUNK, MAX_SEGMENTS, SegmentPlan, plan_segments

LENGTHS = (1, 2, 23, 24, 25, 239, 240, 241, 1_000, 15_360, 15_361, 400_000)


@pytest.mark.parametrize("frames_per_segment", [1, 24, 100, 240, 5_000])
@pytest.mark.parametrize("num_frames", LENGTHS)
def test_every_frame_lies_in_exactly_one_chunk_and_one_segment(num_frames: int, frames_per_segment: int) -> None:
    plan = plan_segments(num_frames, frames_per_segment=frames_per_segment)
    for parts in (plan.chunks, plan.segments):
        assert [part.index for part in parts] == list(range(len(parts)))
        assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
        assert parts[-1].stop == num_frames


@pytest.mark.parametrize("num_frames", LENGTHS)
def test_only_the_last_chunk_of_the_clip_is_short(num_frames: int) -> None:
    chunks = plan_segments(num_frames).chunks
    assert {chunk.num_frames for chunk in chunks[:-1]} <= {FRAMES_PER_CHUNK}
    assert 1 <= chunks[-1].num_frames <= FRAMES_PER_CHUNK


@pytest.mark.parametrize("num_frames", LENGTHS)
def test_no_clip_takes_more_than_64_partitions(num_frames: int) -> None:
    assert len(plan_segments(num_frames, frames_per_segment=1).segments) <= MAX_SEGMENTS


def test_a_segment_is_at_least_as_long_as_the_knob_says_and_made_of_whole_chunks() -> None:
    plan = plan_segments(1_000, frames_per_segment=100)
    assert [segment.num_frames for segment in plan.segments] == [120] * 8 + [40]
    assert all(segment.start == segment.chunks[0].start for segment in plan.segments)
    assert all(segment.stop == segment.chunks[-1].stop for segment in plan.segments)


@pytest.mark.parametrize("num_frames", LENGTHS)
def test_a_plan_read_back_from_json_is_the_same_plan(num_frames: int) -> None:
    plan = plan_segments(num_frames)
    assert SegmentPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize(("num_frames", "frames_per_segment"), [(0, 240), (-1, 240), (10, 0)])
def test_lengths_below_one_are_refused_by_name_and_value(num_frames: int, frames_per_segment: int) -> None:
    with pytest.raises(ValueError, match=f"got {num_frames} and {frames_per_segment}"):
        plan_segments(num_frames, frames_per_segment=frames_per_segment)
