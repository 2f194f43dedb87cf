"""Run a function over untrusted input in a child process, so that a hang, a crash or a memory bomb stays there.

The two processes speak JSON lines over pipes (never pickle: what comes back may have been shaped by the input). The
child is :mod:`stylize.sandbox.sandbox_child`; it ends by itself when its stdin closes, so it outlives nobody, not
even a parent that was killed.
"""

import contextlib
import json
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from stylize import errors
from stylize.sandbox.limits import DecodeLimits
from stylize.sandbox.sandbox_child import ACKNOWLEDGE, Channel

CHILD_MODULE = "stylize.sandbox.sandbox_child"
SOURCE_ROOT = Path(__file__).resolve().parents[2]
MAX_LINE_BYTES = 64 * 2**20

SandboxFunction = Callable[[dict[str, Any], Channel], Any]
OnProgress = Callable[[int], None]


def run_sandboxed(
    function: SandboxFunction,
    arguments: Mapping[str, Any],
    *,
    subject: str,
    limits: DecodeLimits,
    on_progress: OnProgress | None = None,
) -> Any:
    """Call ``function(arguments, channel)`` in a child process and return what it returns.

    Args:
        function: a module-level function; its arguments, items and result must be JSON.
        arguments: JSON-ready; paths must be absolute, for the child has another working folder.
        subject: what is being read, for messages, e.g. ``'film.mp4'``.
        limits: stall and total time, address space.
        on_progress: called with every count that the child reports.

    Raises:
        StylizeError: the error of the child, same class, same message.
        DecodeError: the child crashed, ran out of memory, or took too long.
    """
    result = None
    for kind, value in _messages(function, arguments, subject, limits):
        if kind == "progress" and on_progress:
            on_progress(value)
        elif kind == "result":
            result = value
    return result


def iterate_sandboxed(
    function: SandboxFunction,
    arguments: Mapping[str, Any],
    *,
    subject: str,
    limits: DecodeLimits,
    on_progress: OnProgress | None = None,
) -> Generator[Any]:
    """Yield every item that ``function`` sends by ``channel.item`` in a child process.

    The child stays at most ``sandbox_child.ITEMS_AHEAD`` items ahead. Leaving the loop early, or closing the iterator,
    ends the child. Time that the consumer spends does not count against the limits. Arguments and errors are those of
    :func:`run_sandboxed`.
    """
    for kind, value in _messages(function, arguments, subject, limits):
        if kind == "progress" and on_progress:
            on_progress(value)
        elif kind == "item":
            yield value


def _messages(
    function: SandboxFunction, arguments: Mapping[str, Any], subject: str, limits: DecodeLimits
) -> Iterator[tuple[str, Any]]:
    """Start the child, hand on its messages, and see to it that it is gone in the end."""
    request = {
        "function": f"{function.__module__}:{function.__qualname__}",
        "arguments": dict(arguments),
        "subject": subject,
        "memory_bytes": limits.memory_bytes,
    }
    with tempfile.TemporaryFile() as noise, _child(noise) as child:
        with contextlib.suppress(BrokenPipeError):
            _stdin(child).write(json.dumps(request).encode() + b"\n")
        for line in _lines(child, subject, limits):
            kind, value = _parse(line, subject)
            if kind == "error":
                raise _as_error(value, subject)
            yield kind, value
            if kind == "result":
                return
            if kind == "item":
                with contextlib.suppress(BrokenPipeError):
                    _stdin(child).write(ACKNOWLEDGE)
        raise errors.DecodeError(f"{subject}: {_how_it_ended(child, noise)}")


@contextlib.contextmanager
def _child(noise: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the child; kill and reap it on the way out. FFmpeg's and glibc's words go to ``noise``."""
    # The working folder makes the package importable even where it is not installed (``-m`` puts it on sys.path).
    process = subprocess.Popen(
        [sys.executable, "-m", CHILD_MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=noise,
        cwd=SOURCE_ROOT,
        bufsize=0,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _stdin(child: subprocess.Popen[bytes]) -> IO[bytes]:
    if child.stdin is None:
        raise RuntimeError("the sandbox child was started without a stdin pipe")
    return child.stdin


def _lines(child: subprocess.Popen[bytes], subject: str, limits: DecodeLimits) -> Iterator[bytes]:
    """Yield the lines of the child until it closes its end; only time spent waiting here counts as the child's."""
    pending = bytearray()
    waited_seconds = 0.0
    with selectors.DefaultSelector() as selector:
        if child.stdout is None:
            raise RuntimeError("the sandbox child was started without a stdout pipe")
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            timeout = min(limits.stall_seconds, max(0.0, limits.total_seconds - waited_seconds))
            began = time.monotonic()
            ready = selector.select(timeout)
            waited_seconds += time.monotonic() - began
            if not ready:
                raise errors.DecodeError(f"{subject}: {_too_slow(waited_seconds, limits)}")
            data = child.stdout.read(1 << 16)
            if not data:
                return
            *lines, rest = data.split(b"\n")
            for line in lines:
                yield bytes(pending) + line
                pending.clear()
            pending += rest
            if len(pending) > MAX_LINE_BYTES:
                raise errors.DecodeError(f"{subject}: the decoder sent a message of more than {MAX_LINE_BYTES} bytes")


def _too_slow(waited_seconds: float, limits: DecodeLimits) -> str:
    if waited_seconds >= limits.total_seconds:
        return f"not decoded within {limits.total_seconds:g} s; raise the time limit if the file is that long"
    return f"no progress for {limits.stall_seconds:g} s while decoding; the file is damaged or made to stall decoders"


def _parse(line: bytes, subject: str) -> tuple[str, Any]:
    """Read one message of the child, trusting nothing about it."""
    try:
        message = json.loads(line)
        return str(message["kind"]), message["value"]
    except (ValueError, TypeError, KeyError) as error:
        raise errors.DecodeError(f"{subject}: the decoder process sent an unreadable message: {line[:80]!r}") from error


def _as_error(value: Any, subject: str) -> errors.StylizeError:
    """Build the child's error again; one that is not of our family becomes a DecodeError that says what it was."""
    name, message = (
        (str(value.get(key)) for key in ("type", "message")) if isinstance(value, dict) else ("", str(value))
    )
    known = getattr(errors, name, None)
    if isinstance(known, type) and issubclass(known, errors.StylizeError):
        return known(message)
    return errors.DecodeError(f"{subject} could not be processed: {name}: {message}")


def _how_it_ended(child: subprocess.Popen[bytes], noise: IO[bytes]) -> str:
    """Say how a child ended that gave no answer."""
    status = child.wait()
    if status == -signal.SIGKILL:
        return "the decoder process was killed, most likely because memory ran out; the file needs a bigger machine"
    if status < 0:
        return f"the decoder crashed ({signal.Signals(-status).name}); the file is damaged or made to crash decoders"
    noise.seek(0)
    last_words = noise.read()[-2000:].decode(errors="replace").strip().splitlines()[-1:]
    return f"the decoder process ended with status {status} and no answer: {''.join(last_words) or 'no message'}"
