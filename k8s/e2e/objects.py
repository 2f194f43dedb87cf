"""Every object that the end-to-end run makes, in the order in which it makes them."""

from collections.abc import Iterator
from typing import Any

from kubernetes import client

from dagster_project.pod_settings import PodSettings
from k8s import chart
from k8s.documents import Document, manifests
from k8s.e2e import instance
from k8s.e2e.deployments import Server, deployment, service
from k8s.e2e.options import Options

RUN_LABEL = "stylize-e2e"
"""Bears the run's name, on the namespace and on what lies in no namespace: only what has it is ever removed."""

# The rest needs more than a cluster and a store: a registry, a vault, addresses for the network policies.
_KINDS = ("Role", "RoleBinding", "ResourceQuota", "LimitRange")
_ACCOUNTS = ("stylize-control", "stylize-code", "stylize-run", "stylize-step")


def namespace(options: Options, run: str) -> Document:
    """The namespace, as strict as production's where nothing is mounted from the nodes."""
    (given,) = [
        item for item in manifests() if item["kind"] == "Namespace" and item["metadata"]["name"] == chart.NAMESPACE
    ]
    profile = "privileged" if options.mounts_the_host else "restricted"
    labels = {**given["metadata"]["labels"], RUN_LABEL: run}
    labels["pod-security.kubernetes.io/enforce"] = profile
    return {**given, "metadata": {"name": options.namespace, "labels": labels}}


def priority_classes(run: str) -> list[Document]:
    """The priorities of pods, which are the cluster's."""
    return [
        {**item, "metadata": {**item["metadata"], "labels": {RUN_LABEL: run}}}
        for item in manifests()
        if item["kind"] == "PriorityClass"
    ]


def rights_and_limits(options: Options) -> Iterator[Document]:
    """Accounts, rights, quota and limits of ``k8s/manifests/``, in the run's own namespace."""
    for item in manifests():
        is_account = item["kind"] == "ServiceAccount" and item["metadata"]["name"] in _ACCOUNTS
        if not is_account and (item["kind"] not in _KINDS or item["metadata"].get("namespace") != chart.NAMESPACE):
            continue
        metadata = {key: value for key, value in item["metadata"].items() if key != "annotations"}
        moved = {**item, "metadata": {**metadata, "namespace": options.namespace}}
        if "subjects" in item:
            moved["subjects"] = [{**subject, "namespace": options.namespace} for subject in item["subjects"]]
        if item["kind"] == "ResourceQuota":
            moved["spec"] = {"hard": _quota(item["spec"]["hard"], options)}
        yield moved


def _quota(hard: Document, options: Options) -> Document:
    """As there, as many GPUs as the pool of Dagster has places."""
    pods = PodSettings()
    others = {name: limit for name, limit in hard.items() if name != f"requests.{pods.gpu_resource}"}
    return {**others, f"requests.{options.gpu_resource}": str(instance.GPU_PODS_AT_ONCE * pods.gpu_per_step)}


def configuration(options: Options, run: str) -> Iterator[Any]:
    """Instance, workspace, settings, and the secrets."""
    contents = {
        instance.INSTANCE_CONFIG_MAP: {"dagster.yaml": instance.instance_config(options, run)},
        instance.WORKSPACE_CONFIG_MAP: {"workspace.yaml": instance.workspace()},
        chart.settings_config_map(instance.chart_values()): instance.settings(options, run),
    }
    for name, data in contents.items():
        metadata = client.V1ObjectMeta(name=name, namespace=options.namespace)
        yield client.V1ConfigMap(api_version="v1", kind="ConfigMap", metadata=metadata, data=data)
    yield client.V1Secret(
        api_version="v1",
        kind="Secret",
        metadata=client.V1ObjectMeta(name=instance.SECRET, namespace=options.namespace),
        string_data=instance.secrets(options),
    )


def of_server(server: Server, options: Options) -> Iterator[Any]:
    """The Deployment of a server, and its Service if it listens."""
    yield deployment(server, options)
    if server.port is not None:
        yield service(server, options)
