"""Files that are not videos, damaged videos, and videos made to do harm: one clear line each, and no hang."""

import os
import random
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from stylize.errors import DecodeError, ProbeError, VideoError
from stylize.sandbox.limits import DecodeLimits
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.open import open_untrusted, picture_stream
from stylize.video.source.scan import scan
from tests.clips import CLIPS, picture, run_ffmpeg, sound, x264

Clips = Callable[[str], Path]
NOT_A_VIDEO = "is not a video that can be read; expected a video file"


def refusal(path: Path, limits: DecodeLimits) -> VideoError:
    """The error of a scan, which must be one line that names the file."""
    with pytest.raises((ProbeError, DecodeError)) as caught:
        scan(path, limits=limits)
    message = str(caught.value)
    assert repr(path.name) in message
    assert "\n" not in message
    assert "Traceback" not in message
    return caught.value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\0", NOT_A_VIDEO),
        (bytes(100_000), NOT_A_VIDEO),
        (random.Random(0).randbytes(300_000), NOT_A_VIDEO),
        (b"hello world\n" * 10_000, NOT_A_VIDEO),
        (b"<html><body>404 not found</body></html>", NOT_A_VIDEO),
        (b"1\n00:00:00,100 --> 00:00:00,700\nfirst line\n", NOT_A_VIDEO),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n", NOT_A_VIDEO),
        (b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>', NOT_A_VIDEO),
    ],
    ids=["empty", "one byte", "zeros", "random", "text", "web page", "subtitles", "sdp", "dash"],
)
def test_a_file_that_is_no_video_is_refused(content: bytes, message: str, tmp_path: Path, limits: DecodeLimits) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    error = refusal(path, limits)
    assert isinstance(error, ProbeError)
    assert message in str(error)


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "webp", "bmp", "tiff", "avif"])
def test_a_picture_renamed_to_mp4_is_refused(kind: str, tmp_path: Path, limits: DecodeLimits) -> None:
    still = tmp_path / f"still.{kind}"
    run_ffmpeg(*picture(), "-frames:v", "1", still)
    error = refusal(still.rename(tmp_path / "film.mp4"), limits)
    assert isinstance(error, ProbeError)


def test_an_animated_gif_renamed_to_mp4_is_refused(tmp_path: Path, limits: DecodeLimits) -> None:
    animated = tmp_path / "animated.gif"
    run_ffmpeg(*picture(), "-frames:v", "12", animated)
    assert NOT_A_VIDEO in str(refusal(animated.rename(tmp_path / "film.mp4"), limits))


@pytest.mark.parametrize("name", ["sound.m4a", "sound.mka", "sound.ogg", "sound.wav", "sound.mp3"])
def test_sound_alone_is_refused(name: str, tmp_path: Path, limits: DecodeLimits) -> None:
    run_ffmpeg(*sound(), tmp_path / name)
    assert isinstance(refusal(tmp_path / name, limits), ProbeError)


def test_sound_with_a_cover_picture_is_refused(tmp_path: Path, limits: DecodeLimits) -> None:
    cover, album = tmp_path / "cover.png", tmp_path / "album.m4a"
    run_ffmpeg(*picture(), "-frames:v", "1", cover)
    streams = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    run_ffmpeg(*sound(), "-i", cover, *streams, album)
    assert "has no video track (only a cover picture and audio)" in str(refusal(album, limits))


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile '{}'\n",
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/{}\n#EXT-X-ENDLIST\n",
    ],
)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.ffconcat"])
def test_a_playlist_in_disguise_opens_no_other_file(
    playlist: str, name: str, clip: Clips, tmp_path: Path, limits: DecodeLimits
) -> None:
    path = tmp_path / name
    path.write_text(playlist.format(clip("constant_rate")))
    assert NOT_A_VIDEO in str(refusal(path, limits))


