"""What OpenVINO does to how a process takes signals."""

import subprocess
import sys

TWO_ENGINES = """
import signal
import numpy as np
from stylize.style.network.network import REFERENCE_SIZE, TransformerNet
from stylize.style.engines.openvino_engine import OpenVinoEngine
from stylize.style.engines.torch_engine import prepare

network = prepare(TransformerNet(REFERENCE_SIZE), device="cpu", precision="fp32")
engines = [OpenVinoEngine(network, threads_per_stream=1) for _ in range(2)]
for engine in engines:
    engine.paint(np.zeros((1, 16, 16, 3), np.uint8), at_once=1)
for engine in engines:
    engine.release()
signal.signal(signal.SIGTERM, lambda *_: print("told to end"))
signal.raise_signal(signal.SIGTERM)
"""


def test_a_process_that_used_two_engines_can_be_told_to_end() -> None:
    done = subprocess.run([sys.executable, "-c", TWO_ENGINES], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "told to end\n"), done.stderr
