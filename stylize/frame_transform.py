"""The seam between the graph and what it does to pictures: frames in, frames out.

Style transfer is the first implementation; the graph knows no more about it than this protocol.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
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


def transform_groups(
    pictures: Iterable[Picture],
    transform: Callable[[Picture], Picture],
    group_sizes: Sequence[int],
    *,
    batch_size: int,
) -> Generator[Generator[Picture, None, None], None, None]:
    """Send pictures of shape ``(H, W, 3)`` through ``transform`` in batches, group by group, in order.

    Three things happen at the same time, each in one thread: ``pictures`` are made, a batch is transformed, and the
    caller works on what it was given. So four batches are in memory: one that waits and one in use, of pictures and of
    results. Only the making goes on into the next group: nothing of it is transformed before the caller asks for that
    group, so whoever keeps the results of a group at once never loses more than one group's worth of work. Whatever
    one of the three raises ends the other two; so does closing the generator.

    Args:
        pictures: as many as the groups have together, or more.
        transform: takes pictures of shape ``(N, H, W, 3)`` and gives one result for each.
        group_sizes: the number of pictures in each group; each group must be taken whole before the next.
        batch_size: the largest ``N``; the last batch of a group may be shorter.
    """
    with closing(ahead(_batches(pictures, batch_size, group_sizes))) as batches:
        for size in group_sizes:
            with closing(ahead(transform(batch) for batch in _take(batches, size))) as transformed:
                yield (picture for batch in transformed for picture in batch)


def _take(batches: Iterable[Picture], num_pictures: int) -> Iterator[Picture]:
    """The batches that hold the next pictures, and no look at the one after them."""
    for batch in batches:
        yield batch
        num_pictures -= len(batch)
        if num_pictures <= 0:
            return


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


def _batches(
    pictures: Iterable[Picture], batch_size: int, group_sizes: Sequence[int]
) -> Generator[Picture, None, None]:
    """Batches that never reach over the border of a group."""
    remaining = iter(pictures)
    try:
        for size in group_sizes:
            group = islice(remaining, size)
            while batch := list(islice(group, batch_size)):
                yield np.stack(batch)
    finally:
        if isinstance(remaining, Generator):
            remaining.close()