@pytest.mark.parametrize("name", ["pipe:0", "concat:clip.mp4|clip.mp4", "subfile,,start,0,end,0,,:clip.mp4", "-i"])
def test_a_relative_name_is_never_taken_for_a_url(
    name: str, clip: Clips, tmp_path: Path, limits: DecodeLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(clip("one_frame").read_bytes())
    with open_untrusted(Path(name), limits) as container:
        assert picture_stream(container, Path(name)).width == 96


def test_what_is_no_file_is_refused(tmp_path: Path, limits: DecodeLimits) -> None:
    os.mkfifo(tmp_path / "fifo.mp4")
    assert "is not a regular file" in str(refusal(tmp_path, limits))
    assert "is not a regular file" in str(refusal(tmp_path / "fifo.mp4", limits))
    assert "is not a regular file" in str(refusal(Path("/dev/zero"), limits))
    assert "cannot be read: No such file" in str(refusal(tmp_path / "missing.mp4", limits))
    assert "cannot be read" in str(refusal(tmp_path / "nul\0byte.mp4", limits))
    assert "cannot be read" in str(refusal(tmp_path / ("long" * 100), limits))


def test_a_file_without_permission_is_refused(
    clip: Clips, tmp_path: Path, limits: DecodeLimits, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "secret.mp4"
    path.write_bytes(clip("one_frame").read_bytes())
    path.chmod(0)
    with unprivileged(), pytest.raises(ProbeError, match="cannot be read: Permission denied"):
        open_untrusted(path, limits)


def test_caps_on_size_and_length_are_exact(clip: Clips) -> None:
    assert scan(clip("constant_rate"), limits=DecodeLimits(max_pixels=96 * 64, max_frames=40)).video.num_frames == 40
    too_large = refusal(clip("constant_rate"), DecodeLimits(max_pixels=96 * 64 - 1))
    assert "frames of 96x64, more than the cap of 6,143 pixels" in str(too_large)
    assert "more than 39 frames, the cap" in str(refusal(clip("constant_rate"), DecodeLimits(max_frames=39)))


def test_a_picture_over_the_default_cap_is_refused_with_its_size(tmp_path: Path, limits: DecodeLimits) -> None:
    path = tmp_path / "poster.mov"
    enlarged = "format=gray,scale=6100:6000:flags=neighbor"
    run_ffmpeg(*picture("16x16"), "-frames:v", "1", "-vf", enlarged, "-c:v", "png", path)
    error = refusal(path, limits)
    assert isinstance(error, ProbeError)
    assert "frames of 6100x6000, more than the cap of 36,000,000 pixels" in str(error)


def test_a_picture_of_absurd_size_is_refused(clip: Clips, tmp_path: Path, limits: DecodeLimits) -> None:
    """A header of a few bytes asks for a picture of gigabytes."""
    data = bytearray(clip("palette").read_bytes())
    header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x03\0\0\0"
    at = data.index(b"IHDR")
    while at >= 0:
        data[at : at + 21] = header + zlib.crc32(header).to_bytes(4, "big")
        at = data.find(b"IHDR", at + 1)
    path = tmp_path / "bomb.mov"
    path.write_bytes(data)
    began = time.monotonic()
    assert isinstance(refusal(path, limits), VideoError)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("share", [0.9, 0.4])
@pytest.mark.parametrize(
    "name",
    [
        "constant_rate",
        "fragmented",
        "no_audio",
        "open_gop",
        "vp9_opus",
        "avi",
        "motion_jpeg",
        "flv",
        "alpha",
        "av1",
        "hevc",
        "edit_list",
        "one_frame_with_sound",
        "transport_stream",
    ],
)
def test_a_file_that_is_cut_off_is_refused(
    name: str, share: float, clip: Clips, tmp_path: Path, limits: DecodeLimits
) -> None:
    data = clip(name).read_bytes()
    path = tmp_path / clip(name).name
    path.write_bytes(data[: int(len(data) * share)])
    assert isinstance(refusal(path, limits), DecodeError)


@pytest.mark.parametrize("share", [0.95, 0.6, 0.3])
def test_a_cut_behind_the_index_is_noticed_where_the_boxes_hide_it(
    share: float, clip: Clips, tmp_path: Path, limits: DecodeLimits
) -> None:
    """The index comes first and the media box claims to reach to the end of the file, wherever that is."""
    whole, path = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    run_ffmpeg("-i", clip("constant_rate"), "-c", "copy", "-movflags", "+faststart", whole)
    data = bytearray(whole.read_bytes())
    at = data.index(b"mdat")
    data[at - 4 : at] = bytes(4)
    path.write_bytes(data[: int(len(data) * share)])
    message = str(refusal(path, limits))
    assert "packet is incomplete" in message or "its index declares 40 packets" in message


@pytest.mark.parametrize(
    "name",
    [
        "constant_rate",
        "open_gop",
        "transport_stream",
        "mpeg2_program_stream",
        "avi",
        "avi_b_frames",
        "flv",
        "fragmented",
        "hevc",
        "av1",
        "motion_jpeg",
        "ten_bit_422",
    ],
)
def test_a_hole_of_zeros_in_the_picture_data_is_refused(
    name: str, clip: Clips, tmp_path: Path, limits: DecodeLimits
) -> None:
    data = bytearray(clip(name).read_bytes())
    start, length = len(data) // 2, len(data) // 8
    data[start : start + length] = bytes(length)
    path = tmp_path / clip(name).name
    path.write_bytes(data)
    assert isinstance(refusal(path, limits), DecodeError)


def without_ts_packet(data: bytes, number: int) -> bytes:
    """Drop one 188-byte packet: the ``number``-th that continues a video frame, from 0."""
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    video_pid, begins_frame = 0x100, 0x40
    inside = [
        index
        for index, packet in enumerate(packets)
        if (packet[1] & 0x1F) << 8 | packet[2] == video_pid and not packet[1] & begins_frame
    ]
    del packets[inside[number]]
    return b"".join(packets)


def test_a_hole_before_the_first_key_frame_of_a_recording_is_no_damage(
    clip: Clips, tmp_path: Path, limits: DecodeLimits
) -> None:
    """A recording begins anywhere; what cannot be shown anyway need not be whole."""
    path = tmp_path / "film.ts"
    data = clip("transport_stream_mid_gop").read_bytes()
    path.write_bytes(without_ts_packet(data, 10))
    assert scan(path, limits=limits).video.num_frames == 32
    for in_the_first_key_frame_or_later in (14, 18, -3):
        path.write_bytes(without_ts_packet(data, in_the_first_key_frame_or_later))
        assert isinstance(refusal(path, limits), DecodeError)


def test_a_size_that_changes_on_the_way_is_refused(tmp_path: Path, limits: DecodeLimits) -> None:
    small, large, path = (tmp_path / name for name in ("small.h264", "large.h264", "joined.h264"))
    run_ffmpeg(*picture("64x48"), *x264(), small)
    run_ffmpeg(*picture("96x64"), *x264(), large)
    path.write_bytes(small.read_bytes() + large.read_bytes())
    assert "changes from 64x48 yuv420p to 96x64 yuv420p at frame 40" in str(refusal(path, limits))
    over_the_cap = DecodeLimits(max_pixels=64 * 48)
    assert isinstance(refusal(path, over_the_cap), VideoError)


def test_two_recordings_joined_byte_by_byte_are_refused_with_a_way_out(
    clip: Clips, tmp_path: Path, limits: DecodeLimits
) -> None:
    path = tmp_path / "joined.ts"
    path.write_bytes(clip("transport_stream").read_bytes() * 2)
    assert "timestamps jump back" in str(refusal(path, limits))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["constant_rate", "open_gop", "transport_stream", "avi", "vp9_opus"])
def test_a_file_with_random_damage_gives_a_manifest_or_one_line(
    name: str, seed: int, clip: Clips, tmp_path: Path, limits: DecodeLimits
) -> None:
    data = bytearray(clip(name).read_bytes())
    generator = random.Random(seed)
    for _ in range(10 ** (seed % 3)):
        data[generator.randrange(len(data))] = generator.randrange(256)
    path = tmp_path / clip(name).name
    path.write_bytes(data)
    try:
        assert isinstance(scan(path, limits=limits), VideoManifest)
    except VideoError as error:
        assert "\n" not in str(error)
        assert repr(path.name) in str(error)


@pytest.mark.parametrize("name", CLIPS)
def test_no_good_clip_is_refused(name: str, manifest: Callable[[str], VideoManifest]) -> None:
    assert manifest(name).video.num_frames >= 1
