import subprocess
import sys
import threading
from pathlib import Path

import pytest

from resources.clip_lease import ClipLease


def _refuse() -> None:
    raise TimeoutError


def test_runs_share_the_lease_of_a_clip(tmp_path: Path) -> None:
    with ClipLease(tmp_path).shared("a"), ClipLease(tmp_path).shared("a"):
        pass


def test_nobody_else_gets_a_lease_that_is_held_alone(tmp_path: Path) -> None:
    with ClipLease(tmp_path).alone("a", on_wait=_refuse):
        with pytest.raises(TimeoutError), ClipLease(tmp_path).alone("a", on_wait=_refuse):
            pass
        with ClipLease(tmp_path).alone("b", on_wait=_refuse):
            pass


def test_the_holder_itself_may_share_what_it_holds_alone(tmp_path: Path) -> None:
    lease = ClipLease(tmp_path)
    with lease.alone("a", on_wait=_refuse), lease.shared("a"):
        pass


def test_who_waits_is_told_and_goes_on_when_the_lease_is_free(tmp_path: Path) -> None:
    waiting, got = threading.Event(), threading.Event()

    def wait() -> None:
        with ClipLease(tmp_path).alone("a", on_wait=waiting.set):
            got.set()

    with ClipLease(tmp_path).shared("a"):
        thread = threading.Thread(target=wait)
        thread.start()
        assert waiting.wait(5)
        assert not got.is_set()
    assert got.wait(5)
    thread.join()


def test_a_killed_process_does_not_keep_its_lease(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from resources.clip_lease import ClipLease\n"
        "with ClipLease(Path(sys.argv[1])).alone('a', on_wait=lambda: None): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError), ClipLease(tmp_path).alone("a", on_wait=_refuse):
            pass
        process.kill()
        process.wait()
        with ClipLease(tmp_path).alone("a", on_wait=_refuse):
            pass
