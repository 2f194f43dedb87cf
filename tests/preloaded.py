"""Imported by the process from which :mod:`tests.forked_programs` forks: what a command would load on its way.

``dagster_project.definitions`` is left to the command, as it reads the environment when it is loaded.
"""

import gc
import pkgutil
import warnings
from importlib import import_module

import assets
import resources
import stylize
from tests.quick_sqlite import be_quick

OURS = [
    assets,
    stylize,
    resources,
]
COMMANDS = ["dagster_project.cli.app", "dagster_project.cli.status_command", "dagster_project.cli.video_command"]
THEIRS = [
    "dagster._daemon.asset_daemon",
    "ffmpeg",
    "imageio_ffmpeg",
    "openvino",
    "pandas",
    "pyarrow.parquet",
    "upath",
]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for package in OURS:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name in [*COMMANDS, *THEIRS]:
        import_module(name)

be_quick()
gc.freeze()  # what is loaded stays: nobody need look through it again and again
