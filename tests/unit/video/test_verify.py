"""A good delivery has no problems; every kind of damage is found and named."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from stylize.errors import VerificationError
from stylize.video.chunks.encode import encode_chunk
from stylize.video.delivery.mux import stitch
from stylize.video.delivery.verify import verify_delivery
from stylize.video.source.manifest import ColorTags
from stylize.video.source.tracks import read_tracks
from tests.clips import CLIPS, run_ffmpeg


def verify(delivery, limits, output=None, *, truth=None, **options):
    tracks = read_tracks(delivery.source, limits)
    return verify_delivery(
        output or delivery.output, truth or delivery.manifest, tracks, delivery.picture, delivery.report, **options
    )


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("name", CLIPS)
def test_a_good_delivery_has_no_problems(name, suffix, delivered, limits):
    delivery = delivered(name, suffix)
    found = verify(delivery, limits, decode=True)
    assert found.problems == ()
    assert found.num_decoded_frames == found.num_frames == delivery.manifest.video.num_frames
    assert all(facts.identical for facts in found.sound)
    json.dumps(found.to_dict())


KEEP = ("-fps_mode", "passthrough", "-enc_time_base", "1:12288")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("-itsoffset", "0.1", "-i", "{}", "-i", "{}", "-map", "1:v", "-map", "0:a", "-c", "copy"), "starts 100"),
        (("-i", "{}", "-map", "0:v", "-c", "copy"), "not in the file"),
        (("-i", "{}", "-c:v", "copy", "-c:a", "aac"), "packets differ"),
        (("-i", "{}", "-c:a", "copy", "-c:v", "libx264", "-frames:v", "39"), "frames: 39, expected 40"),
        (("-i", "{}", "-c:a", "copy", "-c:v", "libx264", "-vf", "settb=1/12288,setpts=PTS+1", *KEEP), "off its time"),
        (("-i", "{}", "-c:a", "copy", "-c:v", "libx264", "-vf", "scale=90:64"), "size: 90x64, expected 96x64"),
        (("-i", "{}", "-c", "copy", "-aspect", "2:1"), "sample aspect ratio 4/3, expected 1"),
        (("-i", "{}", "-c", "copy", "-bsf:v", "h264_metadata=matrix_coefficients=6", "-color_trc", "6"), "colour tags"),
        (("-i", "{}", "-c:a", "copy", "-c:v", "libx264", "-vf", "drawbox=t=fill"), "single colour"),
        (("-i", "{}", "-c", "copy", "-metadata:s:a", "language=ita"), "language ita, expected None"),
    ],
)
def test_every_kind_of_damage_is_named(options, problem, delivered, limits, tmp_path):
    delivery = delivered("constant_rate", ".mp4")
    damaged = tmp_path / "damaged.mp4"
    run_ffmpeg(*(str(delivery.output) if option == "{}" else option for option in options), damaged)
    found = verify(delivery, limits, damaged)
    assert any(problem in found_one.text for found_one in found.problems), found.problems


def test_lossless_sound_with_other_samples_is_found(delivered, limits, tmp_path):
    delivery = delivered("pcm_16", ".mp4")
    louder = tmp_path / "louder.mp4"
    run_ffmpeg("-i", delivery.output, "-c:v", "copy", "-c:a", "flac", "-af", "volume=1.1", louder)
    problems = verify(delivery, limits, louder).problems
    assert any("does not hold the source's samples" in problem.text for problem in problems)


def test_a_frame_one_tick_off_is_found(delivered, limits):
    delivery = delivered("variable_rate", ".mp4")
    track = delivery.manifest.video
    pts = (*track.pts[:7], track.pts[7] + 1, *track.pts[8:])
    found = verify(delivery, limits, truth=replace(delivery.manifest, video=replace(track, pts=pts)))
    assert found.max_time_error_seconds == track.time_base
    assert len(found.problems) == 1


def test_sound_that_vanishes_without_a_reason_is_found(delivered, limits):
    delivery = delivered("constant_rate", ".mp4")
    tracks = read_tracks(delivery.source, limits)
    silent = replace(delivery.report, tracks=())
    found = verify_delivery(delivery.output, delivery.manifest, tracks, delivery.picture, silent)
    assert any("no reason is recorded" in problem.text for problem in found.problems)


def test_the_offset_between_sound_and_picture_is_stated_before_and_after(delivered, limits):
    (facts,) = verify(delivered("transport_stream_mid_gop", ".mp4"), limits).sound
    assert facts.offset_ms == facts.delivered_offset_ms
    assert facts.offset_ms < -300  # the picture begins late, at the first key frame


def test_a_flat_delivery_of_a_flat_source_is_no_problem(delivered, limits, tmp_path):
    delivery = delivered("no_audio", ".mov")
    chunk, output = tmp_path / "0.mkv", tmp_path / "flat.mov"
    encode_chunk((np.full((64, 96, 3), 77, np.uint8) for _ in range(40)), chunk, delivery.picture)
    stitch((chunk,), delivery.manifest, delivery.source, output, picture=delivery.picture, limits=limits)
    assert verify(delivery, limits, output).is_flat
    assert verify(delivery, limits, output, source_is_flat=True).problems == ()


def test_a_file_that_cannot_be_read_is_no_mere_mismatch(delivered, limits, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 100)
    with pytest.raises(VerificationError, match=r"'broken\.mp4' cannot be read again"):
        verify(delivered("no_audio", ".mov"), limits, broken)


def test_wrong_promises_about_colours_are_found(delivered, limits):
    delivery = delivered("no_audio", ".mov")
    other = replace(
        delivery, picture=replace(delivery.picture, color=ColorTags(range=2), sample_aspect_ratio=Fraction(2))
    )
    problems = verify(other, limits).problems
    assert any(problem.text.startswith("colour tags") for problem in problems)
    assert any(problem.text.startswith("sample aspect ratio") for problem in problems)
