"""A pod that does one thing and ends: where something must be done, or tried, from inside the cluster."""

from collections.abc import Sequence
from typing import Any

from kubernetes import client

from k8s import chart
from k8s.e2e.cluster import Cluster, found, wait_until
from k8s.e2e.deployments import pod_template
from k8s.e2e.instance import SECRET, chart_values
from k8s.e2e.options import E2eError, Options

DEADLINE_SECONDS = 180.0
ENDS = ("Succeeded", "Failed")


def run_python(
    cluster: Cluster,
    options: Options,
    name: str,
    program: str,
    *,
    arguments: Sequence[str] = (),
    account: str,
) -> str:
    """Run a Python program in a pod of the deployment's image and settings, and return what it printed.

    Args:
        cluster: where.
        options: of the run.
        name: of the pod.
        program: its source.
        arguments: what it finds in ``sys.argv`` behind its name.
        account: the service account that the pod runs as.

    Raises:
        E2eError: the pod cannot be made, does not end in time, or fails.
    """
    body = client.V1Pod(
        metadata=client.V1ObjectMeta(name=name, namespace=cluster.namespace),
        spec=_template(options, ["python3", "-c", program, *arguments], account).spec,
    )
    cluster.core.create_namespaced_pod(cluster.namespace, body)
    try:
        wait_until(
            lambda: _phase(cluster, name) in ENDS,
            f"the pod {name} ends",
            seconds=DEADLINE_SECONDS,
            hint=lambda: f"; see kubectl --namespace {cluster.namespace} describe pod {name}",
        )
        printed = cluster.log(name)
        if _phase(cluster, name) == "Failed":
            raise E2eError(f"the pod {name} failed: {(printed.strip().splitlines() or ['it said nothing'])[-1]}")
        return printed
    finally:
        found(lambda: cluster.core.delete_namespaced_pod(name, cluster.namespace, grace_period_seconds=0))


def _phase(cluster: Cluster, name: str) -> str:
    return cluster.core.read_namespaced_pod(name, cluster.namespace).status.phase


def _template(options: Options, command: list[str], account: str) -> Any:
    launcher = chart.launcher_config(chart_values())
    config = {
        "container_config": {
            "command": command,
            "env_from": [
                {"config_map_ref": {"name": chart.settings_config_map(chart_values())}},
                {"secret_ref": {"name": SECRET}},
            ],
            "security_context": launcher["security_context"],
            "volume_mounts": launcher["volume_mounts"],
        },
        "pod_spec_config": {
            "restart_policy": "Never",
            "service_account_name": account,
            "security_context": launcher["run_k8s_config"]["pod_spec_config"]["securityContext"],
            "volumes": launcher["volumes"],
        },
    }
    return pod_template(config, options)
