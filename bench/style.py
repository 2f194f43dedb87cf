"""How fast frames are repainted, against the way that everybody starts with.

    make bench-style

Five contenders on the same frames, at 360p, 720p and 1080p: the way of pytorch/examples (eager float32, one JPEG file
in, one JPEG file out), our engine with that very network, and our engine with the networks of our styles, of each
quality. Each lives in a process of its own; they take turns, and what counts is the median of the ratios of turns that
followed each other, so that a machine which is slow for a while is slow for all. Writes ``bench/results/style.json``;
on a machine with CUDA the same again there, beside what the counted arithmetic and memory traffic would allow.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np
import skimage.data
import torch
from PIL import Image

from bench.style_contender import CONTENDERS
from dagster_project.settings import PROJECT_ROOT
from stylize.style.checkpoint import load_checkpoint
from stylize.style.controls.quality import QUALITIES
from stylize.style.library import list_styles
from stylize.style.network.any_painting import FAST_SIZE
from stylize.style.network.network import ANY_PAINTING_SIZE, REFERENCE_SIZE, SLIM_SIZE, NetworkSize
from stylize.style.network.quarter_network import QuarterSize
from stylize.style.refining.metrics import pan_error

RESULT: Final = Path(__file__).parent / "results" / "style.json"
SIZES: Final = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}
NUM_FILES: Final = 8
NETWORKS: Final = {
    "reference": REFERENCE_SIZE,
    "same_network": REFERENCE_SIZE,
    "best": ANY_PAINTING_SIZE,
    "default_network": SLIM_SIZE,
    "fast_network": FAST_SIZE,
}
RATIOS: Final = tuple(f"{name}_ratio" for name in NETWORKS if name != "reference")
# Without what anybody may have set: the reference runs as it does on a machine that nobody tuned.
TUNING: Final = ("MALLOC_", "OMP_", "MKL_", "LD_PRELOAD")
UNTUNED: Final = {name: value for name, value in os.environ.items() if not name.startswith(TUNING)}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a device can do at most, by its data sheet: dense bfloat16 operations and bytes per second."""

    operations: float
    bytes: float


CUDA_LIMITS: Final = {"NVIDIA H200": Limits(operations=989e12, bytes=4.8e12)}


@dataclass(frozen=True, kw_only=True)
class Turns:
    """How often, and with how many frames, contenders take turns: a turn of the reference takes a second or more."""

    rounds: int
    reference: int
    ours: int


CPU_TURNS: Final = {
    "360p": Turns(rounds=7, reference=3, ours=8),
    "720p": Turns(rounds=5, reference=1, ours=8),
    "1080p": Turns(rounds=3, reference=1, ours=8),
}
CUDA_TURNS: Final = {name: Turns(rounds=7, reference=24, ours=480) for name in SIZES}


