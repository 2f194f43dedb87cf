"""The child that untrusted input is read in: whatever happens there, the parent gets an answer or one clear line."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from stylize.errors import DecodeError, ProbeError, StylizeError
from stylize.sandbox.limits import DecodeLimits
from stylize.sandbox.sandbox import SandboxFunction, iterate_sandboxed, run_sandboxed
from stylize.sandbox.sandbox_child import ITEMS_AHEAD
from tests.unit.video import misbehaving

LIMITS = DecodeLimits(stall_seconds=20, total_seconds=40)
SUBJECT = "'x.mp4'"


@pytest.fixture(autouse=True)
def no_child_is_left_behind() -> Iterator[None]:
    """After every test here: no child process, running or dead, that was not there before."""
    before = set(psutil.Process().children())
    yield
    assert set(psutil.Process().children()) <= before


def run(function: SandboxFunction, arguments: dict[str, Any] | None = None, limits: DecodeLimits = LIMITS) -> Any:
    return run_sandboxed(function, arguments or {}, subject=SUBJECT, limits=limits)


def failure(function: SandboxFunction, limits: DecodeLimits = LIMITS) -> StylizeError:
    """The error of a failing function, which must be one line."""
    with pytest.raises(StylizeError) as caught:
        run(function, limits=limits)
    assert "\n" not in str(caught.value)
    return caught.value


def test_arguments_and_result_travel_unchanged() -> None:
    arguments = {"path": "ünï 線 \udce9 \n", "numbers": [1, 2**60, 0.5, None], "long": "x" * 3_000_000}
    assert run(misbehaving.echo, arguments) == arguments


def test_an_error_of_ours_comes_back_as_the_same_class_with_the_same_line() -> None:
    error = failure(misbehaving.raise_probe_error)
    assert type(error) is ProbeError
    assert str(error) == "'x.mp4' is not a video"


def test_an_unforeseen_error_becomes_one_line_that_names_it() -> None:
    error = failure(misbehaving.raise_value_error)
    assert type(error) is DecodeError
    assert str(error) == "'x.mp4' could not be processed: ValueError: first line"


def test_a_crash_is_reported_with_its_signal() -> None:
    error = failure(misbehaving.segfault)
    assert type(error) is DecodeError
    assert "'x.mp4': the decoder crashed (SIGSEGV)" in str(error)


def test_a_kill_by_the_kernel_is_reported_as_lack_of_memory() -> None:
    assert "memory ran out" in str(failure(misbehaving.kill_self))


def test_a_silent_exit_is_reported() -> None:
    assert "ended with status 7 and no answer" in str(failure(misbehaving.exit_quietly))


def test_memory_over_the_cap_is_refused_by_name() -> None:
    error = failure(misbehaving.allocate, DecodeLimits(memory_bytes=2**30))
    assert "'x.mp4' needs more memory to decode than the cap of 1 GiB" in str(error)


def test_a_hang_ends_after_the_stall_limit() -> None:
    began = time.monotonic()
    assert "no progress for 1 s" in str(failure(misbehaving.hang, DecodeLimits(stall_seconds=1)))
    assert time.monotonic() - began < 5


def test_endless_progress_ends_after_the_total_limit() -> None:
    began = time.monotonic()
    limits = DecodeLimits(stall_seconds=10, total_seconds=1.5)
    assert "not decoded within 1.5 s" in str(failure(misbehaving.tick_forever, limits))
    assert time.monotonic() - began < 5


def test_words_that_a_library_prints_reach_neither_the_answer_nor_the_terminal(capfd: pytest.CaptureFixture) -> None:
    assert run(misbehaving.chatty) == "answer"
    assert capfd.readouterr() == ("", "")


def test_the_child_imports_neither_torch_nor_dagster() -> None:
    assert run(misbehaving.import_video) == ["av"]


def test_it_works_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise RuntimeError('a file of the user was imported')")
    assert run(misbehaving.echo, {"a": 1}) == {"a": 1}


def test_it_works_in_a_thread() -> None:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(run(misbehaving.echo, {"a": 1})))
    thread.start()
    thread.join(20)
    assert answers == [{"a": 1}]


def test_items_come_in_order_and_the_child_waits_for_a_slow_consumer(tmp_path: Path) -> None:
    log = tmp_path / "log"
    received = []
    limits = DecodeLimits(stall_seconds=0.5)  # time that the consumer takes is not the child's
    for item in iterate_sandboxed(misbehaving.count_items, {"log": str(log)}, subject=SUBJECT, limits=limits):
        received.append(item)
        time.sleep(0.1 if item else 1)
        assert len(log.read_text().splitlines()) <= item + 1 + ITEMS_AHEAD
    assert received == list(range(10))


def test_closing_the_iterator_ends_the_child() -> None:
    items = iterate_sandboxed(misbehaving.write_pid_and_hang, {}, subject=SUBJECT, limits=LIMITS)
    pid = next(items)
    assert psutil.pid_exists(pid)
    items.close()
    assert not psutil.pid_exists(pid)


def test_an_error_of_the_progress_callback_ends_the_child() -> None:
    def fail(count: int) -> None:
        raise KeyError(count)

    with pytest.raises(KeyError):
        run_sandboxed(misbehaving.tick_forever, {}, subject=SUBJECT, limits=LIMITS, on_progress=fail)


def test_the_child_dies_with_a_parent_that_is_killed() -> None:
    script = (
        "from stylize.sandbox.limits import DecodeLimits\n"
        "from stylize.sandbox.sandbox import iterate_sandboxed\n"
        "from tests.unit.video import misbehaving\n"
        "for pid in iterate_sandboxed(misbehaving.write_pid_and_hang, {}, subject='x', limits=DecodeLimits()):\n"
        "    print(pid, flush=True)\n"
    )
    root = Path(__file__).parents[3]
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=root)
    if parent.stdout is None:
        pytest.fail("no pipe")
    pid = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)
