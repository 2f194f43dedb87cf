"""What dagster-k8s sends to Kubernetes when a run is launched with these values."""

from typing import cast

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster_k8s import K8sRunLauncher

from k8s import chart
from k8s.documents import Document, of_kind, values
from tests.deployment_files.api_server import recording_api_server, write_kubeconfig
from tests.deployment_files.kubernetes_fields import faults
from tests.deployment_files.snapshots import check_snapshot

IMAGE = "registry.example/stylize:0.1.0"


def _run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    origin = RepositoryPythonOrigin(
        executable_path="python",
        code_pointer=ModuleCodePointer("dagster_project.definitions", "defs", None),
        container_image=IMAGE,
    )
    run = dg.DagsterRun(
        job_name="styled_frames_job",
        status=DagsterRunStatus.STARTING,
        job_code_origin=JobPythonOrigin("styled_frames_job", origin),
    )
    return instance.add_run(run)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """The Job of a run."""
    folder = tmp_path_factory.mktemp("launch")
    with recording_api_server() as (address, received), dg.DagsterInstance.local_temp(str(folder)) as instance:
        kubeconfig = write_kubeconfig(folder / "config", address)
        outside = {"load_incluster_config": False, "kubeconfig_file": str(kubeconfig)}
        launcher = K8sRunLauncher(**{**chart.launcher_config(values()), **outside})
        launcher.register_instance(instance)
        launcher.launch_run(LaunchRunContext(dagster_run=_run(instance), workspace=None))
    (sent,) = received
    assert sent.pop("path") == f"/apis/batch/v1/namespaces/{chart.NAMESPACE}/jobs"
    return sent


def _pod(job: Document) -> Document:
    return job["spec"]["template"]["spec"]


def _container(job: Document) -> Document:
    (container,) = _pod(job)["containers"]
    return cast("Document", container)


def test_it_is_the_job_of_the_snapshot(job: Document) -> None:
    check_snapshot("run", job)


def test_kubernetes_knows_every_field_of_it(job: Document) -> None:
    assert list(faults(job, "V1Job", "run")) == []


def test_a_run_pod_has_its_own_account_and_no_more_rights(job: Document) -> None:
    assert _pod(job)["serviceAccountName"] == "stylize-run"
    security = _container(job)["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert _pod(job)["securityContext"]["runAsNonRoot"] is True


def test_a_run_pod_never_lands_on_spot_or_gpu_nodes(job: Document) -> None:
    assert not _pod(job).get("tolerations")
    assert "nvidia.com/gpu" not in str(_container(job)["resources"])


def test_a_run_pod_has_the_settings_and_the_identity_of_the_code_server(job: Document) -> None:
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels["azure.workload.identity/use"] == "true"
    sources = [source["configMapRef"]["name"] for source in _container(job)["envFrom"]]
    assert sources == [chart.settings_config_map(values())]
    assert not chart.code_location(values())["includeConfigInLaunchedRuns"]["enabled"]
    assert _container(job)["image"] == IMAGE


def _sources(job: Document) -> list[Document]:
    values_from = [variable["valueFrom"] for variable in _container(job)["env"] if "valueFrom" in variable]
    return [*values_from, *_container(job)["envFrom"]]


def test_no_secret_reaches_a_run_pod(job: Document) -> None:
    assert not {"secretKeyRef", "secretRef"} & {key for source in _sources(job) for key in source}
    assert not [volume for volume in _pod(job)["volumes"] if "secret" in volume]


def test_a_run_pod_asks_for_what_a_run_needs_and_not_for_what_the_code_server_has(job: Document) -> None:
    given = chart.launcher_config(values())["run_k8s_config"]["container_config"]["resources"]
    assert _container(job)["resources"] == given
    assert given != chart.code_location(values())["resources"]


def test_every_volume_is_named_once_and_holds_what_is_written(job: Document) -> None:
    names = [volume["name"] for volume in _pod(job)["volumes"]]
    assert len(names) == len(set(names))
    paths = [mount["mountPath"] for mount in _container(job)["volumeMounts"]]
    assert len(paths) == len(set(paths))
    home = chart.code_location(values())["env"]["STYLIZE_HOME"]
    assert {"/tmp", home} <= set(paths)  # noqa: S108


def test_the_node_s_disk_is_claimed_for_what_the_volumes_may_hold(job: Document) -> None:
    sizes = [int(v["emptyDir"]["sizeLimit"].removesuffix("Gi")) for v in _pod(job)["volumes"] if "emptyDir" in v]
    assert int(_container(job)["resources"]["limits"]["ephemeral-storage"].removesuffix("Gi")) >= sum(sizes)


def test_a_finished_run_s_job_goes_within_the_hour_and_is_never_started_twice(job: Document) -> None:
    assert 60 <= job["spec"]["ttlSecondsAfterFinished"] <= 3600
    assert job["spec"]["backoffLimit"] == 0


def test_the_autoscaler_leaves_a_run_alone_and_its_priority_exists(job: Document) -> None:
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert _pod(job)["priorityClassName"] in {item["metadata"]["name"] for item in of_kind("PriorityClass")}


def test_network_policies_find_the_pods_of_runs(job: Document) -> None:
    labels = job["spec"]["template"]["metadata"]["labels"]
    (policy,) = [p for p in of_kind("NetworkPolicy") if p["metadata"]["name"] == "dagster-to-azure"]
    (expression,) = policy["spec"]["podSelector"]["matchExpressions"]
    assert labels[expression["key"]] in expression["values"]
