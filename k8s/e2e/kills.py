"""Killing GPU pods at moments and in ways that a seed chooses: all that a cluster, or somebody at it, does to a pod."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from azurite.demo import Story
from k8s.e2e.cluster import Cluster
from k8s.e2e.placement import styling
from k8s.e2e.pods import PodWatch, SeenPod
from stylize.errors import StylizeError

Way = TypeVar("Way")

# How long a drained node stays closed: long enough for a pod to wait for it.
DRAINED_SECONDS = 15.0
# After a chunk was published, so that every kill finds work that is half done, and no segment is killed for ever.
LONGEST_PAUSE_SECONDS = 4.0

EXECUTE_SECONDS = 60.0
ENDED = "the step has ended by itself"

# Both run in the pod's container, beside the step's process, which they know by its command line.
_FIND = """\
import os
def step():
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with open(f"/proc/{entry}/cmdline") as file:
            if "execute_step" in file.read() and int(entry) != os.getpid():
                return entry
    raise SystemExit("the step has ended by itself")
"""
SIGKILL = _FIND + "os.kill(int(step()), 9)"
# Where a container is out of memory, the kernel kills who has the most of it: so many small processes take the rest.
OUT_OF_MEMORY = (
    _FIND
    + """\
import time
process = f"/proc/{step()}"
while os.path.exists(process):
    if os.fork() == 0:
        taken = b"x" * (32 << 20)
        time.sleep(20)
        os._exit(0)
    time.sleep(0.05)
"""
)


class SurvivedError(StylizeError):
    """There was nobody left to kill."""


def kill_order(ways: Sequence[Way], chance: random.Random) -> Iterator[Way]:
    """The first way, then all of them in random order, again and again."""
    yield ways[0]
    while True:
        yield from chance.sample(ways, len(ways))


class Killer:
    """Kills GPU pods while a clip is on its way; :meth:`act` is to be called again and again."""

    def __init__(
        self,
        cluster: Cluster,
        watch: PodWatch,
        *,
        kills: int,
        seed: int,
        num_published: Callable[[], int],
        story: Story,
    ) -> None:
        """Plan the kills.

        Args:
            cluster: where.
            watch: knows the pods.
            kills: how many.
            seed: chooses ways, moments and pods.
            num_published: counts the styled chunks that are in the store.
            story: is told of every kill.
        """
        self._cluster = cluster
        self._watch = watch
        self._num_published = num_published
        self._story = story
        self._random = random.Random(seed)  # noqa: S311 - to repeat a run, not to hide anything
        ways = [self._delete, self._delete_gently, self._evict, self._drain, self._sigkill, self._out_of_memory]
        self._ways = list(islice(kill_order(ways, self._random), kills))
        self._published_before = 0
        self._not_before: float | None = None
        self._reopen_at: dict[str, float] = {}
        self.killed: list[str] = []

    @property
    def num_left(self) -> int:
        """Kills that are still to come."""
        return len(self._ways)

    def act(self) -> None:
        """Kill a pod if it is time for one."""
        self.reopen_nodes(time.monotonic())
        if not self._ways:
            return
        if self._not_before is None:
            if self._num_published() > self._published_before:
                self._not_before = time.monotonic() + self._random.uniform(0, LONGEST_PAUSE_SECONDS)
            return
        victims = [pod for pod in styling(self._watch.pods) if pod.runs and pod.uid not in self.killed]
        if time.monotonic() < self._not_before or not victims:
            return
        self._kill(self._random.choice(victims))

    def reopen_nodes(self, now: float) -> None:
        """Let pods onto the nodes that were drained until ``now``, in seconds of :func:`time.monotonic`."""
        for node in [node for node, seconds in self._reopen_at.items() if seconds <= now]:
            self._cluster.core.patch_node(node, {"spec": {"unschedulable": None}})
            del self._reopen_at[node]

    def _kill(self, pod: SeenPod) -> None:
        self._published_before, self._not_before = self._num_published(), None
        way = self._ways[0]
        try:
            way(pod)
        except (ApiException, SurvivedError) as error:
            self._story.tell(f"{pod.name} was not killed, another will be: {getattr(error, 'reason', None) or error}")
            return
        self._ways.pop(0)
        self.killed.append(pod.uid)
        what = (way.__doc__ or "").rstrip(".")
        self._story.tell(f"kill {len(self.killed)}: {pod.name} on {pod.node}: {what}")

    def _delete(self, pod: SeenPod) -> None:
        """Deleted without grace."""
        self._cluster.core.delete_namespaced_pod(pod.name, self._cluster.namespace, grace_period_seconds=0)

    def _delete_gently(self, pod: SeenPod) -> None:
        """Deleted with its grace period."""
        self._cluster.core.delete_namespaced_pod(pod.name, self._cluster.namespace)

    def _evict(self, pod: SeenPod) -> None:
        """Evicted."""
        self._cluster.evict(pod.name)

    def _drain(self, pod: SeenPod) -> None:
        """Node cordoned and drained."""
        self._cluster.core.patch_node(pod.node, {"spec": {"unschedulable": True}})
        self._reopen_at[pod.node] = time.monotonic() + DRAINED_SECONDS
        self._cluster.evict(pod.name)

    def _sigkill(self, pod: SeenPod) -> None:
        """Killed by SIGKILL."""
        self._execute(pod, SIGKILL)

    def _out_of_memory(self, pod: SeenPod) -> None:
        """Driven out of memory."""
        self._execute(pod, OUT_OF_MEMORY)

    def _execute(self, pod: SeenPod, program: str) -> None:
        # A client of its own: for as long as it lasts, the stream replaces how its client asks.
        core: Any = client.CoreV1Api(client.ApiClient(self._cluster.api.configuration))
        said = stream(
            core.connect_get_namespaced_pod_exec,
            pod.name,
            self._cluster.namespace,
            container="dagster",
            command=["python3", "-c", program],
            stderr=True,
            stdin=False,
            stdout=True,
            tty=False,
            _request_timeout=EXECUTE_SECONDS,
        )
        if ENDED in said or "Traceback" in said:
            raise SurvivedError(said.strip().splitlines()[-1])
