"""The child side of :mod:`stylize.sandbox.sandbox`: read one request, run one function, answer in JSON lines."""

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from stylize.errors import DecodeError, StylizeError

ITEMS_AHEAD = 2
ACKNOWLEDGE = b"\n"
_PROGRESS_SECONDS = 0.25
_PARENT_IS_GONE = 3


class Channel:
    """How a sandboxed function speaks to its parent while it runs."""

    def __init__(self, file_descriptor: int) -> None:
        """Send messages to ``file_descriptor``."""
        self._file_descriptor = file_descriptor
        self._room = threading.Semaphore(ITEMS_AHEAD)
        self._last_progress = 0.0

    def progress(self, count: int) -> None:
        """Report that work goes on; cheap enough to be called for every frame."""
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_SECONDS:
            self._last_progress = now
            self.send("progress", count)

    def item(self, value: Any) -> None:
        """Hand over one JSON value, then wait until the consumer is at most ``ITEMS_AHEAD`` items behind."""
        self.send("item", value)
        self._room.acquire()

    def acknowledged(self) -> None:
        """Note that the consumer has finished one item."""
        self._room.release()

    def send(self, kind: str, value: Any) -> None:
        """Write one message, whole."""
        data = memoryview(json.dumps({"kind": kind, "value": value}).encode() + b"\n")
        while data:
            data = data[os.write(self._file_descriptor, data) :]


def main() -> None:
    """Serve one request from stdin; never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this process
    # What libraries print must not mix with the messages.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    channel = Channel(answers)
    request = json.loads(sys.stdin.buffer.readline() or b"null")
    if request is None:
        os._exit(_PARENT_IS_GONE)
    threading.Thread(target=_listen, args=(channel,), daemon=True).start()
    _limit_resources(request["memory_bytes"])
    _answer(request, channel)
    # Leave without tidying up: freeing a half-used decoder may hang, and the parent has its answer.
    os._exit(0)


def _answer(request: dict[str, Any], channel: Channel) -> None:
    try:
        module, _, name = request["function"].partition(":")
        function = getattr(importlib.import_module(module), name)
        channel.send("result", function(request["arguments"], channel))
    except BrokenPipeError:
        os._exit(_PARENT_IS_GONE)
    except StylizeError as error:
        channel.send("error", {"type": type(error).__name__, "message": str(error)})
    except MemoryError:
        cap = f"the cap of {request['memory_bytes'] / 2**30:.3g} GiB" if request["memory_bytes"] else "there is"
        message = f"{request['subject']} needs more memory to decode than {cap}; scale it down, or raise the cap"
        channel.send("error", {"type": DecodeError.__name__, "message": message})
    except Exception as error:  # noqa: BLE001 - whatever broke on this input is reported; nothing else would see it
        first_line = (str(error).splitlines() or [""])[0]
        channel.send("error", {"type": type(error).__name__, "message": first_line})


def _listen(channel: Channel) -> None:
    """Pass acknowledgements on; when stdin closes the parent is gone, and so is the reason to live."""
    while sys.stdin.buffer.read(len(ACKNOWLEDGE)):
        channel.acknowledged()
    os._exit(_PARENT_IS_GONE)


def _limit_resources(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS knows the limit but does not take it
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    with contextlib.suppress(OSError):  # Linux: when memory runs out this process goes first, not the parent
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main()
