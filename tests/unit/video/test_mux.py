"""The joined picture, read back by another program: every frame at its time, with its size and colours."""

import shutil
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from stylize.errors import MuxError
from stylize.video.chunks.encode import encode_chunk
from stylize.video.delivery.mux import stitch
from stylize.video.delivery.report import StitchReport
from stylize.video.source.manifest import ColorTags
from tests.clips import CLIPS
from tests.unit.video.delivery import Delivery, packet_table
from tests.unit.video.oracle import frame_table

HALF_MILLISECOND = Fraction(1, 2000)
MILLISECOND = Fraction(1, 1000)
MPEG_TS = {"transport_stream", "transport_stream_mid_gop"}
NAMES = [
    "with space.mp4",
    "-y.mp4",
    'it\'s "quoted".mp4',
    "línea\nnueva 線.mp4",
    "pipe:1.mp4",
    "%03d.mp4",
    "concat:a|b.mp4",
]


def coarse(picture):
    height, width = picture.shape[0] // 8 * 8, picture.shape[1] // 8 * 8
    return picture[:height, :width].reshape(height // 8, 8, width // 8, 8, 3).mean(axis=(1, 3))


def frame_times(path):
    base, frames = frame_table(path, 0)
    return [pts * base for pts, _ in frames]


def promised_times(delivery: Delivery):
    track = delivery.manifest.video
    return [pts * track.time_base + delivery.report.shift_seconds for pts in track.pts]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("name", CLIPS)
def test_every_frame_of_every_clip_is_shown_exactly_when_the_source_shows_it(name, suffix, delivered):
    delivery = delivered(name, suffix)
    assert frame_times(delivery.output) == promised_times(delivery)
    assert delivery.report.rounding_seconds == 0
    with av.open(str(delivery.output)) as container:
        stream = container.streams.video[0]
        assert Fraction(stream.duration or 0) * (stream.time_base or 1) == delivery.manifest.video.duration_seconds


@pytest.mark.parametrize("name", ["variable_rate", "b_frames", "late_start", "transport_stream", "one_frame"])
def test_matroska_moves_no_frame_by_more_than_its_half_millisecond_and_says_by_how_much(name, delivered):
    delivery = delivered(name, ".mkv")
    pairs = zip(frame_times(delivery.output), promised_times(delivery), strict=True)
    worst = max(abs(found - promised) for found, promised in pairs)
    assert worst <= HALF_MILLISECOND
    assert worst == delivery.report.rounding_seconds


@pytest.mark.parametrize("name", CLIPS)
def test_size_aspect_ratio_and_colour_tags_are_those_of_the_delivered_picture(name, delivered):
    delivery = delivered(name, ".mp4")
    picture = delivery.picture
    with av.open(str(delivery.output)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        found = ColorTags(
            range=int(context.color_range), matrix=int(context.colorspace),
            primaries=int(context.color_primaries), transfer=int(context.color_trc),
        )  # fmt: skip
        assert (stream.width, stream.height) == (picture.width, picture.height)
        assert (stream.sample_aspect_ratio or 1) == picture.sample_aspect_ratio
        assert found == picture.color
        assert next(container.decode(stream)).rotation == 0


@pytest.mark.parametrize("name", ["no_audio", "gray", "rgb", "ten_bit", "full_range", "rotated_90", "mirrored_90"])
def test_the_delivered_pictures_look_like_the_sources(name, delivered):
    delivery = delivered(name, ".mp4")

    def pictures(path):
        with av.open(str(path)) as container:
            return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]

    before, after = pictures(delivery.source)[-1], pictures(delivery.output)[-1]
    if name == "rotated_90":
        before = np.rot90(before, -1)
    if name == "mirrored_90":  # turned clockwise, then flipped
        before = np.rot90(before, -1)[:, ::-1]
    assert np.abs(coarse(before) - coarse(after)).mean() < 5  # Fine detail depends on how a player enlarges chroma.


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("name", ["pcm_24", "chapters", "cover_picture", "subtitles_srt"])
def test_joining_the_same_chunks_twice_gives_the_same_bytes(name, suffix, delivered, limits, tmp_path):
    delivery = delivered(name, suffix)
    again = tmp_path / f"again{suffix}"
    report = stitch(delivery.chunks, delivery.manifest, delivery.source, again, picture=delivery.picture, limits=limits)
    assert again.read_bytes() == delivery.output.read_bytes()
    assert report == delivery.report
    assert StitchReport.from_dict(report.to_dict()) == report


def test_the_index_of_an_mp4_stands_before_its_data(delivered):
    data = delivered("constant_rate", ".mp4").output.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


@pytest.mark.parametrize("name", ["transport_stream", "mpeg2_program_stream"])
def test_a_broadcast_clock_is_moved_to_zero_and_the_shift_is_recorded(name, delivered):
    delivery = delivered(name, ".mp4")
    first_sound = packet_table(delivery.source, "0:a:0")[0][0]
    assert delivery.report.shift_seconds == -min(first_sound, delivery.manifest.video.start_seconds)
    assert any("moved" in note for note in delivery.report.notes)


def test_a_late_start_in_a_container_with_a_true_clock_is_kept(delivered):
    delivery = delivered("late_start", ".mp4")
    assert delivery.report.shift_seconds == 0
    assert frame_times(delivery.output)[0] == Fraction(7, 2)


@pytest.mark.parametrize("file_name", NAMES)
def test_file_names_are_never_taken_for_anything_else(file_name, delivered, limits, tmp_path, monkeypatch):
    delivery = delivered("one_frame_with_sound", ".mp4")
    monkeypatch.chdir(tmp_path)
    source, output = tmp_path / f"in {file_name}", tmp_path / file_name
    shutil.copy(delivery.source, source)
    relative = type(output)(file_name)
    stitch(delivery.chunks, delivery.manifest, source, relative, picture=delivery.picture, limits=limits)
    assert output.read_bytes() == delivery.output.read_bytes()


def refuse(delivery, chunks, output, limits, message):
    with pytest.raises(MuxError, match=message):
        stitch(chunks, delivery.manifest, delivery.source, output, picture=delivery.picture, limits=limits)


def test_a_missing_or_surplus_chunk_is_refused(delivered, limits, tmp_path):
    delivery = delivered("constant_rate", ".mp4")
    first, second = delivery.chunks
    refuse(delivery, (first,), tmp_path / "a.mp4", limits, "hold 24 frames, expected 40")
    refuse(delivery, (first, second, second), tmp_path / "a.mp4", limits, "hold 56 frames, expected 40")
    refuse(delivery, (), tmp_path / "a.mp4", limits, "no chunks")


def test_a_chunk_with_other_headers_is_refused(delivered, limits, tmp_path):
    delivery = delivered("constant_rate", ".mp4")
    other = delivered("full_range", ".mp4")
    refuse(delivery, (delivery.chunks[0], other.chunks[1]), tmp_path / "a.mp4", limits, "headers of chunk")


def test_a_chunk_of_another_size_or_no_chunk_at_all_is_refused(delivered, limits, tmp_path):
    delivery = delivered("constant_rate", ".mp4")
    other = delivered("non_square_pixels", ".mp4")
    refuse(delivery, other.chunks, tmp_path / "a.mp4", limits, "is 90x80, expected 96x64")
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"no video")
    refuse(delivery, (delivery.chunks[0], broken), tmp_path / "a.mp4", limits, "'broken.mkv' cannot be read")


