"""Loaded by every Python whose PYTHONPATH names this folder: Dagster's code servers fork runs, and do not spawn them.

Of the six seconds of processor time that a run on a tiny clip takes, five are spent on loading libraries. Here they are
loaded once, in the process that runs are forked from. In all else they stay what they are: processes of their own.
"""

import multiprocessing
import sys
from multiprocessing.context import BaseContext

spawning_context = multiprocessing.get_context


def forking_context(method: str | None = None) -> BaseContext:
    """The context of a code server, which asks for ``spawn``."""
    return spawning_context("forkserver" if method == "spawn" else method)


if {"api", "grpc"} <= set(sys.orig_argv):
    spawning_context("forkserver").set_forkserver_preload(["tests.preloaded", "dagster_project.definitions"])
    multiprocessing.get_context = forking_context
