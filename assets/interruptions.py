"""Requests to end that come when work is all but done: they wait until it is kept."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptions_wait(*, as_long_as: Callable[[], bool]) -> Iterator[None]:
    """Let SIGINT and SIGTERM take effect at the end of the context if they come while ``as_long_as()`` is true.

    At any other moment they take effect at once, and so does a second one. Only the main thread can arrange this, as it
    is the only one that signals interrupt; in any other this context does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    waiting: list[int] = []

    def wait(number: int, _: FrameType | None) -> None:
        if waiting or not as_long_as():
            waiting.clear()
            restore()
            signal.raise_signal(number)
        else:
            waiting.append(number)

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    for number in _SIGNALS:
        signal.signal(number, wait)
    try:
        yield
    finally:
        restore()
        for number in waiting:
            signal.raise_signal(number)
