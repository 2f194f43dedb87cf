"""What ``make demo`` runs."""

import subprocess
import sys
from pathlib import Path

import av


def test_the_demo_ends_with_the_paths_of_result_preview_page_and_receipt(home: Path) -> None:
    command = [Path(sys.executable).with_name("stylize"), "demo", "--home", home]
    demo = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert demo.returncode == 0, demo.stderr
    lines = [line.split(": ", 1) for line in demo.stdout.splitlines()[-4:]]
    assert [name for name, _ in lines] == ["result", "preview", "page", "receipt"]
    result, preview, page, receipt = (Path(path) for _, path in lines)
    assert receipt.is_file()
    assert page.read_text().startswith("<!DOCTYPE html>")
    with av.open(str(result)) as container:
        video = container.streams.video[0]
        assert (video.width, video.height, video.frames) == (640, 360, 144)
        assert container.streams.audio
    with av.open(str(preview)) as container:
        assert container.streams.video[0].width == 2 * 640
    assert "make ui" in demo.stdout
