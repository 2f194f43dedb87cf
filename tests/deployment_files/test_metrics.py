"""Dashboard and alerts ask for what the exporter tells, and a collector finds the exporter."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
from prometheus_client.metrics import MetricWrapperBase
from typer.testing import CliRunner

from dagster_project.cli.app import app
from dagster_project.telemetry.metrics import Metrics
from k8s import chart
from k8s.documents import K8S, ROOT, Document, of_kind, values

DASHBOARD = json.loads((K8S / "grafana" / "stylize.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ALERTS = re.findall(
    r'^    "([\w\s]+)" = {\n\s+expression = "(.+)"$', (K8S / "azure" / "metric-alerts.tf").read_text(), re.M
)
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]] + [
    expression.replace('\\"', '"') for _, expression in ALERTS
]

_SUFFIXES = {"counter": {"_total": set()}, "gauge": {"": set()}}
_SUFFIXES["histogram"] = {"_bucket": {"le"}, "_sum": set(), "_count": set()}


def _exported() -> dict[str, set[str]]:
    """Every series that there can be, with its labels."""
    metrics = [metric for metric in vars(Metrics()).values() if isinstance(metric, MetricWrapperBase)]
    return {
        f"{family.name}{suffix}": {*metric._labelnames, *labels}
        for metric in metrics
        for family in metric.describe()
        for suffix, labels in _SUFFIXES[family.type].items()
    }


EXPORTED = _exported()


def test_every_metric_that_is_asked_for_is_exported_and_every_exported_one_is_shown() -> None:
    asked = {name for query in QUERIES for name in re.findall(r"stylize_\w+", query)}
    assert asked <= EXPORTED.keys()
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert shown == {re.sub(r"_(bucket|sum|count)$", "", name) for name in EXPORTED}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_uses_labels_that_its_metrics_bear(query: str) -> None:
    names = re.findall(r"stylize_\w+", query)
    grouped = {label.strip() for labels in re.findall(r"by \((.*?)\)", query) for label in labels.split(",")}
    assert all(grouped <= EXPORTED[name] for name in names)
    for name, matchers in re.findall(r"(stylize_\w+){(.*?)}", query):
        assert set(re.findall(r"(\w+)(?:=~|!=|=)", matchers)) <= EXPORTED[name]
    assert query.count("(") == query.count(")")


@pytest.mark.parametrize("panel", [pytest.param(panel, id=panel["title"]) for panel in PANELS])
def test_a_panel_says_what_it_shows_in_which_unit_and_names_its_series(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 15
    assert panel["fieldConfig"]["defaults"]["unit"]
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"
        grouped = {
            label.strip() for labels in re.findall(r"by \((.*?)\)", target["expr"]) for label in labels.split(",")
        }
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) == grouped - {"le"}


def test_panels_have_ids_of_their_own_and_lie_beside_each_other() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    cells = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in DASHBOARD["panels"])
    ]
    assert max(x for cell in cells for x, _ in cell) == 23
    assert not [1 for one, other in combinations(cells, 2) if one & other]


def _exporter() -> Document:
    (deployment,) = [item for item in of_kind("Deployment") if item["metadata"]["name"] == "exporter"]
    return deployment["spec"]["template"]


def test_the_deployment_starts_a_command_that_exists_on_the_port_that_is_scraped() -> None:
    (container,) = _exporter()["spec"]["containers"]
    program, *arguments = container["command"]
    assert program == "stylize"
    assert CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 0
    (port,) = container["ports"]
    assert str(port["containerPort"]) == arguments[arguments.index("--port") + 1]
    (monitor,) = of_kind("PodMonitor")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= _exporter()["metadata"]["labels"].items()
    assert [endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]] == [port["name"]]
    (policy,) = [policy for policy in of_kind("NetworkPolicy") if policy["metadata"]["name"] == "exporter"]
    assert [rule["ports"] for rule in policy["spec"]["ingress"]] == [
        [{"protocol": "TCP", "port": port["containerPort"]}]
    ]


def test_the_exporter_has_the_instance_and_the_settings_of_the_code_server() -> None:
    (container,) = _exporter()["spec"]["containers"]
    assert container["envFrom"] == [{"configMapRef": {"name": chart.settings_config_map(values())}}]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "instance"]
    assert mount["mountPath"] == f"{values()['global']['dagsterHome']}/dagster.yaml"
    (volume,) = [volume for volume in _exporter()["spec"]["volumes"] if volume["name"] == "instance"]
    assert volume["configMap"]["name"] == chart.launcher_config(values())["instance_config_map"]
    images = {values()["dagsterDaemon"]["image"][key] for key in ("repository", "tag")}
    assert set(container["image"].split(":")) == images


def test_every_alert_on_figures_has_its_place_in_the_operations_manual() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text()
    assert len(ALERTS) == 8
    assert not [name for name, _ in ALERTS if f"`{name}`" not in manual]
