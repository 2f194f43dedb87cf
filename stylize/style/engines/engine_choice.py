"""Which library computes the frames of a clip, where, how exactly, and how many at a time."""

import dataclasses
import importlib.util
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import torch

from stylize.errors import StyleError
from stylize.style.engines.machine import available_bytes, has_fast_bf16, usable_cores
from stylize.style.engines.torch_engine import DTYPES
from stylize.style.network.network import REFERENCE_SIZE

EngineName = Literal["torch", "openvino"]
Device = Literal["cpu", "cuda"]
Precision = Literal["fp32", "bf16", "fp16"]

CPU_BYTES_PER_PIXEL: dict[str, int] = {"openvino": 440, "torch": 700}
"""Of one frame that is painted whole, with the largest network that we load, in float32: 402 and 640 were measured at
1920x1080, and four frames wait in each of the four places of the pipeline."""

MAX_CUDA_BATCH_SIZE = 8
CUDA_PIXELS_PER_BATCH = 2**24
"""Eight frames at 1080p, two at 4K: enough to keep a GPU busy, and a chunk of 24 frames takes whole passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """How the frames of one clip are computed.

    Attributes:
        device: ``cpu`` or ``cuda``.
        precision: ``fp32``, ``bf16``, or ``fp16`` (CUDA only).
        engine: the library that computes: ``torch``, or ``openvino`` (CPU only).
        batch_size: frames in one pass of the network; 1 on the CPU.
        num_streams: frames that are computed side by side on the CPU, each by threads of its own.
        threads_per_stream: threads on the CPU that share one frame.
    """

    device: Device
    precision: Precision
    engine: EngineName = "torch"
    batch_size: int = 1
    num_streams: int = 1
    threads_per_stream: int = 1

    def __post_init__(self) -> None:
        """Refuse what no engine can do."""
        if self.device not in get_args(Device) or self.precision not in get_args(Precision):
            expected = f"{_one_of(Device)} with {_one_of(Precision)}"
            raise StyleError(f"engine {self.device!r} with {self.precision!r}: expected {expected}")
        if self.engine not in get_args(EngineName):
            raise StyleError(f"engine {self.engine!r}: expected {_one_of(EngineName)}")
        if self.device == "cpu" and self.precision == "fp16":
            raise StyleError("precision 'fp16' needs device 'cuda'; on 'cpu' use 'bf16' or 'fp32'")
        if self.device == "cuda" and self.engine != "torch":
            raise StyleError(f"engine {self.engine!r} needs device 'cpu'; on 'cuda' use 'torch'")
        for name in ("batch_size", "num_streams", "threads_per_stream"):
            if getattr(self, name) < 1:
                raise StyleError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.device == "cpu" and self.batch_size > 1:
            raise StyleError(
                f"batch_size must be 1 on 'cpu', got {self.batch_size}: there several streams work instead"
            )

    @property
    def frames_at_once(self) -> int:
        """Frames whose maps are in memory together."""
        return self.batch_size if self.device == "cuda" else self.num_streams

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote.

        Raises:
            StyleError: a field is missing, unknown, or has a value that makes no sense.
        """
        try:
            return cls(**document)
        except TypeError as error:
            raise StyleError(f"the engine choice {document} cannot be read: {error}") from error


