"""``stylize``, and programs of tests, in processes without the five seconds that loading their libraries takes.

They are forked from one that has loaded them. In all else they are like those of the installed command: with their own
arguments, environment, folder, standard streams and process group; they can be interrupted and killed.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Self

TIMEOUT_SECONDS = 280.0


class ForkedProgram:
    """A started program; as much of :class:`subprocess.Popen` as tests need.

    Attributes:
        pid: of the process, which leads a process group of its own.
        returncode: None until it is known that the process has ended.
    """

    def __init__(
        self, module: str, *command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        """Start ``main()`` of a module.

        Args:
            module: its name.
            command: name and arguments of the program, for ``sys.argv``.
            env: its environment; that of the test unless given.
            cwd: the folder in which it starts; that of the test unless given.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.preloaded"])
        self._streams = tempfile.TemporaryDirectory(prefix="stylize-")
        self._out, self._err = Path(self._streams.name) / "out", Path(self._streams.name) / "err"
        streams = {1: str(self._out), 2: str(self._err)}
        environment = dict(os.environ) if env is None else env
        self._process: ForkServerProcess = context.Process(
            target=_become, args=(module, [*map(str, command)], environment, str(cwd or Path.cwd()), streams)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid
        self.returncode: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.wait()
        self._streams.cleanup()

    def poll(self) -> int | None:
        """The exit status, negative the number of the signal that ended it; None while it runs."""
        self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout: float = TIMEOUT_SECONDS) -> int:
        """Wait for its end, and return the exit status; kills it when the time is up."""
        self._process.join(timeout)
        if self.poll() is None:
            self._process.kill()
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL for it and for all that it started, if it has not ended by itself meanwhile."""
        for kill in (os.killpg, os.kill):  # by itself as long as it does not lead its group yet
            with suppress(ProcessLookupError):
                kill(self.pid, signal.SIGKILL)

    def communicate(self) -> tuple[str, str]:
        """Wait for its end, and return what it wrote to standard output and to standard error."""
        self.wait()
        return self._out.read_text(), self._err.read_text()


class ForkedStylize(ForkedProgram):
    """A started ``stylize``."""

    def __init__(self, *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        """Start it with these arguments; environment and folder are those of the test unless given."""
        super().__init__("dagster_project.cli.app", "stylize", *arguments, env=env, cwd=cwd)


def run_stylize(
    *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``stylize`` to its end and capture what it says."""
    with ForkedStylize(*arguments, env=env, cwd=cwd) as process:
        out, err = process.communicate()
        return subprocess.CompletedProcess(["stylize", *map(str, arguments)], process.wait(), out, err)


def _become(module: str, command: list[str], environment: dict[str, str], folder: str, streams: dict[int, str]) -> None:
    """In the child: take on what a started command has, and be it."""
    os.setsid()
    for descriptor, path in streams.items():
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = command
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    import_module(module).main()
