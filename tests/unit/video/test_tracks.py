"""A digest is over the sound itself: the same in every media container, another for other sound."""

import hashlib
import json
from fractions import Fraction

import pytest

from stylize.errors import ProbeError
from stylize.video.source.tracks import TrackDigest, read_tracks, without_adts_header
from tests.clips import run_ffmpeg
from tests.unit.video.delivery import packet_table


def remuxed(source, path, *options):
    run_ffmpeg("-i", source, "-map", "0:a", "-c", "copy", *options, path)
    return path


def test_a_track_is_described_exactly(clip, limits):
    english, french = read_tracks(clip("two_audio"), limits)
    assert (english.stream_index, english.codec, english.sample_rate, english.channels) == (1, "aac", 48000, 2)
    assert (english.layout, english.language, french.language) == ("stereo", "eng", "fra")
    assert english.start_seconds == Fraction(-1024, 48000)
    assert english.sha256 != french.sha256
    assert english.num_packets == len(packet_table(clip("two_audio"), "0:a:0"))


def test_times_agree_with_another_program(clip, limits):
    for name in ("constant_rate", "transport_stream", "mpeg2_program_stream", "vp9_opus", "late_start"):
        (track,) = read_tracks(clip(name), limits)
        table = packet_table(clip(name), "0:a:0")
        assert abs(track.start_seconds - table[0][0]) <= Fraction(1, 1000), name
        assert abs(track.duration_seconds - (table[-1][0] + table[-1][1] - table[0][0])) <= Fraction(1, 500), name


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".aac.ts"])
def test_aac_has_one_digest_in_every_media_container(suffix, clip, limits, tmp_path):
    source = clip("constant_rate")
    (before,) = read_tracks(source, limits)
    (after,) = read_tracks(remuxed(source, tmp_path / f"copy{suffix}"), limits)
    assert (after.sha256, after.num_packets) == (before.sha256, before.num_packets)


def test_pcm_has_one_digest_however_it_is_cut_into_packets(clip, limits, tmp_path):
    source = clip("pcm_16")
    (before,) = read_tracks(source, limits)
    (after,) = read_tracks(remuxed(source, tmp_path / "copy.avi"), limits)
    assert after.sha256 == before.sha256
    raw = remuxed(source, tmp_path / "raw.pcm", "-f", "s16le").read_bytes()
    assert before.sha256 == hashlib.sha256(raw).hexdigest()


def test_one_changed_byte_changes_the_digest(clip, limits, tmp_path):
    source = clip("pcm_16")
    data = bytearray(source.read_bytes())
    sound = remuxed(source, tmp_path / "raw.pcm", "-f", "s16le").read_bytes()
    position = data.find(sound[4000:4016])
    data[position] ^= 1
    (tmp_path / "changed.mov").write_bytes(data)
    (before,), (after,) = read_tracks(source, limits), read_tracks(tmp_path / "changed.mov", limits)
    assert after.num_packets == before.num_packets
    assert after.sha256 != before.sha256


def test_a_digest_survives_json(clip, limits):
    tracks = read_tracks(clip("two_audio"), limits)
    assert tuple(TrackDigest.from_dict(json.loads(json.dumps(track.to_dict()))) for track in tracks) == tracks


def test_a_file_without_sound_has_no_digests(clip, limits):
    assert read_tracks(clip("no_audio"), limits) == ()


def test_a_file_that_is_no_video_is_refused(limits, tmp_path):
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    with pytest.raises(ProbeError, match=r"notes\.mp4"):
        read_tracks(text, limits)


def test_an_adts_header_is_cut_off_with_and_without_a_checksum():
    assert without_adts_header(bytes.fromhex("fff14c80013ffc") + b"sound") == b"sound"
    assert without_adts_header(bytes.fromhex("fff04c80013ffc") + b"crsound") == b"sound"
    assert without_adts_header(b"sound without a header") == b""
