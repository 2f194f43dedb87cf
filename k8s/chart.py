"""What the Dagster chart, 1.13.27, makes of k8s/values.yaml: as far as these values use it.

Written down from the chart's templates. Helm itself checks the values against the chart's schema when it is run; this
is for finding a slip before that, and for handing the result to Dagster's own code.
"""

import re
from typing import Any

from k8s.documents import Document

RELEASE = "stylizer"
NAMESPACE = "stylize"

_IMAGE = {"repository": "str", "tag": "str", "pullPolicy": "str"}
_POD = {
    "image": _IMAGE,
    "labels": "dict[str, str]",
    "podSecurityContext": "V1PodSecurityContext",
    "securityContext": "V1SecurityContext",
    "resources": "V1ResourceRequirements",
    "livenessProbe": "V1Probe",
    "volumes": "list[V1Volume]",
    "volumeMounts": "list[V1VolumeMount]",
}
_DEPLOYMENT = {**_POD, "checkDbReadyInitContainer": "bool", "initContainerResources": "V1ResourceRequirements"}
_SWITCH = {"enabled": "bool"}
_TICKS = {"purgeAfterDays": {"skipped": "int", "success": "int", "failure": "int", "started": "int"}}

# Every key that values.yaml uses, with its type: a name of kubernetes.client, a plain type, or keys again.
KEYS: dict[str, Any] = {
    "global": {"dagsterHome": "str", "postgresqlAuthWifEnabled": "bool"},
    "rbacEnabled": "bool",
    "serviceAccount": {"create": "bool", "name": "str"},
    "postgresql": {
        "enabled": "bool",
        "postgresqlHost": "str",
        "postgresqlUsername": "str",
        "postgresqlDatabase": "str",
        "postgresqlScheme": "str",
        "postgresqlParams": "dict[str, str]",
        "authProvider": {"type": "str", "azureScope": "str"},
        "service": {"port": "int"},
    },
    "generatePostgresqlPasswordSecret": "bool",
    "generateCeleryConfigSecret": "bool",
    "rabbitmq": _SWITCH,
    "redis": _SWITCH,
    "telemetry": _SWITCH,
    "ingress": _SWITCH,
    "flower": _SWITCH,
    "dagsterWebserver": {
        **_DEPLOYMENT,
        "nameOverride": "str",
        "replicaCount": "int",
        "enableReadOnly": "bool",
        "service": {"type": "str", "port": "int"},
        "readinessProbe": "V1Probe",
        "startupProbe": "probe with switch",
        "affinity": "V1Affinity",
    },
    "dagsterDaemon": {
        **_DEPLOYMENT,
        "envConfigMaps": "list[V1ConfigMapEnvSource]",
        "enabled": "bool",
        "heartbeatTolerance": "int",
        "runCoordinator": {
            "enabled": "bool",
            "type": "str",
            "config": {
                "queuedRunCoordinator": {
                    "dequeueIntervalSeconds": "int",
                    "dequeueUseThreads": "bool",
                    "dequeueNumWorkers": "int",
                }
            },
        },
        "runMonitoring": {
            "enabled": "bool",
            "startTimeoutSeconds": "int",
            "cancelTimeoutSeconds": "int",
            "maxResumeRunAttempts": "int",
            "pollIntervalSeconds": "int",
            "freeSlotsAfterRunEndSeconds": "int",
        },
        "runRetries": {"enabled": "bool", "maxRetries": "int", "retryOnAssetOrOpFailure": "bool"},
        "sensors": {"useThreads": "bool", "numWorkers": "int"},
    },
    "concurrency": {
        "enabled": "bool",
        "runs": {"maxConcurrentRuns": "int", "tagConcurrencyLimits": "list[object]"},
        "pools": {"granularity": "str", "defaultLimit": "int"},
    },
    "dagster-user-deployments": {
        "enabled": "bool",
        "enableSubchart": "bool",
        "serviceAccount": {"create": "bool", "name": "str"},
        "deployments": [
            {
                **_POD,
                "name": "str",
                "dagsterApiGrpcArgs": "list[str]",
                "port": "int",
                "includeConfigInLaunchedRuns": _SWITCH,
                "env": "dict[str, str]",
                "readinessProbe": "probe with switch",
                "startupProbe": "probe with switch",
            }
        ],
    },
    "runLauncher": {
        "type": "str",
        "config": {
            "k8sRunLauncher": {
                "imagePullPolicy": "str",
                "loadInclusterConfig": "bool",
                "failPodOnRunFailure": "bool",
                "envConfigMaps": "list[V1ConfigMapEnvSource]",
                "labels": "dict[str, str]",
                "volumes": "list[V1Volume]",
                "volumeMounts": "list[V1VolumeMount]",
                "securityContext": "V1SecurityContext",
                "runK8sConfig": {
                    "containerConfig": "part of V1Container",
                    "podSpecConfig": "part of V1PodSpec",
                    "podTemplateSpecMetadata": "V1ObjectMeta",
                    "jobSpecConfig": "part of V1JobSpec",
                },
            }
        },
    },
    "computeLogManager": {
        "type": "str",
        "config": {
            "azureBlobComputeLogManager": {
                "storageAccount": "str",
                "container": "str",
                "prefix": "str",
                "defaultAzureCredential": "dict[str, object]",
                "uploadInterval": "int",
            }
        },
    },
    "pythonLogs": {"pythonLogLevel": "str", "dagsterHandlerConfig": "dict[str, object]"},
    "retention": {"enabled": "bool", "sensor": _TICKS, "autoMaterialize": _TICKS},
    "additionalInstanceConfig": "dict[str, object]",
    "busybox": {"image": _IMAGE},
}


