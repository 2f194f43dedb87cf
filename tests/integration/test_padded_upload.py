"""A huge upload takes no more memory than a small one: from a blob of gigabytes to its delivery."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT
from stylize.store.azure.blob_store import AzureStore
from tests.mp4_boxes import pad

Clip = Callable[[str], Path]
MEBIBYTE = 1024 * 1024
MOST_MEBIBYTES = 700  # PyTorch alone takes 400
MOST_MORE_MEBIBYTES = 150  # four blocks of 8 MiB move at a time, and a small clip has not even one


def _peak_of_delivery(name: str, home: Path, environment: dict[str, str]) -> float:
    """MiB that the process took which read, split, styled and delivered the upload."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.deliver_upload", home / name, name],
        cwd=PROJECT_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-5000:]
    return json.loads(result.stdout.splitlines()[-1])["peak_mebibytes"]


@pytest.mark.parametrize(
    "padding_bytes",
    [256 * MEBIBYTE, pytest.param(2048 * MEBIBYTE, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])],
)
def test_a_film_in_a_huge_file_is_delivered_in_the_memory_of_a_small_one(
    clip: Clip, azure_store: AzureStore, azure_environment: dict[str, str], tmp_path: Path, padding_bytes: int
) -> None:
    small = clip("constant_rate")
    files = {"small": small, "huge": pad(small, tmp_path / "huge.mp4", padding_bytes)}
    peaks: dict[str, float] = {}
    for name, file in files.items():
        azure_store.put(f"landing/{name}.mp4", file)
        peaks[name] = _peak_of_delivery(f"{name}.mp4", tmp_path / "homes", azure_environment)
    films = {name: json.loads(azure_store.read_bytes(f"delivery/{name}/latest.json"))["video_sha256"] for name in peaks}
    assert films["small"] == films["huge"]
    assert azure_store.require("landing/huge.mp4").size_bytes == small.stat().st_size + padding_bytes
    assert max(peaks.values()) < MOST_MEBIBYTES, peaks
    assert peaks["huge"] - peaks["small"] < MOST_MORE_MEBIBYTES, peaks
