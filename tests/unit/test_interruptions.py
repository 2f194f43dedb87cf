"""What becomes of requests to end while work may not be dropped."""

import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from assets.interruptions import interruptions_wait


class _ToldToEndError(Exception):
    pass


def _end(_number: int, _frame: FrameType | None) -> None:
    raise _ToldToEndError


@pytest.fixture(autouse=True, params=[signal.SIGTERM, signal.SIGINT])
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    """A signal that raises, as signals do in a step of Dagster."""
    before = signal.signal(request.param, _end)
    yield request.param
    assert signal.signal(request.param, before) is _end, "the handler is as it was"


def test_one_that_comes_at_another_moment_takes_effect_at_once(number: int) -> None:
    with pytest.raises(_ToldToEndError), interruptions_wait(as_long_as=lambda: False):
        signal.raise_signal(number)
        pytest.fail("it went on")


def test_one_that_has_to_wait_takes_effect_at_the_end(number: int) -> None:
    done = []
    with pytest.raises(_ToldToEndError), interruptions_wait(as_long_as=lambda: True):
        signal.raise_signal(number)
        done.append("all")
    assert done


def test_a_second_one_does_not_wait_and_counts_once(number: int) -> None:
    with interruptions_wait(as_long_as=lambda: True):
        signal.raise_signal(number)
        with pytest.raises(_ToldToEndError):
            signal.raise_signal(number)


def test_one_that_waits_is_not_lost_to_an_error(number: int) -> None:
    with pytest.raises(_ToldToEndError) as raised, interruptions_wait(as_long_as=lambda: True):
        signal.raise_signal(number)
        raise ValueError
    assert isinstance(raised.value.__context__, ValueError)


def test_in_another_thread_signals_are_left_alone() -> None:
    def run() -> None:
        with interruptions_wait(as_long_as=lambda: True):
            handlers.append(signal.getsignal(signal.SIGTERM))

    before, handlers = signal.getsignal(signal.SIGTERM), []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [before]
