"""What a scan finds in good clips of many kinds."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from stylize.sandbox.limits import DecodeLimits
from stylize.video.source.manifest import ColorTags, VideoManifest
from stylize.video.source.scan import scan
from tests.clips import CLIPS
from tests.unit.video.oracle import frame_table

Manifests = Callable[[str], VideoManifest]
Clips = Callable[[str], Path]

BT709 = ColorTags(range=1, matrix=1, primaries=1, transfer=1)
# The program guesses times where the container stores decoding order only, or none at all; and it shows what stands
# before the first key frame of a broken-off recording, gray where nothing is known.
PROGRAM_DIFFERS = {"avi_b_frames", "raw_h264", "transport_stream_mid_gop"}


@pytest.mark.parametrize("name", sorted(set(CLIPS) - PROGRAM_DIFFERS))
def test_timestamps_are_those_that_the_ffmpeg_program_finds(name: str, clip: Clips, manifest: Manifests) -> None:
    video = manifest(name).video
    time_base, rows = frame_table(clip(name), video.stream_index)
    assert video.time_base == time_base
    assert list(video.pts) == [pts for pts, _ in rows]
    assert video.timestamps == "container"


def test_a_variable_rate_is_kept_to_the_tick(manifest: Manifests) -> None:
    video = manifest("variable_rate").video
    assert video.time_base == Fraction(1, 90_000)
    assert video.pts == tuple(index * 3_000 + 700 * (index * index % 7) for index in range(40))


def test_avi_with_b_frames_gets_its_timestamps_in_presentation_order(manifest: Manifests) -> None:
    video = manifest("avi_b_frames").video
    assert (video.time_base, video.pts, video.timestamps) == (Fraction(1, 24), tuple(range(1, 41)), "repaired")


def test_a_raw_stream_gets_timestamps_at_its_own_rate(manifest: Manifests) -> None:
    found = manifest("raw_h264")
    assert (found.video.time_base, found.video.pts) == (Fraction(1, 25), tuple(range(40)))
    assert found.video.timestamps == "generated"
    assert found.notes == ("the source has no timestamps: played at 25 frames per second",)


def test_a_recording_that_begins_between_key_frames_starts_at_its_first_key_frame(manifest: Manifests) -> None:
    whole, cut = manifest("transport_stream").video, manifest("transport_stream_mid_gop").video
    assert cut.pts == whole.pts[-len(cut.pts) :]
    assert len(cut.pts) == 32


def test_frames_hidden_by_an_edit_list_are_not_counted(manifest: Manifests) -> None:
    video = manifest("edit_list").video
    assert (video.num_frames, video.start_seconds) == (23, 0)


@pytest.mark.parametrize(
    ("name", "seconds"), [("transport_stream", Fraction(133_500, 90_000)), ("late_start", Fraction(7, 2))]
)
def test_a_late_start_is_kept(name: str, seconds: Fraction, manifest: Manifests) -> None:
    assert manifest(name).video.start_seconds == seconds


@pytest.mark.parametrize(
    ("name", "size", "pixel_format"),
    [
        ("odd_size_444", (65, 49), "yuv444p"),
        ("odd_size_420", (65, 49), "yuv420p"),
        ("ten_bit", (96, 64), "yuv420p10le"),
        ("ten_bit_422", (96, 64), "yuv422p10le"),
        ("full_range", (96, 64), "yuvj420p"),
        ("gray", (96, 64), "gray"),
        ("rgb", (66, 50), "gbrp"),
        ("alpha", (96, 64), "argb"),
        ("palette", (96, 64), "pal8"),
        ("packed_422", (96, 64), "uyvy422"),
        ("two_video", (96, 64), "yuv420p"),
        ("cover_picture", (96, 64), "yuv420p"),
    ],
)
def test_size_and_pixel_format_are_those_of_the_moving_picture(
    name: str, size: tuple[int, int], pixel_format: str, manifest: Manifests
) -> None:
    video = manifest(name).video
    assert ((video.width, video.height), video.pixel_format) == (size, pixel_format)


@pytest.mark.parametrize(
    ("name", "color"),
    [
        ("constant_rate", BT709),
        ("transport_stream", BT709),
        ("hdr", ColorTags(range=1, matrix=9, primaries=9, transfer=16)),
        ("full_range", ColorTags(range=2)),
        ("motion_jpeg", ColorTags(range=2, matrix=5)),
        ("rgb", ColorTags(range=2, matrix=0)),
        ("hevc", ColorTags(range=1)),
    ],
)
def test_colour_tags_are_those_of_the_source(name: str, color: ColorTags, manifest: Manifests) -> None:
    assert manifest(name).video.color == color


@pytest.mark.parametrize(
    ("name", "turned"),
    [
        ("constant_rate", (0, False)),
        ("rotated_90", (90, False)),
        ("rotated_180", (180, False)),
        ("rotated_270", (270, False)),
        ("mirrored", (0, True)),
        ("mirrored_90", (90, True)),
    ],
)
def test_rotation_and_mirroring_are_read_from_the_display_matrix(
    name: str, turned: tuple[int, bool], manifest: Manifests
) -> None:
    video = manifest(name).video
    assert (video.rotation_degrees, video.mirrored) == turned


def test_non_square_pixels_are_seen(manifest: Manifests) -> None:
    assert manifest("non_square_pixels").video.sample_aspect_ratio == Fraction(16, 15)
    assert manifest("constant_rate").video.sample_aspect_ratio == 1


def test_interlaced_fields_are_seen(manifest: Manifests) -> None:
    assert manifest("interlaced").video.field_order == "tt"
    assert manifest("avi").video.field_order == "progressive"


@pytest.mark.parametrize(
    ("name", "tracks"),
    [
        ("no_audio", []),
        ("two_audio", [("audio", "aac", "eng"), ("audio", "aac", "fra")]),
        ("two_video", [("video", "h264", None)]),
        ("subtitles_mov_text", [("audio", "aac", None), ("subtitle", "mov_text", "deu")]),
        ("subtitles_srt", [("audio", "aac", None), ("subtitle", "subrip", "deu")]),
        ("subtitles_ass", [("audio", "aac", None), ("subtitle", "ass", "deu")]),
        ("cover_picture", [("audio", "aac", None), ("attachment", "png", None)]),
        ("pcm_24", [("audio", "pcm_s24le", None)]),
        ("vp9_opus", [("audio", "opus", None)]),
        ("avi", [("audio", "mp3", None)]),
    ],
)
def test_other_tracks_are_listed_with_codec_and_language(
    name: str, tracks: list[tuple[str, str, str | None]], manifest: Manifests
) -> None:
    assert [(track.kind, track.codec, track.language) for track in manifest(name).other_tracks] == tracks


def test_chapters_are_counted(manifest: Manifests) -> None:
    assert manifest("chapters").num_chapters == 3
    assert manifest("constant_rate").num_chapters == 0


@pytest.mark.parametrize("name", ["constant_rate", "one_frame", "hevc", "av1"])
def test_the_last_frame_lasts_as_long_as_the_container_says(name: str, manifest: Manifests) -> None:
    assert manifest(name).video.last_duration == 512


def test_progress_is_reported_in_frames_while_a_long_scan_runs(clip: Clips, limits: DecodeLimits) -> None:
    counts: list[int] = []
    scan(clip("constant_rate"), limits=limits, on_progress=counts.append)
    assert counts
    assert counts == sorted(counts)
    assert 0 <= counts[-1] <= 40


@pytest.mark.parametrize(
    "file_name",
    [
        "with space.mp4",
        "-i.mp4",
        'it\'s "quoted".mp4',
        "ünï 線.mp4",
        "two\nlines.mp4",
        "pipe:0",
        "concat:a|b",
        "100%d.mp4",
        "http:..mp4",
        "\udce9.mp4",
        ".hidden",
        "no-extension",
        "subfile,,start,1,end,2,,:x",
    ],
)
def test_any_file_name_works(
    file_name: str,
    clip: Clips,
    manifest: Manifests,
    limits: DecodeLimits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / file_name
    path.write_bytes(clip("constant_rate").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert scan(Path(file_name), limits=limits) == manifest("constant_rate")
