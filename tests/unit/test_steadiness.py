"""Which pairs of frames are looked at for flicker."""

import pytest

from assets.steadiness import pairs_of_clip, pairs_of_segment
from stylize.video.source.plan import plan_segments


@pytest.mark.parametrize("num_frames", [1, 2, 24, 25, 48, 240, 241, 2400, 50_000])
def test_every_border_between_segments_is_looked_at_in_a_delivery(num_frames: int) -> None:
    plan = plan_segments(num_frames, frames_per_segment=48)
    pairs = pairs_of_clip(plan)
    assert {segment.start for segment in plan.segments[1:]} <= pairs
    assert all(0 < frame < num_frames for frame in pairs) or num_frames == 1
    assert len(pairs) <= 2 * max(8, len(plan.segments) - 1)


def test_a_clip_of_one_segment_is_looked_at_across_chunks_and_inside_them() -> None:
    plan = plan_segments(240)
    starts = {chunk.start for chunk in plan.chunks}
    pairs = pairs_of_clip(plan)
    assert len(pairs & starts) == 8
    assert len(pairs - starts) == 8
    assert pairs_of_clip(plan_segments(20)) == {10}


def test_one_pair_per_chunk_is_looked_at_as_a_segment_is_styled() -> None:
    chunks = plan_segments(100).segments[0].chunks
    assert pairs_of_segment(chunks) == {12, 24, 48, 72, 96}
    resumed = [chunk for chunk in chunks if chunk.index != 1]
    assert pairs_of_segment(resumed) == {12, 48 + 12, 72, 96}
    assert pairs_of_segment([]) == set()