class Contender:
    """A process of ``bench.style_contender``."""

    def __init__(self, name: str, device: str, frames: Path) -> None:
        """Start it, and wait until it is warm."""
        command = [sys.executable, "-m", "bench.style_contender", name, device, frames]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT, env=UNTUNED
        )
        self._orders, self._answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        self.chosen: dict[str, Any] = self._answer()["chosen"]
        self.seconds_per_frame: list[float] = []
        self.peak_bytes = 0

    def take_turn(self, num_frames: int) -> None:
        """Repaint so many frames while everybody else waits."""
        self._orders.write(f"{num_frames}\n")
        self._orders.flush()
        answer = self._answer()
        self.seconds_per_frame.append(answer["seconds"] / num_frames)
        self.peak_bytes = answer["peak_bytes"]

    def end(self) -> None:
        """Let it end."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise SystemExit(f"a contender ended with status {self._process.wait()}; its message stands above")
        return json.loads(line)


@contextmanager
def contenders(device: str, frames: Path) -> Iterator[dict[str, Contender]]:
    """All of them, warm."""
    with ExitStack() as stack:
        started = {}
        for name in CONTENDERS:
            started[name] = Contender(name, device, frames)
            stack.callback(started[name].end)
        yield started


def write_frames(folder: Path, width: int, height: int) -> None:
    """A slow pan over a photograph, as JPEG files."""
    photograph = Image.fromarray(np.asarray(skimage.data.stereo_motorcycle()[0]))
    scale = 1.1 * max(width / photograph.width, height / photograph.height)
    large = photograph.resize(
        (round(scale * photograph.width), round(scale * photograph.height)), Image.Resampling.LANCZOS
    )
    for index in range(NUM_FILES):
        left = index * (large.width - width) // NUM_FILES
        large.crop((left, 0, left + width, height)).save(folder / f"frame-{index:02}.jpg", quality=92)


def compare(device: str, size_name: str, turns: Turns) -> list[dict[str, Any]]:
    """The rows of the table for one size of frames."""
    width, height = SIZES[size_name]
    with tempfile.TemporaryDirectory() as folder:
        write_frames(Path(folder), width, height)
        with contenders(device, Path(folder)) as running:
            for _ in range(turns.rounds):
                for name, contender in running.items():
                    contender.take_turn(turns.reference if name == "reference" else turns.ours)
            return [_row(name, running, device=device, width=width, height=height) for name in running]


def _row(name: str, running: dict[str, Contender], *, device: str, width: int, height: int) -> dict[str, Any]:
    contender, baseline = running[name], running["reference"]
    pairs = zip(baseline.seconds_per_frame, contender.seconds_per_frame, strict=True)
    frames_per_second = 1 / statistics.median(contender.seconds_per_frame)
    row = {
        "contender": name,
        "device": device,
        "frame": f"{width}x{height}",
        "frames_per_second": round(frames_per_second, 2),
        "ratio_to_reference": round(statistics.median(theirs / its for theirs, its in pairs), 2),
        "peak_mib": round(contender.peak_bytes / 2**20),
        "giga_operations_per_second": round(_operations(NETWORKS[name], width * height) * frames_per_second / 1e9, 1),
        "chosen": contender.chosen,
    }
    return row | (_beside_the_limits(NETWORKS[name], width * height) if device == "cuda" else {})


def _operations(size: NetworkSize | QuarterSize, pixels: int) -> float:
    """Of the network as it is written, a multiply-add being two; our engines do less for its doubling layers."""
    return 2 * size.multiply_adds * pixels


def _beside_the_limits(size: NetworkSize | QuarterSize, pixels: int) -> dict[str, Any]:
    """What the counted arithmetic alone, and the counted traffic alone, would allow on this GPU."""
    limits = CUDA_LIMITS.get(torch.cuda.get_device_name())
    if limits is None:
        return {}
    return {
        "limit_by_arithmetic_fps": round(limits.operations / _operations(size, pixels)),
        "limit_by_memory_fps": round(limits.bytes / _traffic_bytes(size, pixels)),
    }


def _traffic_bytes(size: NetworkSize | QuarterSize, pixels: int) -> float:
    """Bytes of 16-bit maps to and from memory.

    Each is written once and read twice, for its statistics and by the next layer; a residual block writes two and reads
    its input again. Weights and the overlap of tiles are left out.
    """
    return 2 * pixels * (3 * size.map_values + 3)


def cpu_flags() -> list[str]:
    """Those that decide how fast networks run."""
    words = Path("/proc/cpuinfo").read_text().split()
    return sorted({word for word in words if word.startswith(("avx", "amx", "fma"))})


def worst_warping_error() -> float:
    """Of the shipped styles in all qualities, on the known pan of :mod:`stylize.style.refining.metrics`."""
    photograph = np.asarray(skimage.data.coffee())
    return max(
        pan_error(load_checkpoint(card.model_path, quality), photograph)
        for card in list_styles(PROJECT_ROOT / "styles")
        for quality in QUALITIES
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="sizes of frames to measure")
    args = parser.parse_args()
    devices = {"cpu": CPU_TURNS} | ({"cuda": CUDA_TURNS} if torch.cuda.is_available() else {})
    table = []
    for device, turns in devices.items():
        for size_name in args.sizes:
            for row in compare(device, size_name, turns[size_name]):
                table.append(row)
                sys.stdout.write(
                    f"{device:5} {row['frame']:>9}  {row['contender']:15} {row['frames_per_second']:8.2f} frames/s"
                    f" {row['ratio_to_reference']:6.2f}x {row['peak_mib']:6} MiB\n"
                )
                sys.stdout.flush()
    ratios = {row["contender"]: row["ratio_to_reference"] for row in table if _is_the_key_size(row)}
    result = {
        **{name: ratios.get(name.removesuffix("_ratio")) for name in RATIOS},
        "worst_warping_error": float(f"{worst_warping_error():.3g}"),
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.processor() or platform.machine(),
            "cpu_flags": cpu_flags(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "table": table,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for key in (
        "same_network_ratio",
        "best_ratio",
        "default_network_ratio",
        "fast_network_ratio",
        "worst_warping_error",
    ):
        sys.stdout.write(f"{key}: {result[key]}\n")
    sys.stdout.write(f"written: {RESULT.relative_to(PROJECT_ROOT)}\n")


def _is_the_key_size(row: dict[str, Any]) -> bool:
    return (row["device"], row["frame"]) == ("cpu", "640x360")


if __name__ == "__main__":
    main()
