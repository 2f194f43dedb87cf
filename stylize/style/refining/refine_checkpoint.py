"""Save refining in the middle, so that where it was killed it goes on and ends with the same bits.

A checkpoint is one safetensors file: weights, Adam's moments and the state of the random numbers are its tensors;
iteration, learning rates and what is refined stand as JSON in its header.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import safetensors.torch
import torch
from safetensors import SafetensorError

from stylize.errors import StyleError
from stylize.style.network.style_network import StyleNet

CHECKPOINT_EVERY = 10
"""Iterations. Writing one (1.3 MB) takes 10 ms, so many iterations some seconds on one CPU core."""

HEADER = "refining"
_NETWORK, _ADAM, _RANDOM = "network.", "adam.", "random"


@dataclass(slots=True, kw_only=True)
class RefiningState:
    """Refining one network, between two iterations."""

    network: StyleNet
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    iteration: int = 0

    def to_bytes(self, material: str) -> bytes:
        """The whole state as safetensors; ``material`` is the digest of what it learns from."""
        adam = self.optimizer.state_dict()
        tensors = {f"{_NETWORK}{key}": tensor for key, tensor in self.network.state_dict().items()}
        tensors |= {f"{_ADAM}{i}.{key}": value for i, state in adam["state"].items() for key, value in state.items()}
        tensors[_RANDOM] = self.generator.get_state()
        document = {
            "material": material,
            "iteration": self.iteration,
            "groups": adam["param_groups"],
            "schedule": self.schedule.state_dict(),
        }
        copies = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
        return safetensors.torch.save(copies, metadata={HEADER: json.dumps(document)})

    def restore(self, content: bytes, material: str) -> bool:
        """Take over a saved state; False, and nothing changed, if it learned from other material.

        Raises:
            StyleError: ``content`` is no such state, or a damaged one.
        """
        try:
            document = _header(content)
            if document["material"] != material:
                return False
            self._load(safetensors.torch.load(content), document)
        except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise StyleError(f"what was saved of refining is damaged ({error}); begin it anew (--restart)") from error
        return True

    def _load(self, tensors: dict[str, torch.Tensor], document: dict[str, Any]) -> None:
        adam: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith(_ADAM):
                parameter, name = key.removeprefix(_ADAM).split(".")
                adam.setdefault(int(parameter), {})[name] = tensor
        groups = [group | {"betas": tuple(group["betas"])} for group in document["groups"]]
        weights = {key.removeprefix(_NETWORK): value for key, value in tensors.items() if key.startswith(_NETWORK)}
        self.network.load_state_dict(weights)
        self.optimizer.load_state_dict({"state": adam, "param_groups": groups})
        self._lay_out_moments()
        self.schedule.load_state_dict(document["schedule"])
        self.generator.set_state(tensors[_RANDOM])
        self.iteration = int(document["iteration"])

    def _lay_out_moments(self) -> None:
        """In memory as their parameters are: otherwise the same sums would be taken in another order."""
        for parameter, moments in self.optimizer.state.items():
            for name, moment in moments.items():
                if moment.shape == parameter.shape:
                    moments[name] = torch.empty_like(parameter).copy_(moment)


class Checkpoints:
    """Where refining one network is saved now and then."""

    def __init__(
        self, *, read: Callable[[], bytes | None], write: Callable[[bytes], object], every: int = CHECKPOINT_EVERY
    ) -> None:
        """Save every ``every`` iterations.

        Args:
            read: gives the checkpoint that was written last; None if there is none.
            write: replaces the checkpoint in one step, so that whoever is killed leaves the one before.
            every: iterations between two checkpoints.
        """
        self._read, self._write, self._every = read, write, every
        self._material = ""

    @classmethod
    def in_file(cls, path: Path, *, every: int = CHECKPOINT_EVERY) -> Self:
        """Checkpoints in a local file, in an existing folder."""
        return cls(
            read=lambda: path.read_bytes() if path.exists() else None,
            write=lambda content: _replace(path, content),
            every=every,
        )

    def resume(self, state: RefiningState, material: str) -> None:
        """Bring ``state`` to where it was saved last if it learned from ``material``, a digest.

        Raises:
            StyleError: the checkpoint is damaged.
        """
        self._material = material
        content = self._read()
        if content is not None:
            state.restore(content, material)

    def save_if_due(self, state: RefiningState, iterations: int) -> None:
        """Write a checkpoint every so often, and after the last of ``iterations``: what follows may be interrupted."""
        if state.iteration % self._every == 0 or state.iteration == iterations:
            self._write(state.to_bytes(self._material))


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _header(content: bytes) -> dict[str, Any]:
    """The JSON in a safetensors header: eight bytes of length, then the header itself.

    https://github.com/huggingface/safetensors#format
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return json.loads(header["__metadata__"][HEADER])
