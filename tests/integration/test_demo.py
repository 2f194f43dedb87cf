"""What ``make demo`` runs."""

from pathlib import Path

import av

from tests.conftest import Stylize


def test_the_demo_ends_with_the_paths_of_result_preview_page_and_receipt(stylize: Stylize, home: Path) -> None:
    demo = stylize("demo", "--home", home)
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
