"""Repaint batches of frames: the choice of device and precision, and the network behind the graph's frame protocol.

The choice is made once per clip, recorded, and used for every frame of it: two precisions in one clip would show as a
jump.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.utils import convert_conv2d_weight_memory_format

from dagster_project import code_versions
from dagster_project.errors import StyleError
from dagster_project.style_transfer.checkpoint import checkpoint_digest, load_checkpoint
from dagster_project.style_transfer.network import REFERENCE_SIZE, TransformerNet, repaint

Device = Literal["cpu", "cuda"]
Precision = Literal["fp32", "bf16", "fp16"]

DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

CPU_PIXELS_PER_BATCH = 2**21
"""Eight frames at 640x360, one at 1080p and above. A larger batch would only hold more frames: the CPU works one by
one."""

MAX_BATCH_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """How the frames of one clip are computed.

    Attributes:
        device: ``cpu`` or ``cuda``.
        precision: ``fp32``, ``bf16``, or ``fp16`` (CUDA only).
        batch_size: frames per call.
    """

    device: Device
    precision: Precision
    batch_size: int

    def __post_init__(self) -> None:
        """Refuse what no engine can do."""
        if self.device not in get_args(Device) or self.precision not in get_args(Precision):
            expected = f"{_one_of(Device)} with {_one_of(Precision)}"
            msg = f"engine {self.device!r} with {self.precision!r}: expected {expected}"
            raise StyleError(msg)
        if self.device == "cpu" and self.precision == "fp16":
            msg = "precision 'fp16' needs device 'cuda'; on 'cpu' use 'bf16' or 'fp32'"
            raise StyleError(msg)
        if self.batch_size < 1:
            msg = f"batch size must be at least 1, got {self.batch_size}"
            raise StyleError(msg)


def choose_engine(*, device: str = "auto", precision: str = "auto", width: int, height: int) -> EngineChoice:
    """Choose for this machine: CUDA where there is one, 16-bit where it is fast, and batches that fit into memory.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        width: of the frames, in pixels.
        height: of the frames, in pixels.

    Raises:
        StyleError: CUDA is demanded but missing, or a value is not one of these.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        _require_cuda()
    if precision == "auto":
        precision = "bf16" if device == "cuda" or _cpu_has_fast_bf16() else "fp32"
    unchecked: Any = {"device": device, "precision": precision}
    choice = EngineChoice(**unchecked, batch_size=1)  # checks the names before they are used
    size = _cuda_batch_size(choice, width * height) if device == "cuda" else CPU_PIXELS_PER_BATCH // (width * height)
    return EngineChoice(device=choice.device, precision=choice.precision, batch_size=min(max(size, 1), MAX_BATCH_SIZE))


class StyleTransform:
    """Repaints frames with one network: a :class:`dagster_project.frame_transform.FrameTransform`.

    On the CPU a frame's result is the same bit for bit whatever frames come with it, so a retry with other batch
    borders reproduces the same film.
    """

    def __init__(self, network: TransformerNet, *, weights_digest: str, choice: EngineChoice) -> None:
        """Move ``network`` (which this object owns from now on) to the chosen device and precision.

        Args:
            network: in evaluation mode.
            weights_digest: SHA-256 (hex) of the checkpoint.
            choice: made by :func:`choose_engine`, or recorded by an earlier run for the same clip.

        Raises:
            StyleError: the choice says CUDA and there is none.
        """
        if choice.device == "cuda":
            _require_cuda()
        self.choice = choice
        self.batch_size = choice.batch_size
        self.device: str = choice.device
        self.digest = _combine(weights_digest, choice.precision, code_versions.STYLE)
        self._dtype = DTYPES[choice.precision]
        self._network = network.to(choice.device, self._dtype).eval()
        convert_conv2d_weight_memory_format(self._network, torch.channels_last)

    @classmethod
    def from_checkpoint(cls, path: Path, choice: EngineChoice) -> Self:
        """Load a ``.safetensors`` or ``.pth`` file; see :func:`load_checkpoint` for what is refused."""
        return cls(load_checkpoint(path), weights_digest=checkpoint_digest(path), choice=choice)

    @torch.inference_mode()
    def __call__(self, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Repaint RGB frames ``(N, H, W, 3)``, any size from 1x1; the result has the same shape and dtype.

        Raises:
            StyleError: the frames have another shape or dtype.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or 0 in frames.shape[1:]:
            msg = f"frames must be uint8 (N, H, W, 3), got {frames.dtype} {frames.shape}"
            raise StyleError(msg)
        repainted = np.empty_like(frames, order="C")
        # One by one on the CPU: it is as fast there, takes the least memory, and makes results independent of the
        # batch.
        step = 1 if self.device == "cpu" else self.batch_size
        for start in range(0, len(frames), step):
            repainted[start : start + step] = self._repaint(frames[start : start + step])
        return repainted

    def _repaint(self, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """One pass of the network; ``permute`` of interleaved RGB is already torch's channels_last layout.

        The copy accepts what torch does not: views that run backwards, and arrays that may not be written.
        """
        pictures = torch.from_numpy(np.array(frames, order="C")).to(self.device).permute(0, 3, 1, 2).to(self._dtype)
        values = repaint(self._network, pictures).float().round_().clamp_(0, 255)
        return values.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def _require_cuda() -> None:
    """Fail at once and say why, instead of computing for hours on a CPU that someone meant to be a GPU."""
    if torch.cuda.is_available():
        return
    asked = f"device 'cuda' was asked for, but torch {torch.__version__}"
    if torch.version.cuda is None:
        msg = f"{asked} is a CPU build: install a CUDA build of torch, or choose device 'cpu'"
    else:
        msg = (
            f"{asked} sees no GPU: check that nvidia-smi lists one, that its driver supports "
            f"CUDA {torch.version.cuda}, that the pod requests nvidia.com/gpu, and CUDA_VISIBLE_DEVICES"
        )
    raise StyleError(msg)


def _cpu_has_fast_bf16() -> bool:
    """Whether bfloat16 has instructions of its own here; elsewhere torch computes it more slowly than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _cuda_batch_size(choice: EngineChoice, pixels: int) -> int:
    """Frames that fit into half of the free memory of the GPU.

    The peak lies in the last up-sampling of the largest network that we load: its input doubled, the same again padded,
    and as much for the convolution's workspace.
    """
    free_bytes, _ = torch.cuda.mem_get_info()
    bytes_per_pixel = 3 * REFERENCE_SIZE.widths[1] * DTYPES[choice.precision].itemsize
    return free_bytes // 2 // (bytes_per_pixel * pixels)


def _combine(*parts: str) -> str:
    """SHA-256 (hex) over the parts, in order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _one_of(names: Any) -> str:
    """The values of a ``Literal``, for messages."""
    return " or ".join(map(repr, get_args(names)))
