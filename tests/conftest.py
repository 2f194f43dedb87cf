import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.clips import make_clip

Stylize = Callable[..., subprocess.CompletedProcess[str]]
Restyle = Callable[..., dict[str, Any]]

REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"
# Parts that only some machines have, whatever CI installs.
MAY_BE_ABSENT = ("CUDA device", "Kubernetes cluster", "Azure account")


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
    """Runs the installed command and captures what it says."""

    def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("stylize"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280, **options)

    return run


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
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


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

    from dagster_project.style_transfer.checkpoint import save_checkpoint
    from dagster_project.style_transfer.network import TransformerNet

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
