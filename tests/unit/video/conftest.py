"""Limits and manifests, made once for all tests of the video package."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from stylize.sandbox.limits import DecodeLimits
from stylize.video.source.manifest import VideoManifest
from stylize.video.source.scan import scan
from tests.unit.video.delivery import Deliver, deliverer


@pytest.fixture(scope="session")
def limits() -> DecodeLimits:
    """Caps that no good clip meets, and that end a hanging test soon."""
    return DecodeLimits(stall_seconds=30, total_seconds=60)


@pytest.fixture(scope="session")
def manifest(clip: Callable[[str], Path], limits: DecodeLimits) -> Callable[[str], VideoManifest]:
    """Return the scanned manifest of a clip by its name."""
    return cache(lambda name: scan(clip(name), limits=limits))


@pytest.fixture(scope="session")
def delivered(
    clip: Callable[[str], Path],
    manifest: Callable[[str], VideoManifest],
    limits: DecodeLimits,
    tmp_path_factory: pytest.TempPathFactory,
) -> Deliver:
    """Deliver a clip by its name and a suffix, each once; treat the files as read-only."""
    return deliverer(clip, manifest, limits, tmp_path_factory.mktemp("delivered"))
