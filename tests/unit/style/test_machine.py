"""What a container grants counts, not what its host has."""

import os
from pathlib import Path

import psutil
import pytest

from stylize.style.engines.machine import available_bytes, usable_cores


def write_group(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content + "\n")
    return folder


@pytest.mark.parametrize(
    ("granted", "cores"), [("100000 100000", 1), ("150000 100000", 1), ("50000 100000", 1), ("max 100000", None)]
)
def test_a_share_of_a_core_is_one_core_and_no_limit_is_all_of_them(tmp_path: Path, granted: str, cores: int) -> None:
    assert usable_cores(write_group(tmp_path, cpu_max=granted)) == (cores or len(os.sched_getaffinity(0)))


def test_memory_is_what_the_limit_leaves(tmp_path: Path) -> None:
    group = write_group(tmp_path, memory_max=str(50 * 2**20), memory_current=str(30 * 2**20))
    assert available_bytes(group) == 20 * 2**20
    write_group(tmp_path, memory_current=str(60 * 2**20))
    assert available_bytes(group) == 0


@pytest.mark.parametrize("files", [{}, {"memory_max": "max", "memory_current": "4096"}])
def test_without_a_limit_memory_is_what_the_machine_has_left(tmp_path: Path, files: dict[str, str]) -> None:
    assert 0 < available_bytes(write_group(tmp_path, **files)) <= psutil.virtual_memory().total
