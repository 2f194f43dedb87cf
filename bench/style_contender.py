"""One contender of ``bench/style.py``, in a process of its own: repaints frames whenever it is told to.

Each line of standard input is a number of frames; each line of standard output tells how long they took, in seconds,
and how much memory was taken at most until then, in bytes. A contender imports what it uses and nothing else: our
package sets up OpenMP before torch is loaded, and the reference shall run as it does on a machine that nobody tuned.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from stylize.style.controls.quality import Quality

Run = Callable[[int], None]


def reference(frames: list[Path], device: str) -> tuple[Run, dict[str, Any]]:
    """The way of pytorch/examples: a JPEG file is read, repainted in float32 by itself, and written as JPEG."""
    import torch

    from bench.published_network import PublishedNet

    torch.manual_seed(0)
    network = PublishedNet().to(device).eval()

    @torch.no_grad()
    def run(num_frames: int) -> None:
        for path in islice(cycle(frames), num_frames):
            picture = np.array(Image.open(path).convert("RGB"))
            x = torch.from_numpy(picture).permute(2, 0, 1)[None].float().to(device)
            y = network(x).clamp(0, 255)[0].permute(1, 2, 0).to(torch.uint8).cpu().numpy()
            Image.fromarray(y).save(path.with_suffix(f".{device}.jpg"))

    return run, {"engine": "torch eager", "precision": "fp32", "batch_size": 1, "files": "JPEG in, JPEG out"}


def ours(frames: list[Path], device: str, *, quality: "Quality | None") -> tuple[Run, dict[str, Any]]:
    """The transform of ``styled_frames``, on frames in memory: they come from a decoder and go to an encoder.

    With the network of the reference where ``quality`` is None.
    """
    import torch

    from stylize.style.engines.engine import StyleTransform, choose_engine
    from stylize.style.network.any_painting import load_conditional
    from stylize.style.network.network import REFERENCE_SIZE, TransformerNet
    from stylize.style.network.style_prediction import VECTOR_SIZE

    pictures = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in frames])
    any_style = torch.zeros(VECTOR_SIZE)
    network = load_conditional(quality).with_style(any_style) if quality else TransformerNet(REFERENCE_SIZE)
    choice = choose_engine(device=device, width=pictures.shape[2], height=pictures.shape[1])
    transform = StyleTransform(network, weights_digest="", choice=choice)

    def run(num_frames: int) -> None:
        for start in range(0, num_frames, transform.batch_size):
            indices = np.arange(start, min(start + transform.batch_size, num_frames)) % len(pictures)
            transform(pictures[indices])

    return run, choice.to_dict() | {"frames_per_call": transform.batch_size}


CONTENDERS = {
    "reference": reference,
    "same_network": partial(ours, quality=None),
    "best": partial(ours, quality="best"),
    "default_network": partial(ours, quality="standard"),
    "fast_network": partial(ours, quality="fast"),
}


def peak_bytes(device: str) -> int:
    """Of the device's memory on CUDA, else of the process."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def answer(**values: Any) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Warm up, say what was chosen, then run as told until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("device", choices=["cpu", "cuda"])
    parser.add_argument("frames", type=Path, help="folder of JPEG files")
    args = parser.parse_args()
    run, chosen = CONTENDERS[args.contender](sorted(args.frames.glob("frame-??.jpg")), args.device)
    run(8)
    answer(chosen=chosen)
    for line in sys.stdin:
        started = time.perf_counter()
        run(int(line))
        answer(seconds=time.perf_counter() - started, peak_bytes=peak_bytes(args.device))


if __name__ == "__main__":
    main()
