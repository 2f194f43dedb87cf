"""What is installed, in the image and elsewhere, is the whole project: modules, and the files that they read."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT

SOURCES = ("stylize", "dagster_project", "assets", "resources", "sensors", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in the wheel, built of a copy: building leaves folders behind."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        path = PROJECT_ROOT / name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(path, source / name, ignore=ignored) if path.is_dir() else shutil.copy(path, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", source / "wheels", source], check=True, cwd=source)
    (wheel,) = (source / "wheels").glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize("package", ["stylize", "dagster_project", "assets", "resources", "sensors"])
def test_every_file_of_a_package_is_installed(package: str, installed: set[str]) -> None:
    files = {path for path in (PROJECT_ROOT / package).rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {str(path.relative_to(PROJECT_ROOT)) for path in files} <= installed
    assert Path(f"{package}/__init__.py").as_posix() in installed
