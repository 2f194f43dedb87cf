"""Peak memory of ``stylize video`` for a 10 s and a 60 s clip: it must not grow with the length.

Run: .venv/bin/python bench/memory.py        (a few minutes; writes bench/results/memory.json)
"""

import json
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, RATE = 320, 180, 24
RESULT = Path(__file__).parent / "results" / "memory.json"


def make_clip(path: Path, seconds: int) -> None:
    """Write ``seconds`` of a moving gradient."""
    columns = np.arange(WIDTH, dtype=np.uint16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(seconds * RATE):
            row = ((columns + 3 * index) % 256).astype(np.uint8)
            picture = np.broadcast_to(row[None, :, None], (HEIGHT, WIDTH, 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def peak_mib(seconds: int, folder: Path) -> float:
    """Largest resident set of the command or a child of it, in MiB."""
    source = folder / f"{seconds}s.mp4"
    make_clip(source, seconds)
    command = [Path(sys.executable).with_name("stylize"), "video", source, "--home", folder / f"home-{seconds}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"stylize failed on {source}")
    return usage.ru_maxrss / 1024


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as name:
        peaks = {seconds: round(peak_mib(seconds, Path(name)), 1) for seconds in (10, 60)}
    result = {
        "clip": f"{WIDTH}x{HEIGHT}, {RATE} frames/s, H.264",
        "peak_mib": {f"{seconds} s": peak for seconds, peak in peaks.items()},
        "ratio": round(peaks[60] / peaks[10], 3),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
