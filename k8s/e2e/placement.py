"""Whether every pod ran where it should, with what it should have: judged on the pods that were really seen."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from k8s.e2e.pods import RUN, STEP, SeenPod

GPU_STEP = "styled_frames"


def gpu_nodes(nodes: Iterable[Any], gpu_resource: str) -> set[str]:
    """Names of the nodes that have GPUs to give."""
    return {node.metadata.name for node in nodes if int((node.status.allocatable or {}).get(gpu_resource, "0")) > 0}


def styling(pods: Iterable[SeenPod]) -> list[SeenPod]:
    """The GPU pods among them: those that style."""
    return [pod for pod in pods if pod.component == STEP and pod.step == GPU_STEP]


def placement_faults(pods: Iterable[SeenPod], *, with_gpu: set[str], gpu_resource: str, shared: bool) -> Iterator[str]:
    """What is wrong with how the pods were made and placed.

    Args:
        pods: all pods of the run.
        with_gpu: names of the nodes that have GPUs.
        gpu_resource: what a GPU pod asks for.
        shared: whether every node has GPUs, so that the others have nowhere else to go.
    """
    for pod in pods:
        if pod.component == STEP and pod.step == GPU_STEP:
            yield from _faults_of_gpu_pod(pod, with_gpu, gpu_resource)
            continue
        if gpu_resource in pod.limits:
            yield f"{pod.name} asks for {gpu_resource}, and does not style"
        if pod.node in with_gpu and not shared:
            yield f"{pod.name} ({pod.component or 'server'} {pod.step}) ran on the GPU node {pod.node}"
        if pod.component == RUN and pod.tolerations - _EVERY_POD_TOLERATES:
            yield f"{pod.name} is a run pod, and tolerates {', '.join(sorted(pod.tolerations - _EVERY_POD_TOLERATES))}"


# Kubernetes itself adds these to every pod.
_EVERY_POD_TOLERATES = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})


def _faults_of_gpu_pod(pod: SeenPod, with_gpu: set[str], gpu_resource: str) -> Iterator[str]:
    if pod.limits.get(gpu_resource) != "1":
        yield f"{pod.name} styles with a limit of {pod.limits.get(gpu_resource, 'no')} {gpu_resource}, expected 1"
    if not pod.selector:
        yield f"{pod.name} styles and has no node selector"
    if not pod.tolerations - _EVERY_POD_TOLERATES:
        yield f"{pod.name} styles and tolerates no taint of a GPU pool"
    if pod.node and pod.node not in with_gpu:
        yield f"{pod.name} styles on {pod.node}, which has no {gpu_resource}"


def most_at_once(spans: Iterable[tuple[float, float]]) -> int:
    """The largest number of these spans, each from a start to an end, that have a moment in common."""
    running = most = 0
    for _, change in sorted(item for start, end in spans for item in ((start, 1), (end, -1))):
        running += change  # an end counts before a start at the same time
        most = max(most, running)
    return most


def most_pods_at_once(pods: Iterable[SeenPod]) -> int:
    """The largest number of these pods that there were between two changes; one counts from when it is made."""
    return most_at_once((pod.made_at, math.inf if pod.over_at is None else pod.over_at) for pod in pods)


def pods_per_node(pods: Iterable[SeenPod]) -> Mapping[str, int]:
    """How many pods ran on each node."""
    counts: dict[str, int] = {}
    for pod in pods:
        counts[pod.node or "nowhere"] = counts.get(pod.node or "nowhere", 0) + 1
    return counts