def test_an_unknown_suffix_is_refused_with_the_ones_that_work(delivered, limits, tmp_path):
    delivery = delivered("constant_rate", ".mp4")
    refuse(delivery, delivery.chunks, tmp_path / "a.avi", limits, r"'a.avi' must end in one of .*\.mkv.*\.mp4")


def test_progress_counts_every_frame(delivered, limits, tmp_path):
    delivery = delivered("constant_rate", ".mp4")
    seen: list[int] = []
    stitch(
        delivery.chunks, delivery.manifest, delivery.source, tmp_path / "a.mp4",
        picture=delivery.picture, limits=limits, on_progress=seen.append,
    )  # fmt: skip
    assert seen == list(range(1, 41))


def test_a_last_frame_that_is_shown_for_long_ends_when_it_should(delivered, limits, tmp_path):
    delivery = delivered("no_audio", ".mov")
    track = delivery.manifest.video
    for num_frames in (1, 2, 3, 5):
        black = np.full((64, 96, 3), 9, np.uint8)
        chunk = tmp_path / f"{num_frames}.mkv"
        encode_chunk((black + np.uint8(20 * i) for i in range(num_frames)), chunk, delivery.picture)
        pts = tuple(7 * i * i for i in range(num_frames))
        truth = replace(delivery.manifest, video=replace(track, pts=pts, last_duration=5 * track.time_base.denominator))
        output = tmp_path / f"{num_frames}.mp4"
        stitch((chunk,), truth, delivery.source, output, picture=delivery.picture, limits=limits)
        with av.open(str(output)) as container:
            stream = container.streams.video[0]
            base = stream.time_base or Fraction(1)
            found = sorted((packet.pts or 0) * base for packet in container.demux(stream) if packet.size)
            assert found == [ticks * track.time_base for ticks in pts]
            assert (stream.duration or 0) * base == truth.video.duration_seconds