def _snake(key: str) -> str:
    return re.sub(r"(?<!^)[A-Z]", lambda letter: f"_{letter[0].lower()}", key)


def _snake_keys(mapping: Document) -> Document:
    return {_snake(key): value for key, value in mapping.items()}


def code_location(values: Document) -> Document:
    """The one code server among the values."""
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    return deployment


def launcher_config(values: Document) -> Document:
    """``run_launcher.config`` of dagster.yaml."""
    given = _snake_keys(values["runLauncher"]["config"]["k8sRunLauncher"])
    given["run_k8s_config"] = _snake_keys(given["run_k8s_config"])
    given["env_config_maps"] = [source["name"] for source in given["env_config_maps"]]
    return {
        **given,
        "job_namespace": NAMESPACE,
        "service_account_name": values["serviceAccount"]["name"],
        "dagster_home": values["global"]["dagsterHome"],
        "instance_config_map": f"{RELEASE}-dagster-instance",
    }


def settings_config_map(values: Document) -> str:
    """The ConfigMap that the chart makes of the code server's env."""
    return f"{RELEASE}-dagster-user-deployments-{code_location(values)['name']}-user-env"


def storage_config(values: Document) -> Document:
    """``config`` of the three storages of dagster.yaml."""
    given = values["postgresql"]
    return {
        "postgres_db": {
            "username": given["postgresqlUsername"],
            "hostname": given["postgresqlHost"],
            "db_name": given["postgresqlDatabase"],
            "port": given["service"]["port"],
            "params": given["postgresqlParams"],
            "scheme": given["postgresqlScheme"],
        },
        "auth_provider": {given["authProvider"]["type"]: {"scope": given["authProvider"]["azureScope"]}},
    }


def compute_log_config(values: Document) -> Document:
    """``compute_logs.config`` of dagster.yaml."""
    return _snake_keys(values["computeLogManager"]["config"]["azureBlobComputeLogManager"])


def instance_config(values: Document) -> Document:
    """dagster.yaml but for storages, launcher and compute logs, which are classes with config of their own."""
    daemon, concurrency, retention = values["dagsterDaemon"], values["concurrency"], values["retention"]
    return {
        "telemetry": values["telemetry"],
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": _snake_keys(daemon["runCoordinator"]["config"]["queuedRunCoordinator"]),
        },
        "run_monitoring": _snake_keys(daemon["runMonitoring"]),
        "run_retries": _snake_keys(daemon["runRetries"]),
        "sensors": _snake_keys(daemon["sensors"]),
        "concurrency": {"runs": _snake_keys(concurrency["runs"]), "pools": _snake_keys(concurrency["pools"])},
        "python_logs": _snake_keys(values["pythonLogs"]),
        "retention": {
            _snake(kind): {"purge_after_days": retention[kind]["purgeAfterDays"]}
            for kind in ("sensor", "autoMaterialize")
        },
        **values["additionalInstanceConfig"],
    }
