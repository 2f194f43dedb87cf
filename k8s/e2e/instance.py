"""What the chart would make of ``k8s/values.yaml``, which the end-to-end run so proves."""

import json
from functools import cache
from typing import Any

import yaml

from dagster_project.step_pods import merged
from k8s import chart
from k8s.documents import Document, values
from k8s.e2e.options import Options

PASSWORD_VARIABLE = "DAGSTER_PG_PASSWORD"  # noqa: S105 - a name
SECRET = "stylizer-e2e"  # noqa: S105 - a name
INSTANCE_CONFIG_MAP = f"{chart.RELEASE}-dagster-instance"
WORKSPACE_CONFIG_MAP = f"{chart.RELEASE}-dagster-workspace-yaml"
# How long a finished Job stays: shorter than in production, since the run waits until the last is gone; longer than a
# step takes to be tried again, which asks what became of the pod before.
TTL_SECONDS = 120
# Fewer than the clip has segments, so that some have to wait for their turn.
GPU_PODS_AT_ONCE = 2
# Enough for the clip, and little enough that a pod can be driven out of memory without harm to its node.
STEP_MEMORY = "2Gi"


_SOON_GONE = {"job_spec_config": {"ttl_seconds_after_finished": TTL_SECONDS}}


@cache
def chart_values() -> Document:
    """``k8s/values.yaml``; to be read, not changed."""
    return values()


def schema_of(run: str) -> str:
    """The PostgreSQL schema of the run ``run``."""
    return f"stylize_e2e_{run}"


def container_prefix_of(run: str) -> str:
    """What the names of the run's storage containers begin with."""
    return f"e2e-{run}-"


def database_params(options: Options, run: str) -> dict[str, str]:
    """Further parameters of every connection: those of the URL, and the schema in which tables are made and found."""
    return {**options.database.params, "options": f"-csearch_path={schema_of(run)}"}


def secrets(options: Options) -> dict[str, str]:
    """The variables that only a Secret may hold; the password's by the name that the chart gives it."""
    return {
        PASSWORD_VARIABLE: options.database.password,
        "STYLIZE_MEDIA_SAS_TOKEN": options.media.pod_sas_token,
        "STYLIZE_OPERATIONS_SAS_TOKEN": options.operations.pod_sas_token,
    }


def settings(options: Options, run: str) -> dict[str, str]:
    """The settings of code server, runs and steps: those of the values, but for what differs here."""
    return {
        **chart.code_location(chart_values())["env"],
        "STYLIZE_MEDIA_ACCOUNT_URL": options.media.endpoint,
        "STYLIZE_MEDIA_CREDENTIAL": "sas",
        "STYLIZE_OPERATIONS_ACCOUNT_URL": options.operations.endpoint,
        "STYLIZE_OPERATIONS_CREDENTIAL": "sas",
        "STYLIZE_CONTAINER_PREFIX": container_prefix_of(run),
        "STYLIZE_DEVICE": options.device,
        "STYLIZE_PRECISION": "auto",
        "STYLIZE_GPU_RESOURCE": options.gpu_resource,
        "STYLIZE_STEP_MEMORY": STEP_MEMORY,
        "STYLIZE_POD_CONFIG": json.dumps(step_pod_config(options)),
    }


def step_pod_config(options: Options) -> dict[str, Any]:
    """What is merged into step pods last."""
    # In a namespace of processes of its own, the first process of a container cannot be killed from inside.
    changed = {"pod_spec_config": {"share_process_namespace": True}} if options.kills else {}
    return merged(merged(options.pod_config, _SOON_GONE), changed)


def instance_config(options: Options, run: str) -> str:
    """``dagster.yaml``."""
    given = chart.instance_config(chart_values())
    pools = {**given["concurrency"]["pools"], "default_limit": GPU_PODS_AT_ONCE}
    document = {
        **given,
        "concurrency": {**given["concurrency"], "pools": pools},
        "storage": {"postgres": {"postgres_db": _database_config(options, run)}},
        "run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": _launcher_config(options)},
    }
    return yaml.safe_dump(document, sort_keys=False)


def workspace() -> str:
    """``workspace.yaml`` of daemon and webserver."""
    location = chart.code_location(chart_values())
    server = {"host": location["name"], "port": location["port"], "location_name": location["name"]}
    return yaml.safe_dump({"load_from": [{"grpc_server": server}]})


def _database_config(options: Options, run: str) -> Document:
    database = options.database
    return chart.storage_config(chart_values())["postgres_db"] | {
        "username": database.user,
        "password": {"env": PASSWORD_VARIABLE},
        "hostname": database.host,
        "db_name": database.name,
        "port": database.port,
        "params": database_params(options, run),
    }


def _launcher_config(options: Options) -> Document:
    config = chart.launcher_config(chart_values())
    return config | {
        "job_namespace": options.namespace,
        "env_secrets": [SECRET],
        "run_k8s_config": merged(merged(config["run_k8s_config"], options.pod_config), _SOON_GONE),
    }
