"""Reading, transforming and writing at the same time: order, errors, endings."""

import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice

import numpy as np
import pytest

from dagster_project.frame_transform import Picture, ahead, transform_pictures


class Inverter:
    """A real, cheap transform that tells what it was given."""

    batch_size, device, digest, memory_rung = 3, "cpu", "0" * 64, "3 frames at once"

    def __init__(self, fails_at: int | None = None) -> None:
        self.sizes: list[int] = []
        self.threads: set[int] = set()
        self.fails_at = fails_at

    def __call__(self, frames: Picture) -> Picture:
        self.sizes.append(len(frames))
        self.threads.add(threading.get_ident())
        if len(self.sizes) == self.fails_at:
            raise ValueError("cannot transform")
        return 255 - frames


def picture(value: int) -> Picture:
    return np.full((2, 3, 3), value, np.uint8)


def counted(made: list[int], *, fails_at: int = 1000) -> Generator[Picture, None, None]:
    """Pictures without end; ``made`` ends with -1 once the generator has been closed."""
    try:
        for value in range(fails_at):
            made.append(value)
            yield picture(value % 256)
        raise ValueError("cannot read")
    finally:
        made.append(-1)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_pictures_keep_their_order_and_come_in_batches() -> None:
    inverter = Inverter()
    values = [int(result[0, 0, 0]) for result in transform_pictures(map(picture, range(8)), inverter)]
    assert values == [255 - value for value in range(8)]
    assert inverter.sizes == [3, 3, 2]


def test_no_pictures_give_no_pictures() -> None:
    assert list(transform_pictures([], Inverter())) == []


def test_reading_and_transforming_go_on_while_the_caller_works() -> None:
    """The caller holds on to its first picture until the third batch is read: one after the other never get there."""
    read_on = threading.Event()

    def pictures() -> Iterator[Picture]:
        for value in range(12):
            if value == 8:
                read_on.set()
            yield picture(value)

    inverter = Inverter()
    with closing(transform_pictures(pictures(), inverter)) as transformed:
        next(transformed)
        assert read_on.wait(timeout=60)
    assert threading.get_ident() not in inverter.threads


def test_reading_stays_a_few_batches_ahead() -> None:
    made: list[int] = []
    with closing(transform_pictures(counted(made), Inverter())) as transformed:
        next(transformed)
    assert len(made) - 1 <= 4 * Inverter.batch_size
    assert made[-1] == -1


def test_what_was_read_before_an_error_is_delivered_and_the_error_follows() -> None:
    made: list[int] = []
    delivered = []
    with pytest.raises(ValueError, match="cannot read"):
        delivered.extend(transform_pictures(counted(made, fails_at=6), Inverter()))
    assert made[-1] == -1


def test_an_error_of_the_transform_ends_the_reading() -> None:
    made: list[int] = []
    with pytest.raises(ValueError, match="cannot transform"):
        list(transform_pictures(counted(made), Inverter(fails_at=2)))
    assert made[-1] == -1


def test_an_interrupt_of_the_caller_ends_everything() -> None:
    made: list[int] = []
    with pytest.raises(KeyboardInterrupt), closing(transform_pictures(counted(made), Inverter())) as transformed:
        for _ in transformed:
            raise KeyboardInterrupt
    assert made[-1] == -1


def test_a_generator_is_closed_in_the_thread_that_ran_it() -> None:
    threads: list[int] = []

    def numbers() -> Generator[int, None, None]:
        try:
            threads.append(threading.get_ident())
            yield from range(100)
        finally:
            threads.append(threading.get_ident())

    with closing(ahead(numbers())) as coming:
        assert list(islice(coming, 3)) == [0, 1, 2]
    assert threads[0] == threads[1] != threading.get_ident()
