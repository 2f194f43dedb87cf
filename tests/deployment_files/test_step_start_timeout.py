"""A step whose pod does not start is given up, with what Kubernetes says about it; one that runs is left alone."""

from itertools import count
from pathlib import Path

import dagster as dg
import pytest
from dagster_k8s import k8s_job_executor

from dagster_project.step_start_timeout import with_start_timeout
from k8s import chart
from k8s.documents import Document, values
from tests.deployment_files.api_server import recording_api_server, write_kubeconfig

UNSCHEDULABLE = {
    "phase": "Pending",
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.",
        }
    ],
}
NO_IMAGE = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "True"}],
    "containerStatuses": [
        {
            **{"name": "dagster", "image": "a:1", "imageID": "", "ready": False, "restartCount": 0},
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "a:1"'}},
        }
    ],
}


@dg.op
def paint() -> None:
    """Never executed here: its pod is only spoken of."""


@dg.job(
    executor_def=with_start_timeout(
        k8s_job_executor.configured({"job_image": "a:1", "retries": {"disabled": {}}}), seconds=2, check_seconds=1
    )
)
def paint_job() -> None:
    paint()


def _execute(folder: Path, pods: list[Document], *, fails_after_looks: int) -> tuple[str, list[str]]:
    """Why the step failed, and what was deleted; the Job fails by itself after it was looked at so often."""
    looks = count()

    def answers(path: str) -> Document:
        if path.endswith("/status"):
            return {"status": {"failed": 1} if next(looks) >= fails_after_looks else {"active": 1}}
        return {"items": [{"metadata": {"name": f"pod-{index}"}, "status": pod} for index, pod in enumerate(pods)]}

    with recording_api_server(answers=answers) as (address, received):
        outside = {"load_incluster_config": False, "kubeconfig_file": str(write_kubeconfig(folder / "config", address))}
        config = {**chart.launcher_config(values()), **outside}
        launcher = {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config}
        with dg.DagsterInstance.local_temp(str(folder), overrides={"run_launcher": launcher}) as instance:
            result = dg.execute_job(dg.reconstructable(paint_job), instance=instance, raise_on_error=False)
            (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return failure.error.message, [sent["path"] for sent in received if "kind" not in sent]


@pytest.mark.parametrize(
    ("pods", "reason"),
    [
        ([UNSCHEDULABLE], "Unschedulable: 0/2 nodes are available: 2 Insufficient nvidia.com/gpu."),
        ([NO_IMAGE], 'ImagePullBackOff: Back-off pulling image "a:1"'),
        ([], "the Job has no pod: kubectl describe job says why"),
    ],
)
def test_a_pod_that_does_not_start_ends_its_step_and_is_removed(
    tmp_path: Path, pods: list[Document], reason: str
) -> None:
    message, deleted = _execute(tmp_path, pods, fails_after_looks=1000)
    assert f"did not start within 2 s ({reason}): check quota" in message
    assert "STYLIZE_STEP_START_TIMEOUT_SECONDS" in message
    assert [path.split("/")[-2] for path in deleted] == ["jobs", *["pods"] * len(pods)]


def test_a_pod_that_has_started_may_take_as_long_as_it_needs(tmp_path: Path) -> None:
    message, deleted = _execute(tmp_path, [{"phase": "Running"}], fails_after_looks=6)
    assert "Discovered failed Kubernetes job" in message
    assert deleted == []
