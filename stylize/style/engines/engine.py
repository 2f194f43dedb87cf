"""The style network behind the graph's frame protocol: frames in, repainted frames out."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from stylize import code_versions
from stylize.errors import StyleError
from stylize.frame_transform import Picture
from stylize.style.checkpoint import checkpoint_digest, load_checkpoint
from stylize.style.controls.quality import Quality
from stylize.style.engines.cuda_engine import CudaEngine
from stylize.style.engines.engine_choice import EngineChoice, choose_engine, frame_fits, require
from stylize.style.engines.memory_ladder import Engine, MemoryLadder, Rung
from stylize.style.engines.shot_statistics import NormStatistics, freeze_statistics, measure_statistics
from stylize.style.engines.torch_engine import TorchCpuEngine, prepare
from stylize.style.network.blending import can_interpolate, interpolate
from stylize.style.network.style_network import StyleNet

__all__ = ["EngineChoice", "StyleTransform", "choose_engine"]

CPU_FRAMES_PER_STREAM = 4
"""In one call: all streams wait for the last frame of a call, and more frames would only take memory."""

CUDA_PASSES_PER_CALL = 3
"""So that the copies of one pass lie under the computing of another."""


class StyleTransform:
    """Repaints frames with one network: a :class:`stylize.frame_transform.FrameTransform`.

    On the CPU a frame's result is the same bit for bit whatever frames come with it, so a retry with other batch
    borders reproduces the same film. Any size of frames can be given, and sizes can change from call to call.
    """

    def __init__(
        self, network: StyleNet, *, weights_digest: str, choice: EngineChoice, memory_steps_down: int = 0
    ) -> None:
        """Move ``network`` (which this object owns from now on) to the chosen device and precision.

        Args:
            network: in evaluation mode.
            weights_digest: SHA-256 (hex) of the checkpoint.
            choice: made by :func:`choose_engine`, or recorded by an earlier run for the same clip.
            memory_steps_down: so many earlier processes were stopped for lack of memory; each time less is tried.

        Raises:
            StyleError: the choice says CUDA or OpenVINO, or 16 bits on the CPU, and there is no such thing here.
        """
        require(choice)
        self.choice = choice
        self.device: str = choice.device
        self.digest = _combine(weights_digest, choice.engine, choice.precision, code_versions.STYLE)
        self.batch_size = max(1, _frames_per_call(choice) >> memory_steps_down)
        prepared = prepare(network, device=choice.device, precision=choice.precision)
        self._network, self._engine = prepared, _build_engine(prepared, choice)
        top = Rung(frames_at_once=choice.frames_at_once)
        self._ladder = MemoryLadder(
            self._engine, prepared, top, frame_fits=partial(frame_fits, choice), steps_down=memory_steps_down
        )

    @classmethod
    def from_checkpoint(
        cls, path: Path, choice: EngineChoice, *, quality: Quality = "best", memory_steps_down: int = 0
    ) -> Self:
        """Load a ``.safetensors`` or ``.pth`` file; see :func:`load_checkpoint` for what is refused."""
        digest = checkpoint_digest(path)
        return cls(
            load_checkpoint(path, quality),
            weights_digest=digest if quality == "best" else _combine(digest, quality),
            choice=choice,
            memory_steps_down=memory_steps_down,
        )

    @classmethod
    def blended(
        cls,
        first: Path,
        others: Sequence[tuple[Path, float]],
        choice: EngineChoice,
        *,
        quality: Quality,
        memory_steps_down: int = 0,
    ) -> Self | None:
        """One network for several styles; None where they have no network in common.

        Args:
            first: a checkpoint.
            others: checkpoints, each with its share (0..1) of what the blend is once it is in.
            choice: see above.
            quality: which networks of the files.
            memory_steps_down: see above.
        """
        blend, digests = load_checkpoint(first, quality), [checkpoint_digest(first)]
        for path, share in others:
            other = load_checkpoint(path, quality)
            if not can_interpolate(blend, other):
                return None
            blend = interpolate(blend, other, share)
            digests += [checkpoint_digest(path), str(share)]
        return cls(
            blend,
            weights_digest=_combine(*digests, quality),
            choice=choice,
            memory_steps_down=memory_steps_down,
        )

    @property
    def memory_rung(self) -> str:
        """How much of a clip was in memory at a time, as of the last call: less than chosen if that did not fit."""
        return str(self._ladder.rung)

    def measure_shot(self, frames: Picture) -> list[NormStatistics]:
        """The statistics of uint8 RGB frames ``(N, H, W, 3)``; a list, of one, as of every transform that has them."""
        self.freeze_shot([{}])
        return [measure_statistics(self._network, frames)]

    def freeze_shot(self, statistics: Sequence[NormStatistics]) -> None:
        """Paint by what :meth:`measure_shot` gave, rather than by each frame's own, until the next call."""
        freeze_statistics(self._network, statistics[0])
        self._engine.release()  # what it has compiled or recorded holds the statistics before

    def __call__(self, frames: Picture) -> Picture:
        """Repaint RGB frames ``(N, H, W, 3)``, any size from 1x1; the result has the same shape and dtype.

        Raises:
            StyleError: the frames have another shape or dtype, or one does not fit into memory even in strips.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or 0 in frames.shape[1:]:
            raise StyleError(f"frames must be uint8 (N, H, W, 3), got {frames.dtype} {frames.shape}")
        return self._ladder.paint(frames)


def _build_engine(network: StyleNet, choice: EngineChoice) -> Engine:
    """The implementation of the chosen engine."""
    if choice.device == "cuda":
        return CudaEngine(network)
    if choice.engine == "torch":
        return TorchCpuEngine(network, threads_per_stream=choice.threads_per_stream)
    from stylize.style.engines.openvino_engine import OpenVinoEngine  # only where it is installed

    return OpenVinoEngine(network, threads_per_stream=choice.threads_per_stream)


def _frames_per_call(choice: EngineChoice) -> int:
    if choice.device == "cuda":
        return choice.batch_size * CUDA_PASSES_PER_CALL
    return choice.num_streams * CPU_FRAMES_PER_STREAM


def _combine(*parts: str) -> str:
    """SHA-256 (hex) over the parts, in order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
