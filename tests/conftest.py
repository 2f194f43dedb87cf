import gc
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from assets.failures import STORE_OUTAGE_RETRIES
from azurite.server import Azurite, AzuriteError
from stylize.names import clip_key
from stylize.store.azure.blob_store import AzureStore
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import MediaStore
from tests.azure_accounts import AzureAccounts
from tests.clips import make_clip
from tests.delivered_homes import copy_home, deliver
from tests.forked_programs import run_stylize
from tests.quick_sqlite import be_quick

Stylize = Callable[..., subprocess.CompletedProcess[str]]
Restyle = Callable[..., dict[str, Any]]

REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"
SLOW = "slow test: runs with --slow or RUN_SLOW=1"
# Parts that only some machines have and that neither PyPI nor Debian carries (its kubectl is too old for our
# kustomization), and what takes minutes.
MAY_BE_ABSENT = (
    "CUDA device",
    "CPU with bfloat16",
    "Kubernetes cluster",
    "Azure account",
    "kubectl",
    "terraform",
    SLOW,
)

be_quick()


def pytest_addoption(parser: pytest.Parser) -> None:
    asked = os.environ.get("RUN_SLOW") == "1"
    parser.addoption("--slow", action="store_true", default=asked, help="also run the tests that take minutes")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: there is nearly always a test that waits for a daemon."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason=SLOW))


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector need not look through it again and again."""
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """With REQUIRE_ALL=1 a test that skips because something is missing fails."""
    report = (yield).get_result()
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(part in reason for part in MAY_BE_ABSENT):
            report.outcome = "failed"
            report.longrepr = f"REQUIRE_ALL=1, but this was skipped: {reason}"


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The path of a clip by its name in ``tests.clips``, made once; treat the file as read-only."""
    directory = tmp_path_factory.mktemp("clips")
    return cache(lambda name: make_clip(name, directory))


@pytest.fixture
def stylize() -> Stylize:
    """Runs the command in a process of its own and captures what it says."""
    return run_stylize


@contextmanager
def _without_root_rights() -> Iterator[None]:
    """Root may read every file: act as nobody for a moment."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """A context in which file permissions count, whoever runs the tests."""
    return _without_root_rights


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that the store did not answer are tried again at once."""
    policy = STORE_OUTAGE_RETRIES._replace(delay=0)
    monkeypatch.setattr("assets.failures.STORE_OUTAGE_RETRIES", policy)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(scope="session")
def delivered_home(clip: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which ``constant_rate`` was delivered in two segments; to be copied."""
    home = tmp_path_factory.mktemp("delivered") / "home"
    deliver(clip("constant_rate"), home)
    return home


@pytest.fixture
def delivered(delivered_home: Path, home: Path) -> Path:
    """The test's home, in which ``constant_rate`` was delivered in two segments."""
    copy_home(delivered_home, home, clip_key("constant_rate.mp4"))
    return home


@pytest.fixture
def restyle(stylize: Stylize, home: Path) -> Restyle:
    """Runs ``stylize video --json`` on the test's home; fails the test if the command fails."""

    def run(source: Path, *arguments: str | Path, at: Path = home) -> dict[str, Any]:
        result = stylize("video", source, "--home", at, "--json", *arguments)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


def _save_random_style(path: Path, *, contrast: float) -> Path:
    """The default network with random weights whose pictures have this contrast around middle gray."""
    import torch

    from stylize.style.checkpoint import save_checkpoint
    from stylize.style.network.network import TransformerNet

    torch.manual_seed(0)
    network = TransformerNet()
    *_, weight, bias = network.parameters()
    with torch.no_grad():
        weight.mul_(contrast)
        bias.fill_(120)
    save_checkpoint(network, path)
    return path


@pytest.fixture(scope="session")
def other_style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that is no shipped style and paints something visible."""
    return _save_random_style(tmp_path_factory.mktemp("styles") / "noise.safetensors", contrast=120)


@pytest.fixture(scope="session")
def blank_style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that paints everything gray."""
    return _save_random_style(tmp_path_factory.mktemp("styles") / "blank.safetensors", contrast=0)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A running Azurite; skips where npm cannot install it."""
    server = Azurite(tmp_path_factory.mktemp("azurite"))
    try:
        server.start()
    except AzuriteError as error:
        pytest.skip(f"Azurite does not run here: {error}")
    yield server
    server.stop()


def _accounts(kind: str, request: pytest.FixtureRequest) -> AzureAccounts:
    if kind == "azurite":
        return AzureAccounts.of(request.getfixturevalue("azurite"))
    accounts = AzureAccounts.real()
    if accounts is None:
        pytest.skip("no Azure account: set STYLIZE_TEST_MEDIA_ACCOUNT_URL and STYLIZE_TEST_OPERATIONS_ACCOUNT_URL")
    return accounts


@pytest.fixture(params=["azurite", "azure-account"])
def azure_accounts(request: pytest.FixtureRequest) -> AzureAccounts:
    """The accounts of Azurite and, where the environment names one, of the real service."""
    return _accounts(request.param, request)


@pytest.fixture
def container_prefix(azure_accounts: AzureAccounts) -> Iterator[str]:
    """Prefix of empty containers of this test's own."""
    with azure_accounts.containers() as prefix:
        yield prefix


@pytest.fixture
def azure_store(azure_accounts: AzureAccounts, container_prefix: str) -> Iterator[AzureStore]:
    """A store of this test's own on Azure."""
    with closing(azure_accounts.store(container_prefix)) as store:
        yield store


@pytest.fixture(params=["folder", "azurite", "azure-account"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MediaStore]:
    """An empty store on every backend."""
    if request.param == "folder":
        yield FolderStore(tmp_path / "store")
        return
    accounts = _accounts(request.param, request)
    with accounts.containers() as prefix, closing(accounts.store(prefix)) as azure_store:
        yield azure_store


@pytest.fixture
def azure_environment(azure_accounts: AzureAccounts, container_prefix: str) -> dict[str, str]:
    """The variables that make a subprocess use the same store as ``azure_store``."""
    return azure_accounts.environment(container_prefix)
