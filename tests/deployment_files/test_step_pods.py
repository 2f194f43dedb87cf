"""What dagster-k8s sends to Kubernetes for the steps of a run, with these values and the default settings.

The executor of the loaded definitions executes real runs; the API server notes each Job and then refuses it, so that
the run ends there.
"""

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

from dagster_project.pod_settings import PodSettings
from k8s import chart
from k8s.documents import K8S, Document, of_kind, values
from tests.deployment_files.api_server import recording_api_server, write_kubeconfig
from tests.deployment_files.kubernetes_fields import faults
from tests.deployment_files.snapshots import check_snapshot

IMAGE = "registry.example/stylize:0.1.0"
# By a job of its own, as the command line and the sensors launch it; by the job of everything that has none: the UI,
# its backfills, and automation.
JOBS = {"job": "style_segment_job", "materialization": "__ASSET_JOB"}


class Cluster:
    """An instance whose runs are executed as in the cluster."""

    def __init__(self, instance: dg.DagsterInstance, received: list[Document]) -> None:
        self._instance = instance
        self._received = received
        self._repository = ReconstructableRepository(
            pointer=ModuleCodePointer("tests.deployment_files.cluster_definitions", "defs", None), container_image=IMAGE
        )

    def job_of_step(self, job: str, asset: str, partition: str) -> Document:
        """The Kubernetes Job of the step that makes ``asset``, in a run of the Dagster job ``job``."""
        selection = frozenset({dg.AssetKey(asset)}) if job == "__ASSET_JOB" else None
        known = len(self._received)
        dg.execute_job(
            ReconstructableJob(self._repository, job, asset_selection=selection),
            instance=self._instance,
            tags={"dagster/partition": partition},
            raise_on_error=False,
        )
        (sent,) = self._received[known:]
        assert sent.pop("path") == f"/apis/batch/v1/namespaces/{chart.NAMESPACE}/jobs"
        return sent


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with recording_api_server(status=403) as (address, received):
        outside = {"load_incluster_config": False, "kubeconfig_file": str(write_kubeconfig(folder / "config", address))}
        launcher = {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": {**chart.launcher_config(values()), **outside},
        }
        with dg.DagsterInstance.local_temp(str(folder), overrides={"run_launcher": launcher}) as instance:
            yield Cluster(instance, received)


@pytest.fixture(scope="module")
def styling(cluster: Cluster) -> dict[str, Document]:
    """The Job of a segment's styling, by how it was launched."""
    return {way: cluster.job_of_step(job, "styled_frames", "clip|000") for way, job in JOBS.items()}


@pytest.fixture(scope="module")
def jobs(cluster: Cluster, styling: dict[str, Document]) -> dict[str, Document]:
    """Every kind of step: with a GPU, and without."""
    return {
        "gpu-step": styling["job"],
        "training-step": cluster.job_of_step("load_style_job", "style_model", "great-wave"),
        "cpu-step": cluster.job_of_step("split_frames_job", "frames", "clip|000"),
    }


GPU_STEPS = ("gpu-step", "training-step")
STEPS = (*GPU_STEPS, "cpu-step")


def _pod(job: Document) -> Document:
    return job["spec"]["template"]["spec"]


def _container(job: Document) -> Document:
    (container,) = _pod(job)["containers"]
    return container


def _gibibytes(size: str) -> int:
    return int(size.removesuffix("Gi"))


@pytest.mark.parametrize("step", STEPS)
def test_it_is_the_job_of_the_snapshot(jobs: dict[str, Document], step: str) -> None:
    check_snapshot(step, jobs[step])


@pytest.mark.parametrize("step", STEPS)
def test_kubernetes_knows_every_field_of_it(jobs: dict[str, Document], step: str) -> None:
    assert list(faults(jobs[step], "V1Job", step)) == []


def test_a_segment_s_pod_is_the_same_however_its_run_was_launched(styling: dict[str, Document]) -> None:
    one, other = ({**_pod(job), "containers": _container(job)["resources"]} for job in styling.values())
    assert one == other


@pytest.mark.parametrize("step", GPU_STEPS)
def test_who_styles_or_trains_gets_one_gpu_on_the_nodes_that_have_them(jobs: dict[str, Document], step: str) -> None:
    assert _container(jobs[step])["resources"]["limits"]["nvidia.com/gpu"] == "1"
    (daemon_set,) = [d for d in of_kind("DaemonSet") if d["metadata"]["name"] == "image-prepull"]
    node = daemon_set["spec"]["template"]["spec"]
    assert _pod(jobs[step])["nodeSelector"] == node["nodeSelector"]
    assert _pod(jobs[step])["tolerations"] == node["tolerations"]


