"""Colours survive the way to RGB and back, checked against the standards' own numbers."""

from dataclasses import replace
from fractions import Fraction
from typing import cast

import av
import numpy as np
import pytest

from stylize.errors import DecodeError, EncodeError
from stylize.video.chunks.lossless import read_chunk
from stylize.video.chunks.split import split
from stylize.video.pixels.pixels import Picture, delivered_picture, from_rgb, rgb_pictures, to_rgb
from stylize.video.pixels.tonemap import nits_to_pq, pq_to_nits, to_bt709, tone_curve
from stylize.video.source.manifest import ColorTags, VideoTrack
from stylize.video.source.plan import plan_segments
from tests.clips import CLIPS

# Luma weights of red and blue, from BT.601, BT.709 and BT.2020.
WEIGHTS = {5: (0.299, 0.114), 6: (0.299, 0.114), 1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
BARS = np.array([[255, 255, 255], [255, 255, 0], [0, 255, 255], [0, 255, 0], [255, 0, 255], [255, 0, 0], [0, 0, 255]])
TRACK = VideoTrack(
    stream_index=0, codec="h264", width=224, height=32, pixel_format="yuv420p", time_base=Fraction(1, 25), pts=(0,),
    last_duration=1, average_rate=None,
)  # fmt: skip


def bars():
    return np.repeat(np.repeat(BARS[None].astype(np.uint8), 32, axis=1), 32, axis=0)


def track(**changes) -> VideoTrack:
    return replace(TRACK, **changes)


def centers(picture):
    return picture[16, 16::32].astype(int)


def filled(pixel_format, *values, width=32, height=32):
    """A frame whose planes hold one 16-bit or 8-bit value each."""
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, value in zip(frame.planes, values, strict=True):
        kind = np.uint16 if "le" in pixel_format else np.uint8
        plane.update(np.full(plane.buffer_size // kind().itemsize, value, kind).tobytes())
    return frame


@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("matrix", sorted(WEIGHTS))
def test_the_luma_of_colour_bars_is_what_the_standard_says(matrix, color_range):
    picture = delivered_picture(track(color=ColorTags(range=color_range, matrix=matrix, primaries=1, transfer=1)))
    red, blue = WEIGHTS[matrix if picture.matrix == matrix else picture.matrix]
    luma = BARS @ np.array([red, 1 - red - blue, blue])
    expected = luma if color_range == 2 else 16 + luma * 219 / 255
    found = from_rgb(bars(), picture).to_ndarray()[16, 16:224:32]
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("color_range", [0, 1, 2])
@pytest.mark.parametrize("matrix", [1, 2, 4, 5, 6, 7, 9])
def test_ramps_and_bars_come_back_within_two_levels(matrix, color_range):
    there = track(color=ColorTags(range=color_range, matrix=matrix, primaries=1, transfer=1))
    picture = delivered_picture(there)
    assert np.abs(centers(to_rgb(from_rgb(bars(), picture), there)) - BARS).max() <= 2
    ramp = np.broadcast_to(np.arange(224, dtype=np.uint8)[None, :, None], (32, 224, 3)).copy()
    assert np.abs(to_rgb(from_rgb(ramp, picture), there).astype(int) - ramp).max() <= 2


@pytest.mark.parametrize(
    ("pixel_format", "values", "tags", "expected"),
    [
        ("yuv420p", (126, 128, 128), {"range": 1, "matrix": 1}, (128, 128, 128)),
        ("yuv420p10le", (940, 512, 512), {"range": 1, "matrix": 1}, (255, 255, 255)),
        ("yuv420p10le", (64, 512, 512), {"range": 1, "matrix": 1}, (0, 0, 0)),
        ("yuv444p10le", (502, 512, 512), {"range": 1, "matrix": 6}, (128, 128, 128)),
        ("yuv420p", (63, 102, 240), {"range": 1, "matrix": 1}, (255, 0, 0)),
        ("yuv420p", (81, 90, 240), {"range": 1, "matrix": 6}, (255, 0, 0)),
        ("yuv420p", (81, 90, 240), {}, (255, 0, 0)),  # small and untagged: BT.601
        ("yuvj420p", (76, 85, 255), {}, (254, 0, 0)),
        ("gray", (16,), {"range": 1}, (0, 0, 0)),
        ("gray", (235,), {"range": 1}, (255, 255, 255)),
        ("gray", (100,), {"range": 2}, (100, 100, 100)),
        ("gray10le", (940,), {"range": 1}, (255, 255, 255)),
    ],
)
def test_known_samples_become_the_colours_they_stand_for(pixel_format, values, tags, expected):
    source = track(width=32, height=32, pixel_format=pixel_format, color=ColorTags(**tags))
    found = to_rgb(filled(pixel_format, *values), source)
    assert np.abs(found.astype(int) - expected).max() <= 2


@pytest.mark.parametrize(("codec", "black"), [("h264", 16), ("ffv1", 0)])
def test_untagged_gray_has_the_range_that_its_codec_implies(codec, black):
    source = track(width=32, height=32, pixel_format="gray", codec=codec)
    assert to_rgb(filled("gray", black), source).max() == 0
    assert to_rgb(filled("gray", black + 4), source).min() > 0


def test_the_manifest_decides_about_colours_and_not_the_frame():
    frame = filled("yuv420p", 81, 90, 240)
    frame.colorspace, frame.color_range = 1, 2
    source = track(width=32, height=32, color=ColorTags(range=1, matrix=6))
    assert np.abs(to_rgb(frame, source).astype(int) - (255, 0, 0)).max() <= 2


@pytest.mark.parametrize(
    ("changes", "tags"),
    [
        ({"color": ColorTags(range=1, matrix=5, primaries=5, transfer=6)}, (1, 5, 5, 6)),
        ({"color": ColorTags(range=0, matrix=1)}, (1, 1, 2, 2)),
        ({"color": ColorTags(range=1)}, (0, 2, 2, 2)),
        ({"color": ColorTags(range=2)}, (2, 2, 2, 2)),
        ({"pixel_format": "yuvj422p"}, (2, 2, 2, 2)),
        ({"pixel_format": "gbrp", "color": ColorTags(range=2, matrix=0)}, (1, 1, 1, 1)),
        ({"color": ColorTags(range=1, matrix=9, primaries=9, transfer=16)}, (1, 1, 1, 1)),
        ({"color": ColorTags(range=1, matrix=9, primaries=9, transfer=14)}, (1, 1, 1, 1)),
    ],
)
def test_tags_describe_the_delivered_pixels(changes, tags):
    found = delivered_picture(track(**changes)).color
    assert (found.range, found.matrix, found.primaries, found.transfer) == tags


def test_turning_swaps_size_and_aspect_ratio_and_odd_sizes_grow_to_even():
    found = delivered_picture(track(width=65, height=48, rotation_degrees=90, sample_aspect_ratio=Fraction(16, 15)))
    assert (found.width, found.height, found.content_width, found.content_height) == (48, 66, 48, 65)
    assert found.sample_aspect_ratio == Fraction(15, 16)
    assert any("48x65 padded to 48x66" in note for note in found.notes)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turn_is_clockwise_and_a_mirror_comes_after_it(rotation, mirrored):
    rgb = np.zeros((32, 64, 3), np.uint8)
    rgb[:16, :16] = 255  # white in the upper left corner
    source = track(
        width=64, height=32, rotation_degrees=rotation, mirrored=mirrored, color=ColorTags(range=1, matrix=1)
    )
    upright = to_rgb(from_rgb(rgb, delivered_picture(replace(source, rotation_degrees=0, mirrored=False))), source)
    corner = {0: (0, 0), 90: (0, -1), 180: (-1, -1), 270: (-1, 0)}[rotation]
    row, column = corner[0], (-1 - corner[1] if mirrored else corner[1])
    assert upright.shape == ((64, 32, 3) if rotation in (90, 270) else (32, 64, 3))
    assert upright[row, column].min() > 200
    assert sum(upright[y, x].min() > 200 for y in (0, -1) for x in (0, -1)) == 1


def test_padding_repeats_the_last_column_and_row():
    rgb = np.zeros((31, 33, 3), np.uint8)
    rgb[:, -1] = 200
    frame = from_rgb(rgb, delivered_picture(track(width=33, height=31, color=ColorTags(range=1, matrix=1))))
    luma = frame.to_ndarray()[:32, :34]
    assert (frame.width, frame.height) == (34, 32)
    assert (luma[:, 33] == luma[:, 32]).all()
    assert (luma[31] == luma[30]).all()


def test_wrong_shapes_and_unknown_matrices_are_refused_with_what_was_expected():
    with pytest.raises(EncodeError, match=r"shape \(32, 224, 3\), got float64 of shape \(2, 2, 3\)"):
        from_rgb(cast("Picture", np.zeros((2, 2, 3))), delivered_picture(TRACK))
    with pytest.raises(DecodeError, match="32x32 where the manifest says 224x32"):
        to_rgb(filled("yuv420p", 0, 0, 0), TRACK)
    with pytest.raises(DecodeError, match="colour matrix 8"):
        delivered_picture(track(color=ColorTags(matrix=8)))


def test_the_pq_curve_has_the_standards_values():
    # ST 2084: 100 cd/m2 at 50.8 %, 1000 at 75.2 %, 10,000 at 100 %.
    assert nits_to_pq(np.array([100.0, 1000.0, 10000.0])) == pytest.approx([0.5081, 0.7518, 1.0], abs=1e-4)
    levels = np.linspace(0.01, 1, 50)
    assert nits_to_pq(pq_to_nits(levels)) == pytest.approx(levels)


def test_the_tone_curve_keeps_the_dark_and_ends_at_white():
    nits = np.array([0.1, 1.0, 10.0, 60.0, 203.0, 1000.0, 4000.0])
    mapped = tone_curve(nits)
    assert mapped[:4] == pytest.approx(nits[:4], rel=1e-3)
    assert 130 < mapped[4] < 203
    assert mapped[5:] == pytest.approx([203, 203], rel=1e-3)
    assert (np.diff(tone_curve(np.linspace(1, 1000, 500))) > 0).all()


@pytest.mark.parametrize("transfer", [16, 18, 14])
def test_gray_stays_gray_and_grows_from_black_to_white(transfer):
    levels = np.linspace(0, 65535, 256).astype(np.uint16)
    mapped = to_bt709(np.repeat(levels[None, :, None], 3, axis=2), transfer)[0].astype(int)
    assert (mapped.max(axis=1) - mapped.min(axis=1)).max() <= 1
    assert mapped[0].max() == 0
    assert (np.diff(mapped[:, 1]) >= 0).all()
    assert mapped[-1].min() == 255


def test_hdr_reference_white_is_bright_but_not_clipped():
    signal = np.uint16(round(65535 * nits_to_pq(np.array([203.0]))[0]))
    (level,) = set(to_bt709(np.full((1, 1, 3), signal, np.uint16), 16).ravel())
    assert 220 <= level <= 240


def test_bt2020_red_leaves_the_bt709_gamut_and_is_clipped_to_its_red():
    mapped = to_bt709(np.array([[[65535, 0, 0]]], np.uint16), 14)
    assert mapped[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("name", CLIPS)
def test_every_clip_becomes_upright_pictures_as_many_as_frames(name, clip, manifest, limits, tmp_path):
    truth = manifest(name)
    picture = delivered_picture(truth.video)
    first = plan_segments(truth.video.num_frames).chunks[:1]
    ((chunk, path),) = split(clip(name), truth, first, tmp_path, limits=limits)
    pictures = list(rgb_pictures(read_chunk(path), truth.video))
    assert len(pictures) == chunk.num_frames
    assert {(p.shape, p.dtype.name) for p in pictures} == {
        ((picture.content_height, picture.content_width, 3), "uint8")
    }
    assert np.ptp(pictures[0]) > 100


def test_deinterlacing_removes_the_comb_between_two_fields():
    source = track(width=128, height=64, field_order="tt", color=ColorTags(range=1, matrix=1))
    woven = np.zeros((5, 64, 128, 3), np.uint8)
    for i, picture in enumerate(woven):  # an object that moves on with every field
        picture[::2, 16 * i : 16 * i + 40] = picture[1::2, 16 * i + 8 : 16 * i + 48] = 255
    pictures = list(rgb_pictures((from_rgb(picture, delivered_picture(source)) for picture in woven), source))
    assert len(pictures) == 5
    combed, clean = (np.abs(np.diff(p[16:48, :, 1].astype(int), axis=0)).mean() for p in (woven[2], pictures[2]))
    assert clean < combed / 4
