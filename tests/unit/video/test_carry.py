"""Sound, subtitles, chapters and covers go along unchanged, or what became of them is named."""

from fractions import Fraction

import av
import numpy as np
import pytest

from stylize.video.delivery.mux import stitch
from stylize.video.pixels.pixels import delivered_picture
from stylize.video.source.scan import scan
from tests.clips import CLIPS, WITH_SOUND, run_ffmpeg, x264
from tests.unit.video.delivery import packet_table, samples_md5, style_chunks

HALF_MILLISECOND = Fraction(1, 2000)
MILLISECOND = Fraction(1, 1000)
MPEG_TS = {"transport_stream", "transport_stream_mid_gop"}


def other_streams(path, kind):
    with av.open(str(path)) as container:
        return [
            (stream.language, stream.metadata.get("title"), int(stream.disposition))
            for stream in container.streams
            if stream.type == kind
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("name", [name for name in CLIPS if name not in {"pcm_16", "pcm_24", "flac", "vp9_opus"}])
def test_every_sound_packet_is_the_sources_byte_for_byte_at_its_time(name, suffix, delivered):
    delivery = delivered(name, suffix)
    shift, tolerance = delivery.report.shift_seconds, MILLISECOND if suffix == ".mkv" else Fraction(1, 96000)
    for ordinal in range(len(other_streams(delivery.source, "audio"))):
        without_headers = ("-bsf:a", "aac_adtstoasc") if name in MPEG_TS else ()
        before = packet_table(delivery.source, f"0:a:{ordinal}", *without_headers)
        after = packet_table(delivery.output, f"0:a:{ordinal}")
        assert [payload for *_, payload in after] == [payload for *_, payload in before]
        moved = max(abs(late[0] - early[0] - shift) for late, early in zip(after, before, strict=True))
        assert moved <= tolerance


@pytest.mark.parametrize("name", ["constant_rate", "edit_list", "flv", "fragmented", "hevc", "two_audio"])
def test_decoded_sound_is_the_same_sample_for_sample_priming_and_padding_included(name, delivered):
    delivery = delivered(name, ".mp4")
    assert samples_md5(delivery.output) == samples_md5(delivery.source)


@pytest.mark.parametrize(
    ("name", "suffix", "codec"),
    [("pcm_16", ".mp4", "flac"), ("pcm_24", ".mp4", "flac"), ("flac", ".mov", "alac"), ("pcm_24", ".mov", "pcm_s24le")],
)
def test_sound_that_the_media_container_cannot_hold_is_stored_with_every_sample_kept(name, suffix, codec, delivered):
    delivery = delivered(name, suffix)
    (track,) = delivery.report.tracks
    assert track.treatment.new_codec == codec
    assert samples_md5(delivery.output) == samples_md5(delivery.source)
    if track.treatment.action == "transcode":
        assert any(codec in note for note in delivery.report.notes)


def delivered_with_sound(sound_options, source, output, limits):
    """Make a clip with this sound, then deliver it."""
    run_ffmpeg(*WITH_SOUND, *x264(), *sound_options, source)
    truth = scan(source, limits=limits)
    chunks, picture = style_chunks(source, truth, limits, output.parent), delivered_picture(truth.video)
    return stitch(chunks, truth, source, output, picture=picture, limits=limits)


@pytest.mark.parametrize(
    ("codec", "suffix", "new_codec"),
    [
        ("pcm_u8", ".avi", "flac"),
        ("pcm_alaw", ".mov", "flac"),
        ("adpcm_ms", ".avi", "alac"),
        ("truehd", ".mkv", "alac"),
        ("pcm_s16be", ".mov", "flac"),
    ],
)
def test_rare_sound_is_stored_losslessly_too(codec, suffix, new_codec, limits, tmp_path):
    source, output = tmp_path / f"in{suffix}", tmp_path / ("out.mov" if new_codec == "alac" else "out.mp4")
    report = delivered_with_sound(("-c:a", codec, "-strict", "-2"), source, output, limits)
    assert report.tracks[0].treatment.new_codec == new_codec
    assert samples_md5(output) == samples_md5(source)


def test_wide_samples_are_copied_even_where_the_source_does_not_name_its_channels(limits, tmp_path):
    source, output = tmp_path / "in.mkv", tmp_path / "out.mp4"
    report = delivered_with_sound(("-c:a", "pcm_s32le"), source, output, limits)
    assert report.tracks[0].treatment.action == "copy"
    assert samples_md5(output) == samples_md5(source)


def test_a_gap_in_sound_becomes_silence_of_its_length_so_that_what_follows_stays_in_time(limits, tmp_path):
    source, output = tmp_path / "in.mkv", tmp_path / "out.mp4"
    delivered_with_sound(
        ("-c:a", "pcm_s16le", "-bsf:a", "noise=drop=between(pts*tb\\,0.5\\,1.0)"), source, output, limits
    )

    with av.open(str(output)) as container:
        joined = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in container.decode(audio=0)])
    assert np.ptp(joined[26400:45600]) == 0  # 0.55 s to 0.95 s
    assert np.ptp(joined[50400:60000]) > 1000
    assert len(joined) == pytest.approx(40 / 24 * 48000, abs=2048)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("name", ["subtitles_mov_text", "subtitles_srt", "subtitles_ass"])
