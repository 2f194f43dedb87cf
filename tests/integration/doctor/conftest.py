from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.doctor.examined import ExaminedDeployment, opened


@pytest.fixture
def empty(home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[ExaminedDeployment]:
    """A deployment without clips."""
    with opened(home, capsys) as deployment:
        yield deployment


@pytest.fixture
def delivered(delivered: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[ExaminedDeployment]:
    """A deployment with one delivered clip in two segments."""
    with opened(delivered, capsys) as deployment:
        yield deployment
