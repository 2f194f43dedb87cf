"""What to do when frames do not fit into memory: fewer at once, then one in strips.

Fewer at once keeps the bits on the CPU. Strips keep them to within one level of 255 in float32, see
:mod:`stylize.style.engines.strips`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from stylize.errors import StyleError
from stylize.frame_transform import Picture
from stylize.style.engines.strips import repaint_in_strips
from stylize.style.network.network import padded_side
from stylize.style.network.style_network import StyleNet

FIRST_STRIPS = 8
"""Fewer would hardly take less than the whole picture: the kept maps stay as large as they are. At 1920x1080 on the CPU
the reference network takes 1,266 MiB whole (torch) and 327 MiB in eight strips."""

MIN_STRIP_ROWS = 32
"""Smaller strips would be mostly overlap: a strip of the last layer needs nine rows more on each side."""

_OUT_OF_MEMORY = (
    *("out of memory", "can't alloc", "failed to allocate", "bad_alloc"),
    *("could not create a primitive", "could not create a memory"),  # oneDNN, seen under a limit
)
"""How the libraries below us say it where they raise a plain RuntimeError, in lower case."""


class Engine(Protocol):
    """Something that repaints frames that fit into memory."""

    def paint(self, frames: Picture, *, at_once: int) -> Picture:
        """Repaint uint8 RGB frames ``(N, H, W, 3)``, holding the maps of at most ``at_once`` of them at a time."""
        ...

    def release(self) -> None:
        """Give back the memory that is kept for the next frames."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """How much of a clip is in memory at a time.

    Attributes:
        frames_at_once: frames whose maps are held together.
        num_strips: into how many strips a frame is cut; 1 if it is painted whole.
    """

    frames_at_once: int
    num_strips: int = 1

    def __str__(self) -> str:
        """For people: ``8 frames at once``, ``1 frame in 4 strips``."""
        if self.num_strips > 1:
            return f"1 frame in {self.num_strips} strips"
        return f"{self.frames_at_once} frame{'s' * (self.frames_at_once > 1)} at once"

    def below(self, height: int) -> "Rung | None":
        """The next rung for frames of ``height`` rows that takes less memory; None if there is none."""
        if self.frames_at_once > 1:
            return Rung(frames_at_once=self.frames_at_once // 2)
        num_strips = max(FIRST_STRIPS, 2 * self.num_strips)
        return Rung(frames_at_once=1, num_strips=num_strips) if height >= num_strips * MIN_STRIP_ROWS else None


class MemoryLadder:
    """Paints with an engine, and steps down for good when memory runs out.

    The rung is found once for each size of frames: trying again with every batch would fail again every time.
    """

    def __init__(
        self,
        engine: Engine,
        network: StyleNet,
        top: Rung,
        *,
        frame_fits: Callable[[int], bool],
        steps_down: int = 0,
    ) -> None:
        """Begin at ``top``, or lower.

        Args:
            engine: paints whole frames.
            network: paints strips, on the device and in the type of its weights.
            top: the rung to begin with.
            frame_fits: whether a frame of so many pixels can be tried whole.
            steps_down: so many processes were stopped by the kernel for lack of memory, each a rung further down.
        """
        self.rung = top
        self._frame_fits = frame_fits
        self._steps_down = steps_down
        self._engine = engine
        self._network = network
        self._top = top
        self._size: tuple[int, ...] = ()

    def paint(self, frames: Picture) -> Picture:
        """Repaint uint8 RGB frames ``(N, H, W, 3)``.

        Raises:
            StyleError: one frame does not fit into memory, not even in the smallest strips.
        """
        if frames.shape[1:] != self._size:
            self._size = frames.shape[1:]
            self._go_to_first_rung()
        while True:
            try:
                return self._paint(frames)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
            # Outside the handler: there the error's traceback would keep the maps of the failed attempt alive.
            self._engine.release()
            self.rung = self._rung_below(reason)

    def _go_to_first_rung(self) -> None:
        self.rung = self._top
        if not self._frame_fits(self._size[0] * self._size[1]):
            self.rung = Rung(frames_at_once=1).below(padded_side(self._size[0])) or self._top
        for _ in range(self._steps_down):
            self.rung = self._rung_below("the kernel stopped it")

    def _paint(self, frames: Picture) -> Picture:
        if self.rung.num_strips == 1:
            return self._engine.paint(frames, at_once=self.rung.frames_at_once)
        return np.stack([repaint_in_strips(self._network, frame, self.rung.num_strips) for frame in frames])

    def _rung_below(self, reason: str) -> Rung:
        height, width = self._size[:2]
        below = self.rung.below(padded_side(height))
        if below is None:
            raise StyleError(
                f"a frame of {width}x{height} does not fit into memory, tried down to {self.rung} ({reason}); give the"
                " step more memory"
            )
        return below


def is_out_of_memory(error: Exception) -> bool:
    """Whether ``error`` says that memory, of the host or of the GPU, ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error).lower() for words in _OUT_OF_MEMORY)
