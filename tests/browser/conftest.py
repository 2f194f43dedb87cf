"""One deployment, one Chromium and a few clips in different troubles, shared by all tests of this folder."""

import os
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dagster_project.cli.home import open_instance, prepare_home
from dagster_project.settings import PROJECT_ROOT, Settings
from stylize.store.folder_store import FolderStore
from tests.browser.pictures import take_picture
from tests.browser.prepared_clips import ClipDesk, SourceClips, TroubledClips
from tests.deployment import Deployment, wait_until

UPDATE_SCREENSHOTS = os.environ.get("UPDATE_SCREENSHOTS") == "1"
TIMEOUT_MS = 120_000
START_SECONDS = 240
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Picture = Callable[..., None]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium: Playwright's own browsers are another download.

    Not for the session: as long as Playwright lives nothing else in this process can run an event loop.
    """
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on the PATH: install Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def source_clips(tmp_path_factory: pytest.TempPathFactory) -> SourceClips:
    return SourceClips(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of the deployment; in pictures for the documentation no path is that of somebody's machine."""
    if not UPDATE_SCREENSHOTS:
        yield tmp_path_factory.mktemp("operators") / "home"
        return
    home = Path(tempfile.gettempdir()) / "stylize"
    home.mkdir()  # what somebody has there already is not ours to remove
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="package")
def troubled(chromium: Browser, home: Path, source_clips: SourceClips) -> TroubledClips:
    """What the operator finds in the morning."""
    prepare_home(Settings(home=home))
    with open_instance(Settings(home=home)) as instance:
        return TroubledClips.make(ClipDesk(home, instance), source_clips)


@pytest.fixture(scope="package")
def deployment(home: Path, troubled: TroubledClips) -> Iterator[Deployment]:
    """Webserver, daemon and code server on the home of the troubled clips."""
    deployment = Deployment(home)
    deployment.start()
    wait_until(lambda: _answers(deployment.url), START_SECONDS)
    yield deployment
    deployment.end()


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/server_info", timeout=5) as response:  # noqa: S310 - http
        return response.status == 200
    return False


@pytest.fixture
def page(chromium: Browser, deployment: Deployment) -> Iterator[Page]:
    """A fresh page of the Dagster UI, in the size of the pictures in the documentation."""
    context = chromium.new_context(
        base_url=deployment.url, viewport={"width": 1280, "height": 800}, device_scale_factor=1, locale="en-GB"
    )
    context.set_default_timeout(TIMEOUT_MS)
    context.set_default_navigation_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def store(home: Path) -> FolderStore:
    return FolderStore(Settings(home=home).store_dir)


@pytest.fixture
def picture(page: Page, tmp_path: Path) -> Picture:
    """Takes the pictures of docs/operating.md: into docs/images/ for ``make screenshots``, else beside the test."""
    folder = PROJECT_ROOT / "docs" / "images" if UPDATE_SCREENSHOTS else tmp_path

    def take(name: str, *, above: str | None = None) -> None:
        take_picture(page, folder / f"operating-{name}.webp", above=above)

    return take
