"""A deployment as it runs on one machine: the real webserver, daemon and code server in processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psutil
import pytest

from azurite.server import free_port
from dagster_project.cli.home import open_instance
from dagster_project.settings import PROJECT_ROOT, Settings

BIN = Path(sys.executable).parent
END_SECONDS = 30
FORKED_RUNS = os.pathsep.join(map(str, (PROJECT_ROOT, PROJECT_ROOT / "tests" / "forked_runs")))


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Fail the test if ``condition`` is still not so after that time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"still not so after {seconds} s")
        time.sleep(1)


class Deployment:
    """``stylize ui`` on a home; started and killed as often as a test likes.

    Its runs are forked from a process that has loaded its libraries, unless ``as_installed``: then Dagster starts them
    as it does for users.
    """

    def __init__(self, home: Path, environment: dict[str, str] | None = None, *, as_installed: bool = False) -> None:
        self.home = home
        self.port = free_port()
        forking = {} if as_installed else {"PYTHONPATH": FORKED_RUNS}
        self._environment = {**os.environ, **forking, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        command = [BIN / "stylize", "ui", "--home", self.home, "--port", str(self.port)]
        with (self.home / "ui.log").open("a") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )

    def kill(self) -> None:
        """SIGKILL for everything at once: webserver, daemon, code server, and the runs in it."""
        for process in self._family():
            with suppress(psutil.NoSuchProcess):  # a run that ended by itself meanwhile
                process.kill()
        self._forget()

    def end(self) -> None:
        """Ask the command to end, as a service manager does; it must end, and everything that it started with it."""
        if self._process is None:
            return
        family = self._family()
        self._process.terminate()
        _, alive = psutil.wait_procs(family, timeout=END_SECONDS)
        for survivor in alive:
            survivor.kill()
        self._forget()
        assert not alive

    def instance(self) -> dg.DagsterInstance:
        return open_instance(Settings(home=self.home))

    def _family(self) -> list[psutil.Process]:
        parent = psutil.Process(self._process.pid)
        return [parent, *parent.children(recursive=True)]

    def _forget(self) -> None:
        self._process.wait()
        self._process = None
