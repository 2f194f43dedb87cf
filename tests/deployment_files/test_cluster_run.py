"""What ``make k8s-e2e`` reads and makes, as far as that can be said without a cluster."""

import json
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster import Shape
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config_schema
from dagster._core.storage.config import pg_config
from dagster_k8s import K8sRunLauncher
from kubernetes import client

from dagster_project.definitions import build_defs
from dagster_project.settings import load_settings
from k8s import chart
from k8s.documents import Document, values
from k8s.e2e import instance, objects
from k8s.e2e.deployments import servers
from k8s.e2e.options import E2eError, Options
from tests.deployment_files.cluster_options import HOST_FOLDERS, RUN, options_of_run
from tests.deployment_files.kubernetes_fields import faults


def _objects(options: Options) -> list[Document]:
    """All of the namespace, as the API server gets them."""
    made = [*objects.rights_and_limits(options), *objects.configuration(options, RUN)]
    made += [item for server in servers(options) for item in objects.of_server(server, options)]
    api: Any = client.ApiClient()
    return [api.sanitize_for_serialization(item) for item in made]


def _of_kind(kind: str, options: Options) -> dict[str, Document]:
    return {item["metadata"]["name"]: item for item in _objects(options) if item["kind"] == kind}


@pytest.mark.parametrize("variable", ["K8S_IMAGE", "K8S_STORE_URL", "K8S_DATABASE_URL"])
def test_a_setting_that_is_needed_is_asked_for_by_its_name(variable: str) -> None:
    with pytest.raises(E2eError, match=f"^{variable} is not set; docs/cluster-test.md"):
        options_of_run(**{variable: ""})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("K8S_STORE_URL", "https://media.example/"),
        ("K8S_STORE_URL", "media?sig=x"),
        ("K8S_DATABASE_URL", "mysql://u:p@host/db"),
        ("K8S_DATABASE_URL", "postgresql://host/db"),
        ("K8S_NAMESPACE", "Not_A_Name"),
        ("K8S_POD_CONFIG", '{"container_config": {"environment": []}}'),
        ("STYLIZE_DEVICE", "tpu"),
        ("KILLS", "-1"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_the_variable_s_name_without_its_secret(
    variable: str, value: str
) -> None:
    with pytest.raises(E2eError, match=variable) as raised:
        options_of_run(**{variable: value})
    assert "p@" not in str(raised.value)


def test_urls_are_taken_apart_and_their_secrets_stay_out_of_what_is_printed() -> None:
    options = options_of_run()
    assert options.media.endpoint == "https://media.example"
    assert options.media.sas_token == "sv=1&sp=rwdlc&sig=first%2Bsecret"  # noqa: S105
    assert options.operations.endpoint == "http://10.0.0.1:10000/operations"
    assert options.database.password == "p@ss"  # noqa: S105
    assert (options.database.port, options.database.params) == (6543, {"sslmode": "require"})
    assert not [secret for secret in ("first", "other-secret", "p@ss") if secret in repr(options)]


def test_one_account_serves_for_both_where_no_other_is_named() -> None:
    options = options_of_run(K8S_OPERATIONS_STORE_URL="")
    assert options.operations == options.media


def test_secrets_are_in_the_secret_and_nowhere_else() -> None:
    made = _objects(options_of_run())
    (secret,) = [item for item in made if item["kind"] == "Secret"]
    assert set(secret["stringData"].values()) == {"p@ss", "sv=1&sp=rwdlc&sig=first%2Bsecret", "sig=other-secret"}
    rest = json.dumps([item for item in made if item["kind"] != "Secret"])
    assert not [text for text in ("p@ss", "p%40ss", "first", "other-secret") if text in rest]


def _accepted(schema: Any, config: Document) -> None:
    checked = process_config(schema, config)
    assert checked.success, [error.message for error in checked.errors or []]


@pytest.mark.parametrize("pod_config", ["", json.dumps(HOST_FOLDERS)])
def test_dagster_accepts_the_instance(pod_config: str) -> None:
    document = yaml.safe_load(instance.instance_config(options_of_run(K8S_POD_CONFIG=pod_config), RUN))
    launcher, storage = document.pop("run_launcher")["config"], document.pop("storage")
    _accepted(Shape(K8sRunLauncher.config_type()), launcher)
    storage["postgres"]["postgres_db"]["password"] = "p@ss"  # noqa: S105 - from the Secret
    _accepted(pg_config(), storage["postgres"])
    schema = {name: field for name, field in dagster_instance_config_schema().items() if name in document}
    _accepted(Shape(schema), document)
    assert schema.keys() == document.keys()


def test_the_instance_is_that_of_the_values_but_for_where_it_runs() -> None:
    document = yaml.safe_load(instance.instance_config(options_of_run(), RUN))
    given = chart.instance_config(values())
    changed = {name for name, value in given.items() if document[name] != value}
    assert changed == {"concurrency"}
    assert document["concurrency"]["pools"] == {**given["concurrency"]["pools"], "default_limit": 2}
    ours, theirs = document["run_launcher"]["config"], chart.launcher_config(values())
    assert {name for name, value in theirs.items() if ours[name] != value} == {"job_namespace", "run_k8s_config"}
    assert ours["run_k8s_config"]["pod_spec_config"]["priority_class_name"] == "stylize-run"


def test_tables_are_made_and_found_in_the_run_s_own_schema() -> None:
    import psycopg2.extensions
    from dagster_postgres.utils import pg_url_from_config
    from sqlalchemy import make_url

    document = yaml.safe_load(instance.instance_config(options_of_run(), RUN))
    config = document["storage"]["postgres"]
    config["postgres_db"]["password"] = "p@ss"  # noqa: S105 - from the Secret
    url = make_url(pg_url_from_config(config))
    assert url.get_driver_name() == "psycopg2", "the only one that dagster-postgres brings"
    dsn = psycopg2.extensions.parse_dsn(url.set(drivername="postgresql").render_as_string(hide_password=False))
    assert dsn["options"] == f"-csearch_path=stylize_e2e_{RUN}"
    assert (dsn["host"], dsn["port"], dsn["dbname"]) == ("10.0.0.1", "6543", "pipelines")


def test_code_server_and_steps_load_with_the_settings_they_are_given() -> None:
    options = options_of_run(K8S_POD_CONFIG=json.dumps(HOST_FOLDERS), STYLIZE_DEVICE="cpu")
    settings = load_settings({**instance.settings(options, RUN), **instance.secrets(options)})
    assert (settings.store, settings.container_prefix) == ("azure", f"e2e-{RUN}-")
    assert settings.pods.gpu_resource == "example.com/gpu"
    assert settings.pods.pod_config["job_spec_config"] == {"ttl_seconds_after_finished": instance.TTL_SECONDS}
    executor = build_defs(settings).executor
    assert isinstance(executor, dg.ExecutorDefinition)
    assert executor.name == "k8s"


@pytest.mark.parametrize("pod_config", ["", json.dumps(HOST_FOLDERS)])
def test_kubernetes_knows_every_field_of_every_object(pod_config: str) -> None:
    for item in _objects(options_of_run(K8S_POD_CONFIG=pod_config)):
        assert list(faults(item, f"V1{item['kind']}", item["metadata"]["name"])) == []


def test_every_object_and_every_right_is_in_the_run_s_namespace() -> None:
    for item in _objects(options_of_run()):
        assert item["metadata"]["namespace"] == "try-it", item
        assert {subject["namespace"] for subject in item.get("subjects", [])} <= {"try-it"}


def test_every_account_that_a_pod_runs_as_is_made_and_no_other() -> None:
    options = options_of_run()
    made = set(_of_kind("ServiceAccount", options))
    used = {server.service_account for server in servers(options)}
    used |= {"stylize-run", load_settings({"STYLIZE_EXECUTOR": "kubernetes"}).pods.step_service_account}
    assert made == used


def test_the_cluster_itself_allows_as_many_gpus_as_the_pool_has_places() -> None:
    options = options_of_run()
    hard = _of_kind("ResourceQuota", options)["stylize"]["spec"]["hard"]
    pool = yaml.safe_load(instance.instance_config(options, RUN))["concurrency"]["pools"]
    gpus = {name: limit for name, limit in hard.items() if "gpu" in name}
    assert gpus == {f"requests.{options.gpu_resource}": str(pool["default_limit"])}
    assert "pods" in hard, "the rest stays"


def test_the_namespace_is_as_strict_as_production_unless_pods_mount_folders_of_their_node() -> None:
    def profile(options: Options) -> str:
        return objects.namespace(options, RUN)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]

    assert profile(options_of_run()) == "restricted"
    assert profile(options_of_run(K8S_POD_CONFIG=json.dumps(HOST_FOLDERS))) == "privileged"


