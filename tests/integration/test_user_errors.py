"""What a user can get wrong: one clear line, exit code 2, nothing delivered, no stack trace."""

import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dagster_project.cli.video_command import check_readable
from stylize.errors import ProbeError
from tests.conftest import Stylize

Clip = Callable[[str], Path]


def _text(path: Path) -> None:
    path.write_text("This is not a video.\n" * 100)


def _random(path: Path) -> None:
    path.write_bytes(bytes((index * 7919 + (index >> 3) * 104729) & 0xFF for index in range(200_000)))


def _empty(path: Path) -> None:
    path.touch()


def _playlist(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile '/etc/passwd'\n")


def _web_playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")


def _image(path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64), "red").save(path, format="PNG")


BAD_FILES = [_text, _random, _empty, _playlist, _web_playlist, _image]


def _assert_refused(result: subprocess.CompletedProcess[str], home: Path, *expected: str) -> None:
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stderr.startswith("stylize: ")
    assert "Traceback" not in result.stderr
    for part in expected:
        assert part in result.stderr
    assert not list((home / "store").glob("delivery/**/*"))


@pytest.mark.parametrize("write", BAD_FILES, ids=lambda write: write.__name__.strip("_"))
def test_a_file_that_is_no_video_is_refused_by_name(
    write: Callable[[Path], None], stylize: Stylize, home: Path, tmp_path: Path
) -> None:
    source = tmp_path / "bad.mp4"
    write(source)
    _assert_refused(stylize("video", source, "--home", home), home, "'bad.mp4'", "expected a video file")


def test_a_truncated_video_is_refused_as_damaged(clip: Clip, stylize: Stylize, home: Path, tmp_path: Path) -> None:
    source = tmp_path / "cut.mkv"
    source.write_bytes(clip("subtitles_srt").read_bytes()[:-3000])
    _assert_refused(stylize("video", source, "--home", home), home, "'cut.mkv'")


def test_a_file_with_sound_only_is_refused(stylize: Stylize, home: Path, tmp_path: Path) -> None:
    from tests.clips import run_ffmpeg, sound

    source = tmp_path / "sound.mp4"
    run_ffmpeg(*sound(), "-c:a", "aac", source)
    _assert_refused(stylize("video", source, "--home", home), home, "'sound.mp4' has no video track")


def test_absurd_dimensions_are_refused_by_the_cap(
    clip: Clip, stylize: Stylize, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLIZE_MAX_PIXELS", "1000")
    _assert_refused(stylize("video", clip("constant_rate"), "--home", home), home, "cap", "1,000 pixels")


def test_a_missing_file_and_a_folder_are_refused(stylize: Stylize, home: Path, tmp_path: Path) -> None:
    _assert_refused(stylize("video", tmp_path / "none.mp4", "--home", home), home, "none.mp4", "no such file")
    _assert_refused(stylize("video", tmp_path, "--home", home), home, "is a folder")


def test_a_file_without_permission_is_refused(
    clip: Clip, tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "secret.mp4"
    path.write_bytes(clip("one_frame").read_bytes())
    path.chmod(0)
    with unprivileged(), pytest.raises(ProbeError, match=r"secret\.mp4.*Permission denied"):
        check_readable(path)


def test_an_unknown_style_is_refused_with_the_known_ones(clip: Clip, stylize: Stylize, home: Path) -> None:
    _assert_refused(
        stylize("video", clip("one_frame"), "--style", "nosuch", "--home", home), home, "'nosuch'", "starry-night"
    )


def test_a_pickle_with_code_in_it_is_refused_as_a_style_and_not_executed(
    clip: Clip, stylize: Stylize, home: Path, tmp_path: Path
) -> None:
    style = tmp_path / "evil.pth"
    trace = tmp_path / "executed"
    style.write_bytes(b"cposix\nsystem\n(S'touch " + str(trace).encode() + b"'\ntR.")
    _assert_refused(stylize("video", clip("one_frame"), "--style", style, "--home", home), home, "evil.pth")
    assert not trace.exists()


@pytest.mark.parametrize("name", ["out.avi", "none/out.mp4", "."])
def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    name: str, clip: Clip, stylize: Stylize, home: Path, tmp_path: Path
) -> None:
    _assert_refused(stylize("video", clip("one_frame"), "--output", tmp_path / name, "--home", home), home, "output")
    assert not (home / "store" / "landing").exists()


def test_the_input_is_never_overwritten(clip: Clip, stylize: Stylize, home: Path, tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(clip("one_frame").read_bytes())
    _assert_refused(stylize("video", source, "--output", source, "--home", home), home, "is the input itself")


def test_a_home_that_cannot_be_written_is_refused(clip: Clip, stylize: Stylize, tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.touch()
    _assert_refused(stylize("video", clip("one_frame"), "--home", home), home, "--home")


def test_a_bad_setting_is_refused_by_the_name_of_its_variable(
    clip: Clip, stylize: Stylize, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLIZE_DEVICE", "gpu")
    _assert_refused(
        stylize("video", clip("one_frame"), "--home", home), home, "STYLIZE_DEVICE='gpu'", "auto, cpu, cuda"
    )


def test_a_full_disk_is_reported_in_one_line_and_the_work_resumes_when_there_is_space(
    clip: Clip, stylize: Stylize, home: Path, tmp_path: Path
) -> None:
    source = tmp_path / "large.mp4"
    source.write_bytes(clip("constant_rate").read_bytes() + _free_box(4_000_000))

    def no_file_beyond_3_mb() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))

    command = [Path(sys.executable).with_name("stylize"), "video", source, "--home", home]
    full = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=no_file_beyond_3_mb)
    _assert_refused(full, home, "no space left", "run the same again")
    assert stylize("video", source, "--home", home).returncode == 0


def _free_box(size_bytes: int) -> bytes:
    return size_bytes.to_bytes(4, "big") + b"free" + bytes(size_bytes - 8)
