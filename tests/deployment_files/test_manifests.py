"""The manifests are what Kubernetes takes, and give no more rights than are needed."""

import copy
from typing import Any

import pytest

from k8s.documents import (
    K8S,
    MANIFESTS,
    Document,
    manifests,
    name_of,
    of_kind,
    pod_templates,
)
from tests.deployment_files.kubernetes_fields import faults_of_object
from tests.deployment_files.kustomized import kustomize

OBJECTS = [pytest.param(document, id=f"{name_of(document)}-{index}") for index, document in enumerate(manifests())]
PODS = [pytest.param(template, id=name) for name, template in pod_templates()]
# The device plugin opens a socket of the node's root and runs in a namespace of its own.
DAGSTER_PODS = [param for param in PODS if param.id != "DaemonSet/device-plugin"]


def _containers(template: Document) -> list[Document]:
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


@pytest.mark.parametrize("document", OBJECTS)
def test_every_field_is_known_to_kubernetes(document: Document) -> None:
    assert faults_of_object(document) == []


def _misspelled(document: Document, path: list[Any], wrong: str) -> Document:
    damaged = copy.deepcopy(document)
    place = damaged
    for key in path[:-1]:
        place = place[key]
    place[wrong] = place.pop(path[-1])
    return damaged


def test_a_misspelled_field_is_found() -> None:
    (prepull,) = [document for document in of_kind("DaemonSet") if document["metadata"]["name"] == "image-prepull"]
    container = ["spec", "template", "spec", "containers", 0]
    assert faults_of_object(_misspelled(prepull, ["spec", "selector"], "selectors"))
    assert faults_of_object(_misspelled(prepull, [*container, "securityContext", "capabilities"], "capability"))
    assert faults_of_object(_misspelled(prepull, [*container, "resources", "limits"], "limit"))


