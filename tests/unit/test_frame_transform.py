"""Reading, transforming and writing at the same time: order, errors, endings."""

import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import islice

import numpy as np
import pytest

from stylize.frame_transform import Picture, ahead, transform_groups


class Inverter:
    """A real, cheap transform that tells what it was given."""

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


def transform_pictures(
    pictures: Iterable[Picture], inverter: Inverter, num_pictures: int
) -> Generator[Picture, None, None]:
    """All in one group."""
    with closing(transform_groups(pictures, inverter, [num_pictures], batch_size=3)) as groups:
        for group in groups:
            yield from group


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_pictures_keep_their_order_and_come_in_batches() -> None:
    inverter = Inverter()
    values = [int(result[0, 0, 0]) for result in transform_pictures(map(picture, range(8)), inverter, 8)]
    assert values == [255 - value for value in range(8)]
    assert inverter.sizes == [3, 3, 2]


def test_no_pictures_give_no_pictures() -> None:
    assert list(transform_groups([], Inverter(), [], batch_size=3)) == []


def test_reading_and_transforming_go_on_while_the_caller_works() -> None:
    """The caller holds on to its first picture until the third batch is read: one after the other never get there."""
    read_on = threading.Event()

    def pictures() -> Iterator[Picture]:
        for value in range(12):
            if value == 8:
                read_on.set()
            yield picture(value)

    inverter = Inverter()
    with closing(transform_pictures(pictures(), inverter, 12)) as transformed:
        next(transformed)
        assert read_on.wait(timeout=60)
    assert threading.get_ident() not in inverter.threads


def test_nothing_of_a_group_is_transformed_before_it_is_asked_for_though_it_is_read() -> None:
    """The caller publishes a group before it asks for the next: what is transformed beyond it would be lost."""
    read_on, inverter = threading.Event(), Inverter()

    def pictures() -> Iterator[Picture]:
        for value in range(20):
            if value == 9:
                read_on.set()
            yield picture(value)

    with closing(transform_groups(pictures(), inverter, [7, 7, 6], batch_size=3)) as groups:
        for number, size in enumerate([7, 7, 6], 1):
            group = next(groups)
            assert sum(inverter.sizes) == sum([7, 7, 6][: number - 1])
            assert [int(result[0, 0, 0]) for result in group] == [255 - (number - 1) * 7 - i for i in range(size)]
            assert read_on.wait(timeout=60)
            assert sum(inverter.sizes) == sum([7, 7, 6][:number])
    assert inverter.sizes == [3, 3, 1, 3, 3, 1, 3, 3]


def test_reading_stays_a_few_batches_ahead() -> None:
    made: list[int] = []
    with closing(transform_pictures(counted(made), Inverter(), 1000)) as transformed:
        next(transformed)
    assert len(made) - 1 <= 4 * 3
    assert made[-1] == -1


def test_what_was_read_before_an_error_is_delivered_and_the_error_follows() -> None:
    made: list[int] = []
    delivered = []
    with pytest.raises(ValueError, match="cannot read"):
        delivered.extend(transform_pictures(counted(made, fails_at=6), Inverter(), 1000))
    assert made[-1] == -1


def test_an_error_of_the_transform_ends_the_reading() -> None:
    made: list[int] = []
    with pytest.raises(ValueError, match="cannot transform"):
        list(transform_pictures(counted(made), Inverter(fails_at=2), 1000))
    assert made[-1] == -1


def test_an_interrupt_of_the_caller_ends_everything() -> None:
    made: list[int] = []
    with pytest.raises(KeyboardInterrupt), closing(transform_pictures(counted(made), Inverter(), 1000)) as transformed:
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
