"""How an attempt ended that could not tell: what its process, or its pod, shows of it.

In Kubernetes the pod's status says it. Seen on a cluster: a pod whose container ran out of memory is Failed, with the
container's reason ``OOMKilled``; an evicted one is Failed with the reason ``Evicted``; a deleted one, drained or
pre-empted with its node, is gone or about to be. https://kubernetes.io/docs/concepts/workloads/pods/disruptions/
"""

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psutil

from dagster_project.step_process import EXIT_TERMINATED
from resources.local_process import START_TOLERANCE_SECONDS, process_is_alive
from stylize.records.attempts import Attempt, Reason

if TYPE_CHECKING:
    from kubernetes.client import V1ContainerStateTerminated, V1ObjectMeta, V1Pod, V1PodStatus

API_TIMEOUT_SECONDS: Final = 10.0

EXIT_KILLED: Final = 128 + 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why an attempt ended, and the same for people."""

    reason: Reason
    message: str


def find_ending(attempt: Attempt) -> Ending | None:
    """How an attempt without an end came to it; None if it is still at work."""
    if attempt.host == socket.gethostname():
        return _ending_of_process(attempt)
    return _ending_of_pod_named(attempt.host)


def _ending_of_process(attempt: Attempt) -> Ending | None:
    own = psutil.Process()
    if attempt.process_id == own.pid and (
        abs(attempt.process_start_seconds - own.create_time()) < START_TOLERANCE_SECONDS
    ):
        return Ending(reason="store away", message="it ended, but the store did not take down why")
    if process_is_alive(attempt.process_id, attempt.process_start_seconds):
        return None
    return Ending(reason="killed", message=f"its process {attempt.process_id} on {attempt.host} is gone")


def _ending_of_pod_named(name: str) -> Ending | None:
    """Asks Kubernetes, of which nobody knows who is not in a cluster."""
    from dagster_k8s.utils import detect_current_namespace
    from kubernetes import client, config
    from urllib3.exceptions import HTTPError

    try:
        config.load_incluster_config()
        pods, namespace = client.CoreV1Api(), detect_current_namespace(None)
        pod: Any = pods.read_namespaced_pod(name, namespace, _request_timeout=API_TIMEOUT_SECONDS)
    except config.ConfigException:
        return Ending(reason="killed", message=f"it was at work on {name}, which cannot be asked from here")
    except client.ApiException as error:
        if error.status == 404:
            return Ending(reason="pre-empted", message=f"pod {name} is gone: it was deleted, or its node was")
        return Ending(reason="killed", message=f"pod {name} could not be looked at: {error.status} {error.reason}")
    except HTTPError as error:
        return Ending(reason="killed", message=f"pod {name} could not be looked at: {type(error).__name__}")
    return ending_of_pod(pod)


def ending_of_pod(pod: "V1Pod") -> Ending | None:
    """What the status of a pod says about the attempt in it; None if it still runs."""
    # Optional in the types of the client, but part of every pod that the API returns.
    metadata: Any = pod.metadata
    status: Any = pod.status
    name = f"pod {metadata.name}"
    ends = [state.state.terminated for state in status.container_statuses or [] if state.state.terminated]
    if any(end.reason == "OOMKilled" for end in ends):
        return Ending(reason="out of memory", message=f"{name} took more memory than it may")
    disruption = _disruption(metadata, status)
    if disruption:
        return Ending(reason="pre-empted", message=f"{name}: {disruption}")
    if status.phase == "Succeeded":
        return Ending(reason="store away", message=f"{name} ended, but the store did not take down why")
    if status.phase == "Failed":
        return _ending_of_container(name, ends)
    return None


def _disruption(metadata: "V1ObjectMeta", status: "V1PodStatus") -> str:
    """What was done to a pod from outside, for people; empty if nothing was."""
    targets = [item for item in status.conditions or [] if item.type == "DisruptionTarget" and item.status == "True"]
    for item in targets:
        return ": ".join(filter(None, [item.reason, item.message]))
    if status.reason:  # Evicted, Preempting, NodeLost, Shutdown, Terminated
        return ": ".join(filter(None, [status.reason, status.message]))
    return "it was deleted" if metadata.deletion_timestamp else ""


def _ending_of_container(name: str, ends: "list[V1ContainerStateTerminated]") -> Ending:
    codes = [end.exit_code for end in ends if end.exit_code]
    if not codes:
        return Ending(reason="killed", message=f"{name} failed, and shows no exit code")
    if EXIT_KILLED in codes:
        return Ending(reason="killed", message=f"{name} was killed (exit code 137), not for its memory")
    if EXIT_TERMINATED in codes:
        return Ending(reason="pre-empted", message=f"{name} was told to end (exit code 143)")
    return Ending(reason="crashed", message=f"{name} crashed with exit code {codes[0]}")
