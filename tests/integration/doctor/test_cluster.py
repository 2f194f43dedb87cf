"""Runs and Jobs that have lost each other, on a real cluster."""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from dagster_project.cli.doctor_command import examine_deployment
from dagster_project.cli.home import open_instance
from dagster_project.definitions import build_defs
from dagster_project.doctor import cluster_jobs
from dagster_project.settings import Settings

DEADLINE_SECONDS = 120.0


@pytest.fixture
def namespace() -> Iterator[str]:
    """A namespace of this test's own; skips where KUBECONFIG names no cluster that answers."""
    name = f"stylize-doctor-{uuid.uuid4().hex[:8]}"
    try:
        config.load_kube_config()
        client.CoreV1Api().create_namespace({"metadata": {"name": name}})
    except (ConfigException, ApiException, HTTPError) as error:
        pytest.skip(f"no Kubernetes cluster: {type(error).__name__}")
    yield name
    client.CoreV1Api().delete_namespace(name)


@pytest.fixture
def settings(home: Path, namespace: str) -> Settings:
    """A home whose instance launches its runs as Jobs."""
    settings = Settings(home=home)
    launcher = {
        "module": "dagster_k8s",
        "class": "K8sRunLauncher",
        "config": {
            "service_account_name": "default",
            "instance_config_map": "none",
            "dagster_home": "/none",
            "job_namespace": namespace,
            "load_incluster_config": False,
            "kubeconfig_file": os.environ.get("KUBECONFIG"),
        },
    }
    settings.dagster_dir.mkdir(parents=True)
    (settings.dagster_dir / "dagster.yaml").write_text(json.dumps({"run_launcher": launcher}))
    return settings


def _wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.5)


def _create_job(namespace: str, name: str, run_id: str, component: str) -> None:
    """A Job as Dagster makes them, whose pod never gets its image: it is active until somebody deletes it."""
    labels = {"dagster/run-id": run_id, "app.kubernetes.io/component": component}
    container = {"name": "dagster", "image": "example.invalid/none:1", "imagePullPolicy": "Never"}
    template = {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    body = {"metadata": {"name": name, "labels": labels}, "spec": {"backoffLimit": 0, "template": template}}
    batch: Any = client.BatchV1Api()
    batch.create_namespaced_job(namespace, body)
    _wait_until(lambda: bool(batch.read_namespaced_job_status(name, namespace).status.active))


def test_a_run_without_a_job_is_ended_and_a_job_without_a_run_is_deleted(
    settings: Settings, namespace: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_jobs, "SETTLE_SECONDS", -60.0)
    job = build_defs(settings).resolve_job_def("style_segment_job")
    with open_instance(settings) as instance:

        def create(status: dg.DagsterRunStatus) -> str:
            return instance.create_run_for_job(job, status=status, tags={"dagster/image": "stylize"}).run_id

        lost, healthy = create(dg.DagsterRunStatus.STARTED), create(dg.DagsterRunStatus.STARTED)
        ended = create(dg.DagsterRunStatus.FAILURE)
        _create_job(namespace, "healthy", healthy, "run_worker")
        _create_job(namespace, "orphan", ended, "step_worker")
        assert not examine_deployment(settings, fix=False)
        told = capsys.readouterr().out
        assert f"stuck run: run {lost}\n" in told
        assert "no active Kubernetes Job executes it" in told
        assert f"job without run: Job {namespace}/orphan\n" in told
        assert f"a step_worker is active for run {ended}" in told
        assert healthy not in told
        assert instance.get_run_by_id(lost).status == dg.DagsterRunStatus.STARTED
        assert examine_deployment(settings, fix=True)
        assert "found: 2; mended: 2; left: 0" in capsys.readouterr().out
        assert instance.get_run_by_id(lost).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(healthy).status == dg.DagsterRunStatus.STARTED
    batch: Any = client.BatchV1Api()
    _wait_until(lambda: [it.metadata.name for it in batch.list_namespaced_job(namespace).items] == ["healthy"])


def test_a_cluster_that_does_not_answer_is_said_to_be_not_looked_at(
    settings: Settings, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    instance_settings = settings.dagster_dir / "dagster.yaml"
    launcher = json.loads(instance_settings.read_text())
    launcher["run_launcher"]["config"]["load_incluster_config"] = True
    del launcher["run_launcher"]["config"]["kubeconfig_file"]
    instance_settings.write_text(json.dumps(launcher))
    assert examine_deployment(settings, fix=False)
    told = capsys.readouterr().out
    assert "not looked at: Kubernetes jobs (the cluster cannot be reached from here: " in told
    assert told.endswith("nothing is wrong\n")
