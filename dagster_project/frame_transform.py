"""The seam between the graph and what it does to pictures: frames in, frames out.

Style transfer is the first implementation; the graph knows no more about it than this protocol.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]


class FrameTransform(Protocol):
    """Something that turns a batch of pictures into pictures of the same size.

    Attributes:
        batch_size: the number of frames that one call should be given; a shorter last batch is allowed.
        device: where the work is done, e.g. ``cpu`` or ``cuda``.
        digest: SHA-256 (hex) over all that decides what comes out: weights, controls, precision, code version.
    """

    batch_size: int
    device: str
    digest: str

    def __call__(self, frames: Picture) -> Picture:
        """Transform RGB frames of shape ``(N, H, W, 3)``, values 0..255; the result has the same shape and dtype."""
        ...


def transform_pictures(pictures: Iterable[Picture], transform: FrameTransform) -> Iterator[Picture]:
    """Send pictures of shape ``(H, W, 3)`` through ``transform`` in batches of its choice, keeping their order."""
    remaining = iter(pictures)
    while batch := list(islice(remaining, transform.batch_size)):
        yield from transform(np.stack(batch))
