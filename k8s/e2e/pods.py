"""What became of every pod of the run: kept by a thread that watches the namespace from the first pod to the last."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import urllib3
from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException

from k8s.e2e.cluster import Cluster

WATCH_SECONDS = 30
STEP, RUN = "step_worker", "run_worker"


@dataclass(slots=True, kw_only=True)
class SeenPod:
    """A pod, as it was last seen.

    Attributes:
        name: its name.
        uid: tells it from another pod of the same name.
        component: ``run_worker``, ``step_worker``, or what kind of server it is.
        step: key of the step that it executes; empty for all but step pods.
        account: its service account.
        node: where it was placed; empty as long as it waits.
        limits: of its container.
        selector: labels that its node must have.
        tolerations: keys of the taints that it tolerates.
        phase: ``Pending``, ``Running``, ``Succeeded`` or ``Failed``.
        started: when its container began to run.
        ended: when its container ended, or the pod vanished.
        end: why its container ended, and its exit code.
        made_at: number of the change by which it came, among all that the watch saw. Unlike the clocks of nodes, these
            numbers tell for sure which of two pods was first.
        over_at: number of the change by which its container ended, or it failed without, or vanished; none before.
    """

    name: str
    uid: str
    component: str
    step: str
    account: str
    node: str = ""
    limits: dict[str, str] = field(default_factory=dict)
    selector: dict[str, str] = field(default_factory=dict)
    tolerations: frozenset[str] = frozenset()
    phase: str = "Pending"
    started: datetime | None = None
    ended: datetime | None = None
    end: str = ""
    made_at: int = 0
    over_at: int | None = None

    @property
    def runs(self) -> bool:
        """Whether its container runs now."""
        return self.started is not None and self.ended is None

    def end_at(self, change: int, when: datetime | None = None) -> None:
        """Take down its end, unless it is known already."""
        self.ended = self.ended or when or datetime.now(UTC)
        self.over_at = self.over_at or change


class PodWatch:
    """Watches the pods of a namespace, from the moment at which it is entered."""

    def __init__(self, cluster: Cluster) -> None:
        """Nothing is asked before the watch is entered."""
        self._cluster = cluster
        self._pods: dict[str, SeenPod] = {}
        self._num_changes = 0
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "PodWatch":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """The thread ends with its next answer; it is a daemon, and nobody waits for it."""
        self._end.set()

    @property
    def pods(self) -> list[SeenPod]:
        """All pods seen so far, in the order of their first appearance."""
        with self._lock:
            return list(self._pods.values())

    def _follow(self) -> None:
        core: Any = client.CoreV1Api(client.ApiClient(self._cluster.api.configuration))
        while not self._end.is_set():
            try:
                listing = core.list_namespaced_pod(self._cluster.namespace)
                self._relist(listing.items)
                self._stream(core, listing.metadata.resource_version)
            except (ApiException, urllib3.exceptions.HTTPError):
                time.sleep(1)  # too old a version, or a broken connection: begin with a new listing

    def _stream(self, core: Any, version: str) -> None:
        watching: Any = watch.Watch()
        while not self._end.is_set():
            changes = watching.stream(
                core.list_namespaced_pod,
                self._cluster.namespace,
                resource_version=version,
                timeout_seconds=WATCH_SECONDS,
                _request_timeout=2 * WATCH_SECONDS,
            )
            for change in changes:
                self._note(change["object"], gone=change["type"] == "DELETED")
                if self._end.is_set():
                    return
            version = watching.resource_version

    def _relist(self, pods: list[Any]) -> None:
        present = {pod.metadata.uid for pod in pods}
        for seen in self.pods:
            if seen.uid not in present:
                seen.end_at(self._num_changes)
        for pod in pods:
            self._note(pod, gone=False)

    def _note(self, pod: Any, *, gone: bool) -> None:
        self._num_changes += 1
        with self._lock:
            seen = self._pods.setdefault(pod.metadata.uid, first_seen(pod, self._num_changes))
        seen.node = pod.spec.node_name or ""
        seen.phase = pod.status.phase
        for status in pod.status.container_statuses or []:
            ended = status.state.terminated
            begun = status.state.running or ended
            seen.started = (begun.started_at if begun else None) or seen.started
            if ended is not None:
                seen.end_at(self._num_changes, ended.finished_at)
                seen.end = f"{ended.reason}, exit code {ended.exit_code}"
        if gone or seen.phase in ("Succeeded", "Failed"):  # a pod that its node refuses fails without a container
            seen.end_at(self._num_changes)


def first_seen(pod: Any, change: int) -> SeenPod:
    """What of a pod never changes, and the number of the change by which it came."""
    labels, spec = pod.metadata.labels or {}, pod.spec
    return SeenPod(
        name=pod.metadata.name,
        uid=pod.metadata.uid,
        component=labels.get("app.kubernetes.io/component") or labels.get("component", ""),
        step=labels.get("dagster/op", ""),
        account=spec.service_account_name or "",
        limits=dict((spec.containers[0].resources and spec.containers[0].resources.limits) or {}),
        selector=dict(spec.node_selector or {}),
        tolerations=frozenset(item.key for item in spec.tolerations or [] if item.key),
        made_at=change,
    )
