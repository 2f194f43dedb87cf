"""What Terraform makes is what the documentation says and what the manifests expect."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from dagster_project.settings import Settings
from k8s import chart
from k8s.documents import K8S, MANIFESTS, ROOT, Document, of_kind, values
from stylize.store.azure.blob_store import MEDIA_AREAS, OPERATIONS_AREAS

AZURE = K8S / "azure"
SOURCES = {path.name: path.read_text() for path in sorted(AZURE.glob("*.tf"))}
RIGHTS: Document = json.loads((AZURE / "rights.json").read_text())
DOCUMENTED_RIGHT = re.compile(
    r"^\| (uploader|viewer|pipeline|operator) \| `([\w-]+)` \| `\w+` \| ([\w ]+?)(?: \(|\s*\|)", re.M
)
DOCUMENTED_ROLE = re.compile(r"^\| (Stylize \w+) \| (.+?) \|$", re.M)


def _resource(source: str, kind: str, name: str) -> str:
    (block,) = re.findall(rf'^resource "{kind}" "{name}" {{\n(.*?)^}}', SOURCES[source], re.M | re.S)
    return block


def _value(source: str, name: str) -> str:
    (value,) = set(re.findall(rf'^\s*{name}\s*=\s*"([^"]*)"', SOURCES[source], re.M))
    return value


def _default(variable: str) -> str:
    (value,) = re.findall(rf'^variable "{variable}" {{\n.*?default\s*=\s*(\S+)', SOURCES["variables.tf"], re.M | re.S)
    return value


def _words(text: str) -> list[str]:
    return re.findall(r'"([^"]+)"', text)


def test_every_file_is_formatted() -> None:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    command = ["terraform", f"-chdir={AZURE}", "fmt", "-check", "-diff"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_rights_are_those_of_the_documentation() -> None:
    documented = DOCUMENTED_RIGHT.findall((ROOT / "docs" / "azure.md").read_text())
    assert len(documented) == 14
    given = {(right["actor"], right["container"], right["role"]) for right in RIGHTS["assignments"]}
    assert given == {*documented, ("pipeline", "compute-logs", "Storage Blob Data Contributor")}


def test_the_custom_roles_are_those_of_the_documentation() -> None:
    documented = DOCUMENTED_ROLE.findall((ROOT / "docs" / "azure.md").read_text())
    assert {role: set(actions) for role, actions in RIGHTS["custom_roles"].items()} == {
        role: set(re.findall(r"`([\w/]+)`", actions)) for role, actions in documented
    }


def test_nobody_may_delete_a_delivery() -> None:
    roles = {right["role"] for right in RIGHTS["assignments"] if right["container"] == "delivery"}
    assert roles == {"Storage Blob Data Reader", "Stylize Publisher"}
    assert not [action for action in RIGHTS["custom_roles"]["Stylize Publisher"] if "delete" in action]


def test_every_area_of_the_store_has_a_container_in_its_account() -> None:
    (block,) = re.findall(r"^  containers = {\n(.*?)^  }", SOURCES["storage.tf"], re.M | re.S)
    containers = {account: set(_words(names)) for account, names in re.findall(r"(\w+)\s*= \[(.*?)\]", block)}
    assert containers == {"media": set(MEDIA_AREAS), "operations": {*OPERATIONS_AREAS, "compute-logs"}}
    assert {right["container"] for right in RIGHTS["assignments"]} <= set().union(*containers.values())


def _leaves(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if not isinstance(value, dict):
        return {path}
    return set().union(*(_leaves(item, (*path, key)) for key, item in value.items()))


def test_every_part_of_the_lifecycle_rules_reaches_azure() -> None:
    policy = _resource("storage.tf", "azurerm_storage_management_policy", "operations")
    assert "docs/lifecycle-policy.json" in SOURCES["storage.tf"]
    used = {tuple(path.split(".")) for path in re.findall(r"rule\.value\.([\w.]+)", policy)}
    for rule in json.loads((ROOT / "docs" / "lifecycle-policy.json").read_text())["rules"]:
        assert _leaves(rule) - {("type",)} <= used


@pytest.mark.parametrize("account", ["media", "operations"])
def test_an_account_knows_no_keys_no_old_tls_and_no_public_blobs(account: str) -> None:
    block = _resource("storage.tf", "azurerm_storage_account", account)
    for setting in (
        r"shared_access_key_enabled\s+= false",
        r"https_traffic_only_enabled\s+= true",
        r'min_tls_version\s+= "TLS1_2"',
        r"allow_nested_items_to_be_public\s+= false",
        r"versioning_enabled\s+= true",
        r'default_action = "Deny"',
    ):
        assert re.search(setting, block), setting
    assert "delete_retention_policy" in block


def test_the_database_takes_no_password_and_its_user_is_the_one_of_the_chart() -> None:
    server = _resource("database.tf", "azurerm_postgresql_flexible_server", "main")
    assert re.search(r"password_auth_enabled\s+= false", server)
    assert re.search(r"public_network_access_enabled\s+= false", server)
    identity = _resource("identity.tf", "azurerm_user_assigned_identity", "pipeline")
    assert f'"{values()["postgresql"]["postgresqlUsername"]}"' in identity
    database = _resource("database.tf", "azurerm_postgresql_flexible_server_database", "dagster")
    assert f'"{values()["postgresql"]["postgresqlDatabase"]}"' in database


def test_no_secret_is_written_anywhere() -> None:
    everything = "\n".join(SOURCES.values())
    assert not re.search(r"random_password|administrator_password|primary_access_key|connection_string", everything)


def test_the_accounts_that_become_the_pipeline_are_those_that_the_pods_have() -> None:
    (listed,) = re.findall(r"pipeline_accounts = \[(.*?)\]", SOURCES["identity.tf"])
    annotation = "azure.workload.identity/client-id"
    expecting = {
        account["metadata"]["name"]
        for account in of_kind("ServiceAccount")
        if account["metadata"].get("annotations", {}).get(annotation) == "PIPELINE_CLIENT_ID"
    }
    assert set(_words(listed)) == expecting
    assert f"system:serviceaccount:{chart.NAMESPACE}:" in SOURCES["identity.tf"]


def test_network_policies_name_the_networks_that_there_are() -> None:
    policies = str(of_kind("NetworkPolicy"))
    assert _value("network.tf", "database_subnet") in policies
    assert _value("network.tf", "pod_addresses") in policies


def test_gpu_nodes_bear_the_taints_and_the_label_that_their_pods_expect() -> None:
    pools = [_resource("aks.tf", "azurerm_kubernetes_cluster_node_pool", name) for name in ("gpu_spot", "gpu")]
    taints = {taint for pool in pools for taint in re.findall(r'"([\w./]+=\w+:NoSchedule)"', pool)}
    assert all(re.search(r'accelerator\s+= "nvidia"', pool) for pool in pools)
    for daemon_set in of_kind("DaemonSet"):
        pod = daemon_set["spec"]["template"]["spec"]
        tolerated = {f"{t['key']}={t.get('value', '')}:{t['effect']}" for t in pod["tolerations"]}
        assert taints <= tolerated
        assert pod["nodeSelector"] == {"accelerator": "nvidia"}


def test_gpu_pools_begin_at_no_nodes_and_the_quota_is_their_sum() -> None:
    for name in ("gpu_spot", "gpu"):
        assert re.search(r"min_count\s+= 0$", _resource("aks.tf", "azurerm_kubernetes_cluster_node_pool", name), re.M)
    (quota,) = of_kind("ResourceQuota")
    most = int(_default("gpu_spot_max_nodes")) + int(_default("gpu_max_nodes"))
    assert int(quota["spec"]["hard"]["requests.nvidia.com/gpu"]) == most


def test_spot_grows_before_on_demand() -> None:
    assert re.search(r'expander\s+= "priority"', SOURCES["aks.tf"])
    (config,) = [c for c in of_kind("ConfigMap") if c["metadata"]["name"] == "cluster-autoscaler-priority-expander"]
    assert config["metadata"]["namespace"] == "kube-system"
    spot, other = re.findall(r"^(\d+):\n\s+- (\S+)$", config["data"]["priorities"], re.M)
    assert int(spot[0]) > int(other[0])
    assert re.fullmatch(spot[1], "aks-gpuspot-12345678-vmss")


def test_terraform_writes_every_name_that_the_manifests_ask_for() -> None:
    asked = [line.split("=")[0] for line in (MANIFESTS / "deployment.env").read_text().splitlines() if line[0] != "#"]
    (written,) = re.findall(r"<<-ENV\n(.*?)^\s*ENV$", SOURCES["outputs.tf"], re.M | re.S)
    assert re.findall(r"^\s*(\w+)=", written, re.M) == asked


def test_the_settings_that_terraform_writes_exist() -> None:
    written = re.findall(r"\b(STYLIZE_\w+)\s*=", SOURCES["outputs.tf"])
    assert written
    assert not [name for name in written if name.removeprefix("STYLIZE_").lower() not in Settings.__dataclass_fields__]
