"""The values are what the chart takes, and what it makes of them is what Dagster takes."""

import copy
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import yaml
from dagster import Shape
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config_schema
from dagster._core.storage.config import pg_config
from dagster_azure.blob.compute_log_manager import AzureBlobComputeLogManager
from dagster_k8s import K8sRunLauncher
from kubernetes import client

from dagster_project.cli.home import INSTANCE_SETTINGS
from dagster_project.pod_settings import PodSettings
from dagster_project.settings import Settings, load_settings
from k8s import chart
from k8s.documents import MANIFESTS, ROOT, Document, name_of, of_kind, values
from tests.deployment_files.kubernetes_fields import faults
from tests.deployment_files.kustomized import kustomize


def _faults(value: Any, keys: Any, where: str = "values") -> Iterator[str]:
    if isinstance(keys, dict):
        for key, item in value.items():
            yield from _faults(item, keys[key], f"{where}.{key}") if key in keys else [f"{where} has no key {key!r}"]
    elif isinstance(keys, list):
        for item in value:
            yield from _faults(item, keys[0], f"{where}[]")
    elif keys == "probe with switch":
        yield from faults({key: item for key, item in value.items() if key != "enabled"}, "V1Probe", where)
    elif keys.startswith("part of "):
        model = getattr(client, keys.removeprefix("part of "))
        fields = {field: attribute for attribute, field in model.attribute_map.items()}
        for key, item in value.items():
            kind = model.openapi_types[fields[key]] if key in fields else None
            yield from faults(item, kind, f"{where}.{key}") if kind else [f"{where} has no field {key!r}"]
    else:
        yield from faults(value, keys, where)


def _accepted(schema: Any, config: Document) -> Any:
    checked = process_config(schema, config)
    assert checked.success, [error.message for error in checked.errors or []]
    return checked.value


def test_every_value_has_a_key_of_the_chart_and_its_type() -> None:
    assert list(_faults(values(), chart.KEYS)) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (["dagsterDaemon", "runMonitoring", "startTimeoutSeconds"], "startTimeoutSecs"),
        (["dagsterWebserver", "readinessProbe", "httpGet"], "httpget"),
        (["runLauncher", "config", "k8sRunLauncher", "runK8sConfig", "podSpecConfig", "securityContext"], "security"),
        (["dagster-user-deployments", "deployments", 0, "volumes", 0, "emptyDir"], "emptydir"),
    ],
)
def test_a_misspelled_value_is_found(path: list[Any], wrong: str) -> None:
    damaged = copy.deepcopy(values())
    place: Any = damaged
    for key in path[:-1]:
        place = place[key]
    place[wrong] = place.pop(path[-1])
    assert list(_faults(damaged, chart.KEYS))


def test_dagster_accepts_the_instance_that_the_chart_makes() -> None:
    instance = chart.instance_config(values())
    schema = {name: field for name, field in dagster_instance_config_schema().items() if name in instance}
    assert schema.keys() == instance.keys()
    _accepted(Shape(schema), instance)


def test_dagster_accepts_launcher_storage_and_compute_logs() -> None:
    _accepted(Shape(K8sRunLauncher.config_type()), chart.launcher_config(values()))
    _accepted(Shape(pg_config()), chart.storage_config(values()))
    _accepted(Shape(AzureBlobComputeLogManager.config_type()), chart.compute_log_config(values()))


def test_the_database_has_no_password() -> None:
    assert "password" not in str(values()["postgresql"]).lower()
    assert values()["global"]["postgresqlAuthWifEnabled"] is True


def test_runs_are_queued_and_retried_as_on_one_machine() -> None:
    local, cluster = yaml.safe_load(INSTANCE_SETTINGS), chart.instance_config(values())
    for shared in ("telemetry", "nux", "run_retries"):
        assert cluster[shared] == local[shared]
    for section, ours in local["run_coordinator"].items():
        theirs = cluster["run_coordinator"][section]
        assert theirs == ours if isinstance(ours, str) else ours.items() <= theirs.items()
    assert cluster["run_monitoring"]["enabled"] is local["run_monitoring"]["enabled"] is True


def test_a_node_may_be_made_before_a_run_counts_as_lost() -> None:
    assert chart.instance_config(values())["run_monitoring"]["start_timeout_seconds"] >= 600


def test_compute_logs_are_those_of_the_documentation() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "compute-logs.md").read_text(), re.M | re.S)
    assert chart.compute_log_config(values()) == yaml.safe_load(block)["compute_logs"]["config"]


DAGSTERS_OWN = "dagster_event_batch_size"


def test_the_settings_of_the_code_server_exist_and_are_accepted() -> None:
    environment = chart.code_location(values())["env"]
    settings = load_settings(environment)
    assert settings.store == "azure"
    known = {field.name for owner in (Settings, PodSettings) for field in fields(owner)}
    assert {variable.removeprefix("STYLIZE_").lower() for variable in environment} - known == {DAGSTERS_OWN}


def test_no_service_lends_its_name_to_settings() -> None:
    """Kubernetes sets NAME_PORT and NAME_SERVICE_HOST for every service in every pod."""
    services = {chart.code_location(values())["name"], *(item["metadata"]["name"] for item in of_kind("Service"))}
    assert not [name for name in services if f"{name.upper().replace('-', '_')}_".startswith("STYLIZE_")]


def test_all_of_dagster_runs_one_image() -> None:
    given = values()
    images = [given["dagsterWebserver"]["image"], given["dagsterDaemon"]["image"], chart.code_location(given)["image"]]
    (prepull,) = [d for d in kustomize(MANIFESTS) if name_of(d) == "DaemonSet/image-prepull"]
    (container,) = prepull["spec"]["template"]["spec"]["containers"]
    assert {f"{image['repository']}:{image['tag']}" for image in images} == {container["image"]}


@pytest.mark.parametrize("pod", ["dagsterWebserver", "dagsterDaemon", "code server"])
def test_no_pod_of_the_chart_runs_as_root_or_writes_to_its_root(pod: str) -> None:
    given = chart.code_location(values()) if pod == "code server" else values()[pod]
    assert given["podSecurityContext"]["runAsNonRoot"] is True
    assert given["podSecurityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert given["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} <= given["resources"].keys()
    assert given["livenessProbe"]
    assert "/tmp" in [mount["mountPath"] for mount in given["volumeMounts"]]  # noqa: S108


def test_every_account_that_the_values_name_is_in_the_manifests() -> None:
    given = values()
    named = {
        given["serviceAccount"]["name"],
        given["dagster-user-deployments"]["serviceAccount"]["name"],
        chart.launcher_config(given)["run_k8s_config"]["pod_spec_config"]["serviceAccountName"],
    }
    assert named <= {account["metadata"]["name"] for account in of_kind("ServiceAccount")}
    assert not given["rbacEnabled"]


def test_network_policies_name_the_ports_of_the_values() -> None:
    allowed = {
        port["port"]
        for policy in of_kind("NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        for port in rule.get("ports", [])
    }
    given = values()
    assert {given["dagsterWebserver"]["service"]["port"], chart.code_location(given)["port"]} <= allowed


def test_the_chart_s_version_is_that_of_dagster() -> None:
    (pinned,) = re.findall(r"^dagster==(.+)$", (ROOT / "constraints.txt").read_text(), re.M)
    for path in ("k8s/values.yaml", "k8s/README.md"):
        assert set(re.findall(r"--version (1\.[\d.]+)", (ROOT / path).read_text())) == {pinned}
