"""What kubectl makes of a kustomization."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from k8s.documents import Document, parse


@cache
def kustomize(folder: Path) -> list[Document]:
    """What `kubectl apply -k` would send; to be read, not changed. Skips where there is no kubectl."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    built = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return parse(built.stdout)
