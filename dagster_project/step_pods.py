"""What dagster-k8s is told about the pods of steps: on top of the run launcher's configuration, which they inherit.

dagster-k8s merges deeply: a mapping joins the launcher's, a list is appended to it, anything else replaces it. So
nothing here names a volume of the launcher again (the API server refuses a pod with one name twice), and scratch
space, its claim on the node's disk, identity, environment and security come from there.
"""

from collections.abc import Mapping
from typing import Any

from dagster_project.pod_settings import POD_CONFIG_SECTIONS, PodSettings
from stylize.errors import SettingsError

PRIORITY_CLASS = "stylize-step"
# A spot machine is taken back within this time: a pod that asked for more would not get it.
GRACE_SECONDS = 30
SHARED_MEMORY_SIZE = "1Gi"

GPU_TAINT = {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}
SPOT_TAINT = {
    "key": "kubernetes.azure.com/scalesetpriority",
    "operator": "Equal",
    "value": "spot",
    "effect": "NoSchedule",
}


def step_pod(pods: PodSettings) -> dict[str, Any]:
    """The dagster-k8s configuration of every step pod; without tolerations, so it stays off GPU and spot nodes."""
    memory = {"memory": pods.step_memory}
    return {
        "container_config": {
            # No limit of CPU: it would slow a step down while its node is idle.
            "resources": {"requests": {"cpu": pods.step_cpu, **memory}, "limits": memory},
        },
        "pod_spec_config": {
            "service_account_name": pods.step_service_account,
            "priority_class_name": PRIORITY_CLASS,
            "termination_grace_period_seconds": GRACE_SECONDS,
        },
        "pod_template_spec_metadata": {"labels": {"azure.workload.identity/use": "true"}},
        "job_spec_config": {
            # Dagster makes a Job for each attempt; a pod that Kubernetes added to it would find nothing to do.
            "backoff_limit": 0,
            # The next attempt asks what became of this pod, and it may have to wait for a node first.
            "ttl_seconds_after_finished": pods.step_start_timeout_seconds + 600,
        },
    }


def gpu_pod(pods: PodSettings) -> dict[str, Any]:
    """What a pod that styles or refines has besides; nothing where steps have no GPU."""
    if pods.gpu_per_step == 0:
        return {}
    return {
        "container_config": {
            "resources": {"limits": {pods.gpu_resource: str(pods.gpu_per_step)}},
            "volume_mounts": [{"name": "shared-memory", "mount_path": "/dev/shm"}],  # noqa: S108
        },
        "pod_spec_config": {
            "node_selector": dict(pods.gpu_node_selector),
            "tolerations": [GPU_TAINT, SPOT_TAINT] if pods.gpu_on_spot else [GPU_TAINT],
            # The container runtime gives 64 MB: too little for PyTorch's worker processes and for several GPUs.
            "volumes": [{"name": "shared-memory", "empty_dir": {"medium": "Memory", "size_limit": SHARED_MEMORY_SIZE}}],
        },
    }


def merged(config: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
    """Two dagster-k8s configurations, merged as dagster-k8s merges them.

    Raises:
        SettingsError: ``last``, which is what ``STYLIZE_POD_CONFIG`` says, has a field that Kubernetes does not know.
    """
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import UserDefinedDagsterK8sConfig

    def context(part: Mapping[str, Any]) -> K8sContainerContext:
        return K8sContainerContext(run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(part))

    ours = context(config)
    try:
        theirs = context(last)
    except Exception as error:  # dagster-k8s raises nothing narrower
        raise SettingsError(f"STYLIZE_POD_CONFIG cannot be used: {error}") from error
    both = ours.merge(theirs).run_k8s_config.to_dict()
    return {section: both[section] for section in POD_CONFIG_SECTIONS if both[section]}
