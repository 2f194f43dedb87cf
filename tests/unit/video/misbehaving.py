"""Functions that do to the sandbox what a hostile file may do to a decoder."""

import ctypes
import importlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from stylize.errors import ProbeError
from stylize.sandbox.sandbox_child import Channel

Arguments = dict[str, Any]


def echo(arguments: Arguments, channel: Channel) -> Arguments:
    """Return what came."""
    return arguments


def raise_probe_error(arguments: Arguments, channel: Channel) -> None:
    """Fail with an error of the project."""
    raise ProbeError("'x.mp4' is not a video")


def raise_value_error(arguments: Arguments, channel: Channel) -> None:
    """Fail with an error that nobody foresaw."""
    raise ValueError("first line\nsecond line")


def segfault(arguments: Arguments, channel: Channel) -> None:
    """Read address 0."""
    ctypes.string_at(0)


def kill_self(arguments: Arguments, channel: Channel) -> None:
    """Die as the kernel lets a process die when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def allocate(arguments: Arguments, channel: Channel) -> int:
    """Ask for 8 GiB."""
    return len(bytearray(8 * 2**30))


def hang(arguments: Arguments, channel: Channel) -> None:
    """Say nothing for an hour."""
    time.sleep(3600)


def tick_forever(arguments: Arguments, channel: Channel) -> None:
    """Report progress without end."""
    while True:
        channel.send("progress", 1)
        time.sleep(0.05)


def chatty(arguments: Arguments, channel: Channel) -> str:
    """Print to both streams, as a C library may."""
    os.write(1, b"stray words\n")
    os.write(2, b"noise of the library\n")
    sys.stdout.write("more words\n")
    sys.stdout.flush()
    return "answer"


def exit_quietly(arguments: Arguments, channel: Channel) -> None:
    """Leave without an answer."""
    os._exit(7)


def count_items(arguments: Arguments, channel: Channel) -> None:
    """Send ten items as fast as the consumer allows, noting each in a file first."""
    for index in range(10):
        with Path(arguments["log"]).open("a", encoding="utf-8") as log:
            log.write(f"{index}\n")
        channel.item(index)


def write_pid_and_hang(arguments: Arguments, channel: Channel) -> None:
    """Say who it is, then hang."""
    channel.item(os.getpid())
    time.sleep(3600)


def import_video(arguments: Arguments, channel: Channel) -> list[str]:
    """List the heavy modules that a scan brings along."""
    importlib.import_module("stylize.video.source.scan")
    return sorted({"torch", "dagster", "av"} & set(sys.modules))
