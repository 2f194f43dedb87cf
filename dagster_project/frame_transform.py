"""The seam between the graph and what it does to pictures: frames in, frames out.

Style transfer is the first implementation; the graph knows no more about it than this protocol.
"""

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import Any, Final, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Item = TypeVar("Item")

_END: Final[Any] = object()


class FrameTransform(Protocol):
    """Something that turns a batch of pictures into pictures of the same size.

    Attributes:
        batch_size: the number of frames that one call should be given; a shorter last batch is allowed.
        device: where the work is done, e.g. ``cpu`` or ``cuda``.
        digest: SHA-256 (hex) over all that decides what comes out: weights, controls, precision, code version.
        memory_rung: how much of a clip was in memory at a time as of the last call, for people.
    """

    batch_size: int
    device: str
    digest: str

    @property
    def memory_rung(self) -> str:
        """See above; a plain attribute will do."""
        ...

    def __call__(self, frames: Picture) -> Picture:
        """Transform RGB frames of shape ``(N, H, W, 3)``, values 0..255; the result has the same shape and dtype."""
        ...


@runtime_checkable
class SteadyTransform(FrameTransform, Protocol):
    """A transform whose result depends on what the whole frame looks like, and which can be told not to let it."""

    def measure_shot(self, frames: Picture) -> list[Any]:
        """What the transform would go by for these frames ``(N, H, W, 3)`` of one shot; JSON-ready."""
        ...

    def freeze_shot(self, statistics: Sequence[Any]) -> None:
        """Go by what :meth:`measure_shot` gave, whatever a frame looks like, until the next call."""
        ...


def transform_pictures(pictures: Iterable[Picture], transform: FrameTransform) -> Generator[Picture, None, None]:
    """Send pictures of shape ``(H, W, 3)`` through ``transform`` in batches of its choice, keeping their order.

    Three things happen at the same time, each in one thread: ``pictures`` are made, a batch is transformed, and the
    caller works on what it was given. So four batches are in memory: one that waits and one in use, of pictures and of
    results. Whatever one of the three raises ends the other two; so does closing the generator.
    """
    with (
        closing(ahead(_batches(pictures, transform.batch_size))) as batches,
        closing(ahead(transform(batch) for batch in batches)) as transformed,
    ):
        for batch in transformed:
            yield from batch


def ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """``items``, each made in another thread while the one before is in use.

    An error of ``items`` is raised in its place. When this generator is closed or has raised, the thread has ended, and
    a generator among ``items`` has been closed by it.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as maker:
        try:
            coming = maker.submit(next, iterator, _END)
            while (item := coming.result()) is not _END:
                coming = maker.submit(next, iterator, _END)
                yield cast(Item, item)
        finally:
            if isinstance(iterator, Generator):
                maker.submit(iterator.close).result()


def _batches(pictures: Iterable[Picture], batch_size: int) -> Generator[Picture, None, None]:
    remaining = iter(pictures)
    try:
        for first in remaining:
            yield np.stack([first, *islice(remaining, batch_size - 1)])
    finally:
        if isinstance(remaining, Generator):
            remaining.close()