def test_what_is_removed_after_the_run_bears_its_name() -> None:
    cluster_wide = [objects.namespace(options_of_run(), RUN), *objects.priority_classes(RUN)]
    assert len(cluster_wide) > 1
    assert all(item["metadata"]["labels"][objects.RUN_LABEL] == RUN for item in cluster_wide)


def test_services_find_their_servers_and_the_workspace_finds_the_code_server() -> None:
    options = options_of_run()
    pods = [item["spec"]["template"]["metadata"]["labels"] for item in _of_kind("Deployment", options).values()]
    services = _of_kind("Service", options)
    for service in services.values():
        assert sum(service["spec"]["selector"].items() <= labels.items() for labels in pods) == 1
    ((location,),) = yaml.safe_load(instance.workspace()).values()
    (port,) = services[location["grpc_server"]["host"]]["spec"]["ports"]
    assert port["port"] == location["grpc_server"]["port"]


def test_the_pod_configuration_reaches_every_server_and_names_no_volume_twice() -> None:
    for name, item in _of_kind("Deployment", options_of_run(K8S_POD_CONFIG=json.dumps(HOST_FOLDERS))).items():
        pod = item["spec"]["template"]["spec"]
        volumes = [volume["name"] for volume in pod["volumes"]]
        assert volumes.count("code") == 1, name
        assert len(volumes) == len(set(volumes)), name
        assert {"name": "code", "mountPath": "/code", "readOnly": True} in pod["containers"][0]["volumeMounts"]


def test_servers_have_the_limits_and_the_security_of_the_values() -> None:
    for server in servers(options_of_run()):
        item = _of_kind("Deployment", options_of_run())[server.name]
        (container,) = item["spec"]["template"]["spec"]["containers"]
        assert container["resources"] == server.given["resources"]
        assert container["securityContext"] == server.given["securityContext"]
        assert item["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