def test_the_folder_builds_and_says_the_same_as_its_files() -> None:
    built = {(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in kustomize(MANIFESTS)}
    written = {(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in manifests()}
    assert built == written


def test_no_placeholder_is_left_where_the_deployment_s_names_go() -> None:
    names = [line.split("=")[0] for line in (MANIFESTS / "deployment.env").read_text().splitlines() if "=" in line]
    built = kustomize(MANIFESTS)
    assert not [(name, name_of(d)) for d in built for name in names if f"'{name}'" in str(d)]


def test_time_slicing_shares_each_gpu_between_pods_and_changes_nothing_else() -> None:
    whole, shared = kustomize(MANIFESTS), kustomize(K8S / "time-slicing")
    changed = [after for before, after in zip(whole, shared, strict=True) if before != after]
    assert [name_of(document) for document in changed] == ["ConfigMap/device-plugin"]
    assert "replicas: 4" in changed[0]["data"]["config.yaml"]


@pytest.mark.parametrize("template", DAGSTER_PODS)
def test_no_pod_runs_as_root(template: Document) -> None:
    security = template["spec"]["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 10000
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("template", PODS)
def test_no_container_writes_to_its_root_or_has_a_capability(template: Document) -> None:
    for container in _containers(template):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("template", PODS)
def test_every_container_says_what_it_needs_and_where_it_ends(template: Document) -> None:
    for container in _containers(template):
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("template", PODS)
def test_every_image_has_a_tag_that_stays(template: Document) -> None:
    for container in _containers(template):
        _, _, tag = container["image"].rpartition(":")
        assert tag not in ("", "latest", container["image"])


@pytest.mark.parametrize("template", PODS)
def test_no_pod_of_the_manifests_may_speak_to_the_cluster(template: Document) -> None:
    assert template["spec"]["automountServiceAccountToken"] is False


def test_nobody_is_given_secrets_wildcards_or_rights_beyond_the_namespace() -> None:
    assert not of_kind("ClusterRole")
    assert not of_kind("ClusterRoleBinding")
    for role in of_kind("Role"):
        for rule in role["rules"]:
            assert not {"*"} & {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}
            assert not {"secrets", "serviceaccounts", "roles", "rolebindings", "pods/exec"} & {*rule["resources"]}


def test_a_step_may_look_at_pods_and_nothing_else() -> None:
    bound = [
        binding["roleRef"]["name"]
        for binding in of_kind("RoleBinding")
        for subject in binding["subjects"]
        if subject["name"] == "stylize-step"
    ]
    (rules,) = [role["rules"] for role in of_kind("Role") if role["metadata"]["name"] in bound]
    assert rules == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]


def test_every_binding_names_an_account_and_a_role_that_exist() -> None:
    accounts = {account["metadata"]["name"] for account in of_kind("ServiceAccount")}
    roles = {role["metadata"]["name"] for role in of_kind("Role")}
    for binding in of_kind("RoleBinding"):
        assert binding["roleRef"]["name"] in roles
        assert {subject["name"] for subject in binding["subjects"]} <= accounts


def test_every_namespace_denies_all_traffic_that_is_not_allowed_by_name() -> None:
    closed = {
        policy["metadata"]["namespace"]
        for policy in of_kind("NetworkPolicy")
        if policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert closed == {namespace["metadata"]["name"] for namespace in of_kind("Namespace")}


def test_only_the_login_of_each_role_reaches_its_webserver() -> None:
    callers = {
        policy["spec"]["podSelector"]["matchLabels"]["component"]: policy["spec"]["ingress"][0]["from"]
        for policy in of_kind("NetworkPolicy")
        if "webserver" in str(policy["spec"]["podSelector"]) and "Ingress" in policy["spec"]["policyTypes"]
    }
    assert callers == {
        "dagster-webserver": [{"podSelector": {"matchLabels": {"app": "ui-proxy-operator"}}}],
        "dagster-webserver-read-only": [{"podSelector": {"matchLabels": {"app": "ui-proxy-read-only"}}}],
    }


def test_no_policy_lets_a_pod_ask_the_node_for_its_identity() -> None:
    blocks = [
        peer["ipBlock"]
        for policy in of_kind("NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        for peer in rule.get("to", [])
        if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    ]
    assert blocks
    assert all("169.254.0.0/16" in block["except"] for block in blocks)


def test_each_login_lets_one_group_through_to_one_webserver() -> None:
    logins = {d["metadata"]["name"]: d for d in kustomize(MANIFESTS) if d["kind"] == "Deployment"}
    settings = {
        name: {item["name"]: item["value"] for item in d["spec"]["template"]["spec"]["containers"][0]["env"]}
        for name, d in logins.items()
        if name.startswith("ui-proxy")
    }
    operator, viewer = settings["ui-proxy-operator"], settings["ui-proxy-read-only"]
    assert operator["OAUTH2_PROXY_UPSTREAMS"] == "http://stylizer-webserver:8080"
    assert viewer["OAUTH2_PROXY_UPSTREAMS"] == "http://stylizer-webserver-read-only:8080"
    assert operator["OAUTH2_PROXY_ALLOWED_GROUPS"] != viewer["OAUTH2_PROXY_ALLOWED_GROUPS"]
    assert operator["OAUTH2_PROXY_COOKIE_NAME"] != viewer["OAUTH2_PROXY_COOKIE_NAME"]


def test_the_two_logins_differ_in_their_role_only() -> None:
    operator, viewer = ((MANIFESTS / "ui-proxy" / f"{role}.yaml").read_text() for role in ("operator", "read-only"))
    same_role = (
        operator.replace("ui-proxy-operator", "ui-proxy-read-only")
        .replace("OPERATOR_GROUP_ID", "VIEWER_GROUP_ID")
        .replace("_stylize_operator", "_stylize_viewer")
        .replace("stylizer-webserver:", "stylizer-webserver-read-only:")
    )
    assert same_role.split("\n", 1)[1] == viewer.split("\n", 1)[1]


def test_the_autoscaler_makes_nodes_for_runs_and_steps() -> None:
    """It ignores pods whose priority is below -10."""
    priorities = {item["metadata"]["name"]: item["value"] for item in of_kind("PriorityClass")}
    assert -10 <= priorities["stylize-step"] < priorities["stylize-run"] < 0
    assert not [item for item in of_kind("PriorityClass") if item["globalDefault"]]


def test_no_budget_guards_a_single_pod() -> None:
    """It would hold up every upgrade of a node."""
    replicas = {d["metadata"]["name"]: d["spec"]["replicas"] for d in of_kind("Deployment")}
    for budget in of_kind("PodDisruptionBudget"):
        (label,) = budget["spec"]["selector"]["matchLabels"].values()
        assert budget["spec"]["minAvailable"] < replicas.get(label, 2)
