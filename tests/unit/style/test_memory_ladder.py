"""Frames that do not fit into memory: fewer at once, then strips, with the same picture."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from stylize.errors import StyleError
from stylize.frame_transform import Picture
from stylize.style.engines.engine import EngineChoice, StyleTransform
from stylize.style.engines.engine_choice import EngineName
from stylize.style.engines.memory_ladder import MemoryLadder, Rung, is_out_of_memory
from stylize.style.engines.strips import repaint_in_strips
from stylize.style.engines.torch_engine import TorchCpuEngine, prepare
from stylize.style.network.network import REFERENCE_SIZE, RETIRED_SIZE, NetworkSize
from stylize.style.network.quarter_network import QuarterSize
from tests.unit.style.networks import OF_QUALITIES, random_network, with_uneven_norms
from tests.unit.style.test_engine import FP32, SMALL, frames_of, transform


class Cramped:
    """The real engine on a device that holds the maps of at most ``room`` frames."""

    def __init__(self, room: int, error: Callable[[], Exception] = MemoryError) -> None:
        self.room, self.error = room, error
        self.tried: list[int] = []
        self.num_releases = 0
        self.engine = TorchCpuEngine(
            prepare(random_network(SMALL), device="cpu", precision="fp32"), threads_per_stream=1
        )

    def paint(self, frames: Picture, *, at_once: int) -> Picture:
        self.tried.append(at_once)
        if at_once > self.room:
            raise self.error()
        return self.engine.paint(frames, at_once=at_once)

    def release(self) -> None:
        self.num_releases += 1
        self.engine.release()


def ladder_on(engine: Cramped, *, fits: bool = True, steps_down: int = 0) -> MemoryLadder:
    top = Rung(frames_at_once=8)
    return MemoryLadder(engine, random_network(SMALL), top, frame_fits=lambda pixels: fits, steps_down=steps_down)


def test_smaller_batches_keep_the_bits_and_are_found_once() -> None:
    cramped = Cramped(room=2)
    ladder, frames = ladder_on(cramped), frames_of(5)
    assert np.array_equal(ladder.paint(frames), transform()(frames))
    ladder.paint(frames)
    assert cramped.tried == [8, 4, 2, 2]
    assert cramped.num_releases == 2
    assert str(ladder.rung) == "2 frames at once"


def test_a_frame_that_does_not_fit_alone_is_painted_in_strips() -> None:
    ladder, frames = ladder_on(Cramped(room=0)), frames_of(2, 300, 45)
    difference = np.abs(ladder.paint(frames).astype(int) - transform()(frames))
    assert difference.max() <= 1
    assert str(ladder.rung) == "1 frame in 8 strips"


def test_frames_of_another_size_begin_at_the_top_again() -> None:
    ladder = ladder_on(Cramped(room=0))
    ladder.paint(frames_of(1, 256, 16))
    with pytest.raises(StyleError, match="frame of 45x30 does not fit"):
        ladder.paint(frames_of(1))


def test_memory_known_to_be_too_small_is_not_tried() -> None:
    cramped = Cramped(room=8)
    ladder_on(cramped, fits=False).paint(frames_of(1, 256, 16))
    assert cramped.tried == []


@pytest.mark.parametrize(
    ("steps_down", "rung"), [(1, "4 frames at once"), (3, "1 frame at once"), (4, "1 frame in 8 strips")]
)
def test_after_processes_were_stopped_for_lack_of_memory_it_begins_lower(steps_down: int, rung: str) -> None:
    ladder = ladder_on(Cramped(room=8), steps_down=steps_down)
    ladder.paint(frames_of(1, 256, 16))
    assert str(ladder.rung) == rung


def test_where_there_is_no_lower_rung_left_it_says_so() -> None:
    with pytest.raises(StyleError, match=r"tried down to 1 frame in 8 strips \(the kernel stopped it\)"):
        ladder_on(Cramped(room=8), steps_down=5).paint(frames_of(1, 256, 16))


def test_other_errors_are_not_retried() -> None:
    cramped = Cramped(room=0, error=lambda: RuntimeError("kernel is broken"))
    with pytest.raises(RuntimeError, match="kernel is broken"):
        ladder_on(cramped).paint(frames_of(1))
    assert cramped.tried == [8]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"), True),
        (RuntimeError("Exception from src/inference: std::bad_alloc"), True),
        (RuntimeError("expected scalar type Float"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


@pytest.mark.parametrize(
    "size",
    [REFERENCE_SIZE, RETIRED_SIZE, SMALL, *OF_QUALITIES.values()],
    ids=["reference", "default", "small", *OF_QUALITIES],
)
@pytest.mark.parametrize(("height", "width", "num_strips"), [(61, 97, 3), (64, 36, 8), (130, 33, 5), (1, 9, 2)])
def test_strips_give_what_the_whole_picture_gives(
    size: NetworkSize | QuarterSize, height: int, width: int, num_strips: int
) -> None:
    network, frames = with_uneven_norms(random_network(size)), frames_of(1, height, width)
    in_strips = repaint_in_strips(network, frames[0], num_strips)
    whole = StyleTransform(network, weights_digest="", choice=FP32)(frames)[0]
    assert whole.std() > 20
    assert np.abs(in_strips.astype(int) - whole).max() <= 1


LIMITED = """
import resource, sys
import numpy as np
from stylize.style.engines.engine import EngineChoice, StyleTransform
from stylize.style.engines.engine_choice import EngineName
from tests.unit.style.networks import random_network
from stylize.style.network.network import NetworkSize

engine, limit_mib, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
choice = EngineChoice(device="cpu", precision="fp32", engine=engine, num_streams=2)
transform = StyleTransform(random_network(NetworkSize((16, 4, 4), 1)), weights_digest="", choice=choice)
transform(np.zeros((1, 64, 64, 3), np.uint8))
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + limit_mib * 2**20,) * 2)
frames = np.random.default_rng(4).integers(0, 256, (2, 720, 1280, 3), dtype=np.uint8)
np.save(path, transform(frames))
print(transform.memory_rung)
"""
AT_ONCE, IN_STRIPS = "1 frame at once", "1 frame in 8 strips"
LEVELS = {AT_ONCE: 0, IN_STRIPS: 1}
"""By how much each value may differ from that of a process with room."""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on memory that the kernel keeps")
@pytest.mark.parametrize(
    ("engine", "mib", "rungs"),
    [
        ("torch", 200, [IN_STRIPS]),
        # How much an engine needs depends on the processor that it makes its kernels for.
        ("openvino", 170, [AT_ONCE, IN_STRIPS]),
        ("openvino", 95, [IN_STRIPS]),
    ],
)
def test_a_process_with_too_little_memory_paints_the_same_picture(
    engine: EngineName, mib: int, rungs: list[str], tmp_path: Path
) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    path = tmp_path / "painted.npy"
    command = [sys.executable, "-c", LIMITED, engine, str(mib), str(path)]
    # The limit is one of addresses, of which every thread would reserve an arena of 64 MiB.
    environment = os.environ | {"MALLOC_ARENA_MAX": "1"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    rung = result.stdout.strip()
    assert rung in rungs
    choice = EngineChoice(device="cpu", precision="fp32", engine=engine, num_streams=2)
    roomy = StyleTransform(random_network(NetworkSize((16, 4, 4), 1)), weights_digest="", choice=choice)
    assert np.abs(np.load(path).astype(int) - roomy(frames_of(2, 720, 1280))).max() <= LEVELS[rung]
