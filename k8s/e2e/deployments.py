"""Code server, daemon and webserver as plain objects, with limits, probes and security of ``k8s/values.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
from kubernetes import client

from dagster_project.step_pods import merged
from k8s import chart
from k8s.documents import Document
from k8s.e2e.instance import INSTANCE_CONFIG_MAP, SECRET, WORKSPACE_CONFIG_MAP, chart_values
from k8s.e2e.options import Options

EVERYWHERE = "0.0.0.0"  # noqa: S104 - who may come near is a matter of network policies
WORKSPACE_FILE = "/dagster-workspace/workspace.yaml"
WEBSERVER = f"{chart.RELEASE}-webserver"
DAEMON = f"{chart.RELEASE}-daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One long-running process.

    Attributes:
        name: of its Deployment and Service.
        given: its part of the values.
        service_account: whom it runs as.
        labels: by which the network policies know it.
        command: what runs.
        port: what it listens on, if anything.
        probe: how to ask for its health, where the values leave that to the chart.
        instance: whether it opens the Dagster instance by itself.
        env: variables besides the common ones.
    """

    name: str
    given: Document
    service_account: str
    labels: Mapping[str, str]
    command: list[str]
    port: int | None = None
    probe: Mapping[str, Any] = field(default_factory=dict)
    instance: bool = True
    env: Mapping[str, str] = field(default_factory=dict)


def servers(options: Options) -> list[Server]:
    """The three servers of a deployment."""
    everything = chart_values()
    code, control = chart.code_location(everything), everything["serviceAccount"]["name"]
    port, web_port = code["port"], everything["dagsterWebserver"]["service"]["port"]
    return [
        Server(
            name=code["name"],
            given=code,
            service_account=everything["dagster-user-deployments"]["serviceAccount"]["name"],
            labels={"app.kubernetes.io/name": "dagster-user-deployments", "component": "user-deployments"},
            command=["dagster", "api", "grpc", "--host", EVERYWHERE, "--port", str(port), *code["dagsterApiGrpcArgs"]],
            port=port,
            probe={"exec": {"command": ["dagster", "api", "grpc-health-check", "--port", str(port)]}},
            instance=False,
            env={"DAGSTER_CURRENT_IMAGE": options.image},
        ),
        Server(
            name=DAEMON,
            given=everything["dagsterDaemon"],
            service_account=control,
            labels={"app.kubernetes.io/name": "dagster", "component": "dagster-daemon"},
            command=["dagster-daemon", "run", "--workspace", WORKSPACE_FILE],
        ),
        Server(
            name=WEBSERVER,
            given=everything["dagsterWebserver"],
            service_account=control,
            labels={"app.kubernetes.io/name": "dagster", "component": "dagster-webserver"},
            command=["dagster-webserver", "--host", EVERYWHERE, "--port", str(web_port), "--workspace", WORKSPACE_FILE],
            port=web_port,
        ),
    ]


def deployment(server: Server, options: Options) -> client.V1Deployment:
    """The Deployment of ``server``, of one pod."""
    labels = {**server.labels, **server.given["labels"], "deployment": server.name}
    config = {
        "container_config": _container(server, options),
        "pod_spec_config": {
            "service_account_name": server.service_account,
            "security_context": server.given["podSecurityContext"],
            "affinity": server.given.get("affinity", {}),
            "volumes": [*server.given["volumes"], *(_INSTANCE_VOLUMES if server.instance else [])],
        },
        "pod_template_spec_metadata": {"labels": labels},
    }
    selector = {"deployment": server.name}
    return client.V1Deployment(
        api_version="apps/v1",
        kind="Deployment",
        metadata=client.V1ObjectMeta(name=server.name, namespace=options.namespace, labels=labels),
        spec=client.V1DeploymentSpec(
            replicas=1, selector=client.V1LabelSelector(match_labels=selector), template=pod_template(config, options)
        ),
    )


def pod_template(config: Mapping[str, Any], options: Options) -> Any:
    """A pod of one container, from keys as in ``dagster-k8s/config``, with the pod configuration merged in last."""
    given = merged(config, options.pod_config)
    container = {"name": "dagster", "image": options.image, **given["container_config"]}
    template = {
        "metadata": given.get("pod_template_spec_metadata", {}),
        "spec": {"containers": [container], **given["pod_spec_config"]},
    }
    return k8s_model_from_dict(client.V1PodTemplateSpec, k8s_snake_case_dict(client.V1PodTemplateSpec, template))


def service(server: Server, options: Options) -> client.V1Service:
    """The Service by which the others find ``server``."""
    return client.V1Service(
        api_version="v1",
        kind="Service",
        metadata=client.V1ObjectMeta(name=server.name, namespace=options.namespace),
        spec=client.V1ServiceSpec(
            selector={"deployment": server.name}, ports=[client.V1ServicePort(name="server", port=server.port)]
        ),
    )


def _container(server: Server, options: Options) -> Document:
    home = chart_values()["global"]["dagsterHome"]
    probes = {
        name: {**server.probe, **{key: value for key, value in server.given[name].items() if key != "enabled"}}
        for name in ("readinessProbe", "livenessProbe", "startupProbe")
        if name in server.given
    }
    return {
        "args": server.command,
        "imagePullPolicy": server.given["image"]["pullPolicy"],
        "env": [{"name": name, "value": value} for name, value in {"DAGSTER_HOME": home, **server.env}.items()],
        "envFrom": [
            {"configMapRef": {"name": chart.settings_config_map(chart_values())}},
            {"secretRef": {"name": SECRET}},
        ],
        "resources": server.given["resources"],
        "securityContext": server.given["securityContext"],
        "volumeMounts": [*server.given["volumeMounts"], *(_instance_mounts(home) if server.instance else [])],
        **probes,
    }


_INSTANCE_VOLUMES = [
    {"name": "dagster-instance", "configMap": {"name": INSTANCE_CONFIG_MAP}},
    {"name": "dagster-workspace", "configMap": {"name": WORKSPACE_CONFIG_MAP}},
]


def _instance_mounts(home: str) -> list[Document]:
    return [
        {"name": "dagster-instance", "mountPath": f"{home}/dagster.yaml", "subPath": "dagster.yaml"},
        {"name": "dagster-workspace", "mountPath": WORKSPACE_FILE, "subPath": "workspace.yaml"},
    ]
