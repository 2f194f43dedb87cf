"""The side-by-side film shows both versions upright, aligned and in the right colours."""

from pathlib import Path

import av
import numpy as np
import pytest

from stylize.errors import EncodeError
from stylize.pictures.preview import find_ffmpeg, render_side_by_side


def halves(path: Path):
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    return [np.split(frame, 2, axis=1) for frame in frames]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("constant_rate", (64, 96)),
        ("variable_rate", (64, 96)),
        ("rotated_90", (96, 64)),
        ("mirrored_90", (96, 64)),
        ("non_square_pixels", (80, 96)),
        ("transport_stream", (64, 96)),
        ("interlaced", (64, 96)),
    ],
)
def test_both_sides_show_the_same_moment_of_the_same_picture(name, shape, delivered, tmp_path):
    delivery = delivered(name, ".mp4")
    output = tmp_path / "preview.mp4"
    render_side_by_side(delivery.source, delivery.output, output)
    pairs = halves(output)
    assert len(pairs) > 20
    assert pairs[0][0].shape[:2] == shape
    for left, right in pairs[:: len(pairs) // 4]:
        assert np.abs(left - right).mean() < 14


def test_the_restyled_stream_is_shown_where_a_source_has_two(delivered, tmp_path):
    delivery = delivered("two_video", ".mp4")
    output = tmp_path / "preview.mp4"
    render_side_by_side(
        delivery.source, delivery.output, output, stream_index=delivery.manifest.video.stream_index, max_seconds=0.5
    )
    pairs = halves(output)
    assert len(pairs) == 12
    assert np.abs(pairs[5][0] - pairs[5][1]).mean() < 14


@pytest.mark.parametrize("name", ["-a b.mp4", "it's.mp4", "línea\n線.mp4", "a:b,c;[d].mp4", "%d.mp4"])
def test_any_file_name_works(name, delivered, tmp_path, monkeypatch):
    delivery = delivered("one_frame", ".mp4")
    monkeypatch.chdir(tmp_path)
    source = tmp_path / f"source {name}"
    source.write_bytes(delivery.source.read_bytes())
    render_side_by_side(source, delivery.output, Path(name))
    assert len(halves(tmp_path / name)) == 1


def test_a_playlist_that_pretends_to_be_a_video_reads_no_other_file(delivered, tmp_path):
    delivery = delivered("one_frame", ".mp4")
    trap = tmp_path / "trap.mp4"
    trap.write_text(f"ffconcat version 1.0\nfile '{delivery.source}'\n")
    with pytest.raises(EncodeError, match=r"'out\.mp4' could not be made: .*trap"):
        render_side_by_side(trap, delivery.output, tmp_path / "out.mp4")


def test_a_styled_file_that_is_missing_is_named(delivered, tmp_path):
    delivery = delivered("one_frame", ".mp4")
    with pytest.raises(EncodeError, match=r"'missing\.mp4' cannot be shown"):
        render_side_by_side(delivery.source, tmp_path / "missing.mp4", tmp_path / "out.mp4")


def test_there_is_always_a_program():
    assert Path(find_ffmpeg()).is_file()
