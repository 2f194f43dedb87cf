"""Files that are no videos, or made to do harm, all in landing/ beside one good film: one run and one reason each."""

import json
import random
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stylize.store.azure.blob_store import AzureStore
from stylize.store.keys import rejection_key
from tests.clips import make_clip, picture, run_ffmpeg, sound, x264
from tests.landing import Landing, open_landing

Clip = Callable[[str], Path]
Files = dict[str, bytes]


@pytest.fixture
def landing(tmp_path: Path, azure_store: AzureStore) -> Iterator[Landing]:
    (tmp_path / "instance").mkdir()
    with open_landing(tmp_path, azure_store) as landing:
        yield landing


@contextmanager
def _listener() -> Iterator[socket.socket]:
    """A server that nobody may connect to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def _no_videos() -> Files:
    return {
        "empty.mp4": b"",
        "one-byte.mp4": b"\0",
        "zeros.mp4": bytes(100_000),
        "random.mp4": random.Random(0).randbytes(300_000),
        "text.mp4": b"hello world\n" * 10_000,
        "web-page.mp4": b"<html><body>404 not found</body></html>",
        "folder/notes.txt": b"shopping list",
        "program.mp4.exe": b"MZ" + bytes(100),
    }


def _playlists(film: Path, url: str) -> Files:
    """Text that makes FFmpeg open other files and URLs, where it is let."""
    hls = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
    dash = f"<Period><BaseURL>{url}</BaseURL></Period>"
    return {
        "concat.mp4": f"ffconcat version 1.0\nfile '{film}'\n".encode(),
        "hls-file.mp4": hls.format(film).encode(),
        "hls-url.mp4": hls.format(url).encode(),
        "dash.mp4": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011">{dash}</MPD>'.encode(),
    }


def _no_film_in_it(folder: Path) -> Files:
    """Sound, pictures, and sound with a picture."""
    cover, album, song = folder / "cover.png", folder / "album.m4a", folder / "song.m4a"
    run_ffmpeg(*picture(), "-frames:v", "1", cover)
    streams = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    run_ffmpeg(*sound(), "-i", cover, *streams, album)
    run_ffmpeg(*sound(), song)
    return {"picture.mp4": cover.read_bytes(), "cover-only.mp4": album.read_bytes(), "song.mp4": song.read_bytes()}


def _damaged(folder: Path) -> Files:
    film, stream = make_clip("constant_rate", folder).read_bytes(), make_clip("transport_stream", folder).read_bytes()
    return {
        "cut.mp4": film[: int(len(film) * 0.4)],
        "cut.ts": stream[: int(len(stream) * 0.4)],
        "flipped.mp4": _flipped(film),
        "joined.ts": stream * 2,
    }


def _flipped(film: bytes) -> bytes:
    """Every 97th byte of the middle third with one bit flipped."""
    damaged = bytearray(film)
    for at in range(len(film) // 3, 2 * len(film) // 3, 97):
        damaged[at] ^= 0x10
    return bytes(damaged)


def _huge(folder: Path) -> Files:
    """Pictures over the cap, in truth and by their headers only."""
    poster, small, large = folder / "poster.mov", folder / "small.h264", folder / "large.h264"
    enlarged = "format=gray,scale=6100:6000:flags=neighbor"
    run_ffmpeg(*picture("16x16"), "-frames:v", "1", "-vf", enlarged, "-c:v", "png", poster)
    bomb = bytearray(make_clip("palette", folder).read_bytes())
    header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x03\0\0\0"
    at = bomb.find(b"IHDR")
    while at >= 0:
        bomb[at : at + 21] = header + zlib.crc32(header).to_bytes(4, "big")
        at = bomb.find(b"IHDR", at + 1)
    run_ffmpeg(*picture("64x48"), *x264(), small)
    run_ffmpeg(*picture("96x64"), *x264(), large)
    growing = small.read_bytes() + large.read_bytes()
    return {"poster.mov": poster.read_bytes(), "bomb.mov": bytes(bomb), "growing.mp4": growing}


def _reason(landing: Landing, name: str) -> dict[str, Any]:
    return json.loads(landing.store.read_bytes(rejection_key(f"landing/{name}")))


def _said(result: dg.SensorResult | dg.SkipReason) -> str:
    reason = result if isinstance(result, dg.SkipReason) else result.skip_reason
    return str(reason.skip_message) if reason else ""


def _received(landing: Landing) -> list[dg.DagsterRun]:
    return list(landing.instance.get_runs(dg.RunsFilter(job_name="receive_upload_job")))


def _is_retried(landing: Landing, run: dg.DagsterRun) -> bool:
    return bool(landing.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY))


def test_hostile_files_are_rejected_one_by_one_and_the_good_film_among_them_is_delivered(
    landing: Landing, clip: Clip, tmp_path: Path
) -> None:
    with _listener() as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/film.ts"
        hostile = {
            **_no_videos(),
            **_playlists(clip("constant_rate"), url),
            **_no_film_in_it(tmp_path),
            **_damaged(tmp_path),
            **_huge(tmp_path),
        }
        for name, content in hostile.items():
            landing.put(name, content)
        landing.put("good.mp4", clip("constant_rate"))
        landing.ticks()
        landing.run_requested()
        landing.tick()
        landing.automate("good.mp4")
        landing.tick()
        with pytest.raises(BlockingIOError):
            server.accept()

    assert landing.states("good.mp4") == ["delivered"]
    assert {name: landing.states(name) for name in hostile} == {name: ["rejected"] for name in hostile}
    for name in hostile:
        reason = _reason(landing, name)
        assert reason["upload"] == name
        assert "\n" not in reason["reason"]
        assert Path(name).name in reason["reason"]
    with_the_name_of_a_video = {name for name in (*hostile, "good.mp4") if not name.endswith((".txt", ".exe"))}
    assert len(_received(landing)) == len(with_the_name_of_a_video)
    assert not any(_is_retried(landing, run) for run in _received(landing))

    everything = {info.key: info.etag for info in landing.store.list("landing/")}
    for _ in range(3):
        assert f"{len(hostile) + 1} uploads in landing/: nothing new" in _said(landing.tick())
        assert landing.requested == []
    assert {info.key: info.etag for info in landing.store.list("landing/")} == everything
    assert len(_received(landing)) == len(with_the_name_of_a_video)


def test_a_rejected_file_that_is_replaced_by_a_good_one_is_delivered_and_its_reason_vanishes(
    landing: Landing, clip: Clip
) -> None:
    landing.put("film.mp4", clip("constant_rate").read_bytes()[:-1000])
    landing.put("still-bad.mp4", b"no film")
    landing.ticks()
    landing.run_requested()
    landing.tick()
    assert "film.mp4" in _reason(landing, "film.mp4")["reason"]
    landing.put("film.mp4", clip("one_frame"))
    landing.deliver("film.mp4")
    assert landing.states("film.mp4") == ["delivered", "rejected"]
    assert landing.store.stat(rejection_key("landing/film.mp4")) is None
    assert landing.store.stat(rejection_key("landing/still-bad.mp4")) is not None


def test_a_file_that_came_back_with_the_same_content_is_rejected_again_by_one_more_run(landing: Landing) -> None:
    for expected in (1, 2):
        landing.put("film.mp4", b"no film")
        landing.ticks()
        landing.run_requested()
        landing.ticks(3)
        assert landing.states("film.mp4") == ["rejected"] * expected
        assert len(_received(landing)) == expected


def test_a_file_that_is_far_too_long_for_settings_is_not_read_as_settings(landing: Landing) -> None:
    landing.put("film.mp4", b"any film")
    landing.put("film.mp4.json", b'{"style": "scream"' + b" " * 9 * 2**20 + b"}")
    landing.ticks()
    assert landing.requested == []
    assert "film.mp4.json' is too long to be settings" in _reason(landing, "film.mp4")["reason"]