def test_subtitles_keep_text_time_and_language(name, suffix, delivered):
    delivery = delivered(name, suffix)
    german = "ger" if suffix == ".mov" else "deu"  # QuickTime's own table has the older code.
    assert [language for language, *_ in other_streams(delivery.output, "subtitle")] == [german]
    with av.open(str(delivery.output)) as container:
        stream = container.streams.subtitles[0]
        packets = [packet for packet in container.demux(stream) if packet.size > 2]
        times = [(Fraction(p.pts or 0) * p.time_base, Fraction(p.duration or 0) * p.time_base) for p in packets]
        texts = [bytes(packet).decode(errors="replace") for packet in packets]
    assert times == [(Fraction(1, 10), Fraction(6, 10)), (Fraction(9, 10), Fraction(6, 10))]
    assert texts[0].endswith("first line")
    assert texts[1].endswith("second ä 線")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_chapters_keep_their_times_and_titles(suffix, delivered):
    with av.open(str(delivered("chapters", suffix).output)) as container:
        found = [(c["start"] * (c["time_base"] or 1), c["metadata"]["title"]) for c in container.chapters()]
    assert found == [(0, "opening"), (Fraction(1, 2), "middle"), (Fraction(12, 10), "end")]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_languages_and_dispositions_of_two_audio_tracks_are_kept(suffix, delivered):
    delivery = delivered("two_audio", suffix)
    assert other_streams(delivery.output, "audio") == other_streams(delivery.source, "audio")
    assert [language for language, *_ in other_streams(delivery.output, "audio")] == ["eng", "fra"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cover_picture_is_carried_and_is_not_the_film(suffix, delivered):
    with av.open(str(delivered("cover_picture", suffix).output)) as container:
        film, cover = container.streams.video
        assert (film.width, film.height) == (96, 64)
        assert (cover.codec_context.name, cover.width, int(cover.disposition)) == ("png", 160, 1024)


def test_an_unstyled_second_video_is_left_out_by_name(delivered):
    delivery = delivered("two_video", ".mp4")
    assert any("video stream 0" in note and "left out" in note for note in delivery.report.notes)
    assert len(other_streams(delivery.output, "video")) == 1


def test_sound_that_an_edit_list_ends_inside_its_last_packet_ends_there(delivered, limits, tmp_path):
    delivery = delivered("constant_rate", ".mp4")
    data = bytearray(delivery.source.read_bytes())
    entry = data.rfind(b"elst") + 12  # version and flags, number of entries, then the sound's duration in milliseconds
    data[entry : entry + 4] = (int.from_bytes(data[entry : entry + 4], "big") - 4).to_bytes(4, "big")
    source, output = tmp_path / "shorter.mp4", tmp_path / "delivered.mp4"
    source.write_bytes(data)
    stitch(delivery.chunks, delivery.manifest, source, output, picture=delivery.picture, limits=limits)

    def length(path):
        with av.open(str(path)) as container:
            return container.streams.audio[0].duration or 0

    assert length(output) == length(source) < length(delivery.source)
