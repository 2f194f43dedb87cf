"""What this process may use of the machine: cores, memory, instructions.

In a container the machine says what the host has; the kernel stops the process at what its control group grants.
https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import os
from pathlib import Path

import psutil
import torch

CONTROL_GROUP = Path("/sys/fs/cgroup")
"""Of the container; elsewhere its root, which has no limits."""


def usable_cores(control_group: Path = CONTROL_GROUP) -> int:
    """Logical cores that this process may keep busy, at least 1."""
    granted = _numbers(control_group / "cpu.max")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, granted[0] // granted[1])) if len(granted) == 2 else cores


def available_bytes(control_group: Path = CONTROL_GROUP) -> int:
    """Memory that can still be taken before the kernel stops something, at least 0."""
    free = psutil.virtual_memory().available
    limit, used = (_numbers(control_group / name) for name in ("memory.max", "memory.current"))
    return max(0, min(free, limit[0] - used[0])) if limit and used else free


def has_fast_bf16() -> bool:
    """Whether this CPU has instructions for bfloat16; without them it is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _numbers(file: Path) -> list[int]:
    """The numbers in a file of the control group; none if there is no such file, or no limit (``max``)."""
    try:
        words = file.read_text().split()
    except OSError:
        return []
    return [] if "max" in words else [int(word) for word in words]