def choose_engine(
    *, device: str = "auto", precision: str = "auto", engine: str = "auto", width: int, height: int
) -> EngineChoice:
    """Choose for this machine: CUDA where there is one, 16-bit where it is fast, and batches that fit into memory.

    Given the device, precision and engine of an earlier choice, it fits them to the machine that it runs on: how many
    frames are computed side by side follows from cores and memory, and does not decide the result.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        engine: ``auto``, ``torch`` or ``openvino``.
        width: of the frames, in pixels.
        height: of the frames, in pixels.

    Raises:
        StyleError: CUDA or OpenVINO is demanded but missing, or a value is not one of these.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        _require_cuda()
    precision = _resolve_precision(precision, device)
    if engine == "auto":
        engine = "openvino" if device == "cpu" and _openvino_can(precision) else "torch"
    unchecked: Any = {"device": device, "precision": precision, "engine": engine}
    choice = EngineChoice(**unchecked)
    if device == "cuda":
        return dataclasses.replace(choice, batch_size=_cuda_batch_size(choice, width * height))
    return dataclasses.replace(choice, num_streams=_num_streams(choice, width * height))


def choose_gpu_elsewhere(*, precision: str = "auto") -> EngineChoice:
    """Choose for another machine, which has a GPU; there, :func:`choose_engine` fits the choice to its memory.

    Raises:
        StyleError: ``precision`` is none of those of :func:`choose_engine`.
    """
    unchecked: Any = {"device": "cuda", "precision": _resolve_precision(precision, "cuda")}
    return EngineChoice(**unchecked)


def require(choice: EngineChoice) -> None:
    """Fail at once where this machine cannot do what was chosen, perhaps on another one.

    Raises:
        StyleError: there is no GPU, no OpenVINO, or no OpenVINO with 16 bits.
    """
    if choice.device == "cuda":
        _require_cuda()
    if choice.engine == "openvino" and not _has_openvino():
        raise StyleError("engine 'openvino' was chosen, but it is not installed: pip install openvino")
    if choice.engine == "openvino" and not _openvino_can(choice.precision):
        raise StyleError(
            f"engine 'openvino' with {choice.precision!r} was chosen, but this CPU has no instructions for it (AVX-512"
            " BF16 or AMX): use such a CPU, or choose precision 'fp32'"
        )


def frame_fits(choice: EngineChoice, pixels: int) -> bool:
    """Whether one frame can be tried whole.

    A GPU says when its memory is full. On the host the kernel stops the process instead, so there it must be known
    beforehand.
    """
    return choice.device == "cuda" or CPU_BYTES_PER_PIXEL[choice.engine] * pixels <= available_bytes()


def _resolve_precision(precision: str, device: str) -> str:
    if precision != "auto":
        return precision
    return "bf16" if device == "cuda" or has_fast_bf16() else "fp32"


def _require_cuda() -> None:
    """Fail at once and say why, instead of computing for hours on a CPU that someone meant to be a GPU."""
    if torch.cuda.is_available():
        return
    asked = f"device 'cuda' was asked for, but torch {torch.__version__}"
    if torch.version.cuda is None:
        msg = (
            f"{asked} is a CPU build: install a CUDA build of torch (in a cluster: deploy the image variant with CUDA),"
            " or choose device 'cpu'"
        )
    else:
        msg = (
            f"{asked} sees no GPU: check that nvidia-smi lists one, that its driver supports "
            f"CUDA {torch.version.cuda}, and CUDA_VISIBLE_DEVICES; in a cluster also that the node's device plugin runs"
            " and the pod's limits name a GPU"
        )
    raise StyleError(msg)


def _has_openvino() -> bool:
    """Whether it is installed; an image for GPUs may leave it out."""
    return importlib.util.find_spec("openvino") is not None


def _openvino_can(precision: str) -> bool:
    """Without instructions for it, OpenVINO would silently compute bfloat16 as float32."""
    return _has_openvino() and (precision == "fp32" or has_fast_bf16())


def _num_streams(choice: EngineChoice, pixels: int) -> int:
    """One core each, as long as their maps fit into half of the memory that is left."""
    return max(1, min(usable_cores(), available_bytes() // 2 // (CPU_BYTES_PER_PIXEL[choice.engine] * pixels)))


def _cuda_batch_size(choice: EngineChoice, pixels: int) -> int:
    """Frames that fit into half of the free memory of the GPU.

    The peak lies in the last doubling of the largest network that we load: three maps of full size. In 32 bits one of
    them is the doubled map, which has more channels.
    """
    free_bytes, _ = torch.cuda.mem_get_info()
    channels = REFERENCE_SIZE.widths[1 if choice.precision == "fp32" else 0]
    bytes_per_pixel = 3 * channels * DTYPES[choice.precision].itemsize
    fitting = free_bytes // 2 // (bytes_per_pixel * pixels)
    return max(1, min(fitting, MAX_CUDA_BATCH_SIZE, CUDA_PIXELS_PER_BATCH // pixels))


def _one_of(names: Any) -> str:
    """The values of a ``Literal``, for messages."""
    return " or ".join(map(repr, get_args(names)))
