"""What is concluded from the pod, or the process, of an attempt that could not tell how it ended.

The statuses are those that a real cluster showed of such pods, but for the fields that nobody reads.
"""

import json
import os
import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from kubernetes import client

from resources.endings import Ending, ending_of_pod, find_ending
from stylize.records.attempts import Attempt, Reason


def ended(exit_code: int, reason: str = "Error") -> dict[str, Any]:
    return {"containerStatuses": [_container({"terminated": {"exitCode": exit_code, "reason": reason}})]}


def _container(state: dict[str, Any]) -> dict[str, Any]:
    return {"name": "dagster", "image": "stylize", "imageID": "", "ready": False, "restartCount": 0, "state": state}


RUNNING = {"phase": "Running", "containerStatuses": [_container({"running": {"startedAt": "2026-01-01T00:00:00Z"}})]}
EVICTED = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
SHUT_DOWN = {"phase": "Failed", "reason": "Terminated", "message": "Pod was terminated in response to node shutdown."}
TAINTED = {
    **RUNNING,
    "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager", "message": ""}],
}
PODS: list[tuple[str, dict[str, Any], Reason]] = [
    ("memory", {"phase": "Failed", **ended(137, "OOMKilled")}, "out of memory"),
    ("memory_of_a_child", {"phase": "Failed", **ended(1, "OOMKilled")}, "out of memory"),
    ("killed", {"phase": "Failed", **ended(137)}, "killed"),
    ("told_to_end", {"phase": "Failed", **ended(143)}, "pre-empted"),
    ("segmentation_fault", {"phase": "Failed", **ended(139)}, "crashed"),
    ("exit_3", {"phase": "Failed", **ended(3)}, "crashed"),
    ("no_container_status", {"phase": "Failed"}, "killed"),
    ("evicted", EVICTED, "pre-empted"),
    ("node_shut_down", SHUT_DOWN, "pre-empted"),
    ("node_tainted", TAINTED, "pre-empted"),
    ("completed", {"phase": "Succeeded", **ended(0, "Completed")}, "store away"),
]


def pod(status: dict[str, Any], **metadata: Any) -> client.V1Pod:
    """As the client makes it of an answer of the API."""
    answer = {"metadata": {"name": "step-x", **metadata}, "spec": {"containers": [{"name": "dagster"}]}}
    response = SimpleNamespace(data=json.dumps({**answer, "status": status}))
    made: Any = client.ApiClient().deserialize(response, "V1Pod")
    return made


@pytest.mark.parametrize(("status", "reason"), [case[1:] for case in PODS], ids=[case[0] for case in PODS])
def test_the_status_of_a_pod_says_how_its_attempt_ended(status: dict[str, Any], reason: Reason) -> None:
    ending = ending_of_pod(pod(status))
    assert ending.reason == reason
    assert ending.message.startswith("pod step-x")


def test_what_the_node_said_of_an_eviction_is_kept() -> None:
    message = "pod step-x: Evicted: The node was low on resource: memory."
    assert ending_of_pod(pod(EVICTED)) == Ending(reason="pre-empted", message=message)


def test_a_pod_that_runs_is_at_work_until_it_is_deleted() -> None:
    assert ending_of_pod(pod(RUNNING)) is None
    deleted = ending_of_pod(pod(RUNNING, deletionTimestamp="2026-01-01T00:00:00Z"))
    assert deleted == Ending(reason="pre-empted", message="pod step-x: it was deleted")


def attempt_of(process_id: int, start_seconds: float, *, host: str = "") -> Attempt:
    return Attempt(
        launch="",
        run_id="",
        retry_number=0,
        host=host or socket.gethostname(),
        process_id=process_id,
        process_start_seconds=start_seconds,
        started_at="",
        resumed_frames=0,
        memory_steps_down=0,
    )


def test_a_process_that_is_gone_was_killed_and_one_that_lives_is_at_work() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        attempt = attempt_of(process.pid, psutil.Process(process.pid).create_time())
        assert find_ending(attempt) is None
        process.kill()
        process.wait()
    assert find_ending(attempt).reason == "killed"


def test_an_attempt_of_this_very_process_has_ended_and_could_not_say_so() -> None:
    assert find_ending(attempt_of(os.getpid(), psutil.Process().create_time())).reason == "store away"


def test_outside_of_a_cluster_an_attempt_on_another_machine_counts_as_killed() -> None:
    ending = find_ending(attempt_of(1, 0.0, host="elsewhere"))
    assert ending == Ending(reason="killed", message="it was at work on elsewhere, which cannot be asked from here")
