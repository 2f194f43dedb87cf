"""Where the steps of a run are executed: in its process, each in one of its own, or each in a pod of its own.

https://docs.dagster.io/guides/operate/run-executors
"""

from collections.abc import Iterable

import dagster as dg

from assets.gpu_pool import GPU_POOL
from dagster_project.pod_settings import PodSettings
from dagster_project.settings import Settings
from dagster_project.step_pods import gpu_pod, merged, step_pod


def choose_executor(settings: Settings, assets: Iterable[dg.AssetsDefinition]) -> dg.ExecutorDefinition:
    """The executor of every run of a deployment: of jobs, automation, backfills, and what people materialize in the UI.

    Args:
        settings: of the deployment.
        assets: all of them; those in the pool of GPUs get pods with GPUs.

    Raises:
        SettingsError: ``STYLIZE_POD_CONFIG`` is no configuration that dagster-k8s takes.
    """
    if settings.executor == "kubernetes":
        return _pod_per_step(settings.pods, [asset.op.name for asset in assets if asset.op.pool == GPU_POOL])
    if settings.executor == "multiprocess":
        # One after the other: a step that styles, decodes or encodes uses all cores by itself.
        return dg.multiprocess_executor.configured({"max_concurrent": 1})
    return dg.in_process_executor


def _pod_per_step(pods: PodSettings, gpu_ops: Iterable[str]) -> dg.ExecutorDefinition:
    # They bring the Kubernetes client, which a laptop can do without.
    from dagster_k8s import k8s_job_executor

    from dagster_project.step_start_timeout import with_start_timeout

    configured = k8s_job_executor.configured(
        {
            "step_k8s_config": merged(step_pod(pods), pods.pod_config),
            # Not in tags of the assets: they are made when modules load, before there are settings.
            "per_step_k8s_config": dict.fromkeys(gpu_ops, merged(gpu_pod(pods), pods.pod_config)),
        }
    )
    return with_start_timeout(configured, seconds=pods.step_start_timeout_seconds)