def test_other_steps_stay_off_gpu_and_spot_nodes(jobs: dict[str, Document]) -> None:
    assert not _pod(jobs["cpu-step"]).get("tolerations")
    assert "nodeSelector" not in _pod(jobs["cpu-step"])
    assert "nvidia.com/gpu" not in str(_container(jobs["cpu-step"])["resources"])


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_sure_of_its_memory_and_asks_for_more_than_the_run_that_leads_it(
    jobs: dict[str, Document], step: str
) -> None:
    resources = _container(jobs[step])["resources"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    leader = chart.launcher_config(values())["run_k8s_config"]["container_config"]["resources"]
    assert _gibibytes(resources["limits"]["memory"]) > _gibibytes(leader["limits"]["memory"])
    assert "cpu" not in resources["limits"]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_has_the_account_and_the_priority_of_steps(jobs: dict[str, Document], step: str) -> None:
    assert _pod(jobs[step])["serviceAccountName"] in {item["metadata"]["name"] for item in of_kind("ServiceAccount")}
    assert _pod(jobs[step])["serviceAccountName"] == "stylize-step"
    assert _pod(jobs[step])["priorityClassName"] in {item["metadata"]["name"] for item in of_kind("PriorityClass")}
    assert jobs[step]["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"] == "true"


@pytest.mark.parametrize("step", STEPS)
def test_no_step_may_write_to_its_root_or_become_root(jobs: dict[str, Document], step: str) -> None:
    assert _pod(jobs[step])["securityContext"]["runAsNonRoot"] is True
    assert (
        _container(jobs[step])["securityContext"]
        == values()["runLauncher"]["config"]["k8sRunLauncher"]["securityContext"]
    )


@pytest.mark.parametrize("step", STEPS)
def test_every_volume_is_named_once_and_mounted_once(jobs: dict[str, Document], step: str) -> None:
    names = [volume["name"] for volume in _pod(jobs[step])["volumes"]]
    mounts = _container(jobs[step])["volumeMounts"]
    assert len(names) == len(set(names))
    assert sorted(names) == sorted(mount["name"] for mount in mounts)
    assert len(mounts) == len({mount["mountPath"] for mount in mounts})


@pytest.mark.parametrize("step", GPU_STEPS)
def test_shared_memory_is_memory_and_leaves_most_of_it_to_the_step(jobs: dict[str, Document], step: str) -> None:
    (name,) = [mount["name"] for mount in _container(jobs[step])["volumeMounts"] if mount["mountPath"] == "/dev/shm"]  # noqa: S108
    (volume,) = [volume["emptyDir"] for volume in _pod(jobs[step])["volumes"] if volume["name"] == name]
    assert volume["medium"] == "Memory"
    limit = _container(jobs[step])["resources"]["limits"]["memory"]
    assert 2 * _gibibytes(volume["sizeLimit"]) <= _gibibytes(limit)


@pytest.mark.parametrize("step", STEPS)
def test_a_job_is_one_attempt_and_its_pod_can_be_asked_about_by_the_next(jobs: dict[str, Document], step: str) -> None:
    spec = jobs[step]["spec"]
    assert spec["backoffLimit"] == 0
    assert _pod(jobs[step])["restartPolicy"] == "Never"
    assert PodSettings().step_start_timeout_seconds < spec["ttlSecondsAfterFinished"] <= 3600


@pytest.mark.parametrize("step", STEPS)
def test_network_policies_find_the_pods_of_steps(jobs: dict[str, Document], step: str) -> None:
    labels = jobs[step]["spec"]["template"]["metadata"]["labels"]
    (policy,) = [p for p in of_kind("NetworkPolicy") if p["metadata"]["name"] == "dagster-to-azure"]
    (expression,) = policy["spec"]["podSelector"]["matchExpressions"]
    assert labels[expression["key"]] in expression["values"]


def test_the_pool_of_gpus_holds_as_many_steps_as_the_quota_allows_gpus() -> None:
    (quota,) = of_kind("ResourceQuota")
    allowed = int(quota["spec"]["hard"]["requests.nvidia.com/gpu"])
    pools: dict[str, Any] = values()["concurrency"]["pools"]
    assert pools == {"granularity": "op", "defaultLimit": allowed // PodSettings().gpu_per_step}


def test_what_runs_at_once_fits_into_the_namespace_s_quota_and_the_cpu_nodes(jobs: dict[str, Document]) -> None:
    (quota,) = of_kind("ResourceQuota")
    concurrency = values()["concurrency"]
    runs = concurrency["runs"]["maxConcurrentRuns"]
    with_its_run = _gibibytes(_container(jobs["cpu-step"])["resources"]["requests"]["memory"]) + 1
    assert runs * with_its_run <= _gibibytes(quota["spec"]["hard"]["requests.memory"])
    assert 2 * runs <= int(quota["spec"]["hard"]["pods"])
    (nodes,) = re.findall(r'"cpu_max_nodes" \{.*?default\s+= (\d+)', (K8S / "azure" / "variables.tf").read_text(), re.S)
    # 28 of a node's 32 GiB are for pods; one node is for those that are always there.
    assert runs - concurrency["pools"]["defaultLimit"] <= (int(nodes) - 1) * (28 // with_its_run)


def _minutes(pattern: str, file: str) -> int:
    (minutes,) = re.findall(pattern, (K8S / "azure" / file).read_text())
    return int(minutes)


def test_a_spot_machine_may_fail_to_come_and_one_on_demand_be_made_before_a_step_is_given_up() -> None:
    provisioning_minutes = _minutes(r'max_node_provisioning_time = "(\d+)m"', "aks.tf")
    assert PodSettings().step_start_timeout_seconds > 60 * 2 * provisioning_minutes


def test_operators_hear_of_a_waiting_pod_before_its_step_is_given_up() -> None:
    waiting_minutes = _minutes(r"PodCreationTimeStamp < ago\((\d+)m\)", "monitoring.tf")
    evaluated_minutes = _minutes(r'evaluation_frequency = "PT(\d+)M"', "monitoring.tf")
    assert PodSettings().step_start_timeout_seconds > 60 * (waiting_minutes + evaluated_minutes)
