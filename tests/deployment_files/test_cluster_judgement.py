"""What ``make k8s-e2e`` judges by, and what people read of it."""

import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
from kubernetes import client

from k8s.documents import K8S, ROOT, Document
from k8s.e2e import instance
from k8s.e2e.attempts import attempt_faults, frames_lost
from k8s.e2e.kills import kill_order
from k8s.e2e.options import read_options
from k8s.e2e.placement import gpu_nodes, most_at_once, most_pods_at_once, placement_faults, styling
from k8s.e2e.pods import PodWatch, SeenPod, first_seen
from k8s.e2e.rights import expected_rights, rights_faults
from stylize.records.attempts import Attempt, Reason
from tests.deployment_files.api_server import recording_api_server
from tests.deployment_files.cluster_options import ENVIRONMENT, options_of_run

# Pods as they were seen.


def _pod(component: str, step: str = "", **fields: Any) -> SeenPod:
    return SeenPod(
        name=f"{component}-{step}", uid=os.urandom(4).hex(), component=component, step=step, account="", **fields
    )


def _gpu_pod(**fields: Any) -> SeenPod:
    good = {
        "node": "gpu-0",
        "limits": {"nvidia.com/gpu": "1"},
        "selector": {"accelerator": "nvidia"},
        "tolerations": frozenset({"sku", "node.kubernetes.io/not-ready"}),
    }
    return _pod("step_worker", "styled_frames", **good | fields)


def _faults(*pods: SeenPod, shared: bool = False) -> list[str]:
    return [*placement_faults(pods, with_gpu={"gpu-0"}, gpu_resource="nvidia.com/gpu", shared=shared)]


def test_pods_in_their_places_have_no_fault() -> None:
    assert _faults(_gpu_pod(), _pod("step_worker", "frames", node="cpu-0"), _pod("run_worker", node="cpu-0")) == []


@pytest.mark.parametrize(
    ("pod", "fault"),
    [
        (_pod("step_worker", "frames", node="gpu-0"), "ran on the GPU node gpu-0"),
        (_pod("run_worker", node="gpu-0"), "ran on the GPU node gpu-0"),
        (_pod("run_worker", node="cpu-0", tolerations=frozenset({"sku"})), "is a run pod, and tolerates sku"),
        (_pod("step_worker", "frames", node="cpu-0", limits={"nvidia.com/gpu": "1"}), "does not style"),
        (_gpu_pod(limits={}), "with a limit of no nvidia.com/gpu, expected 1"),
        (_gpu_pod(selector={}), "has no node selector"),
        (_gpu_pod(tolerations=frozenset({"node.kubernetes.io/not-ready"})), "tolerates no taint of a GPU pool"),
        (_gpu_pod(node="cpu-0"), "styles on cpu-0"),
    ],
)
def test_a_pod_out_of_its_place_is_found(pod: SeenPod, fault: str) -> None:
    (found,) = _faults(_gpu_pod(), pod)
    assert fault in found


def test_where_every_node_has_gpus_nobody_is_blamed_for_being_on_one() -> None:
    assert _faults(_pod("run_worker", node="gpu-0"), shared=True) == []


def test_a_node_has_gpus_if_it_has_some_to_give() -> None:
    def node(name: str, **allocatable: str) -> client.V1Node:
        status = client.V1NodeStatus(allocatable={key.replace("_", "/"): value for key, value in allocatable.items()})
        return client.V1Node(metadata=client.V1ObjectMeta(name=name), status=status)

    nodes = [node("a", cpu="4"), node("b", **{"example.com_gpu": "2"}), node("c", **{"example.com_gpu": "0"})]
    assert gpu_nodes(nodes, "example.com/gpu") == {"b"}


def test_spans_count_as_at_once_where_they_have_a_moment_in_common() -> None:
    assert most_at_once([(0, 5), (5, 9)]) == 1, "one begins as the other ends"
    assert most_at_once([(0, 5), (4, 9), (3, 4)]) == 2
    assert most_at_once([]) == 0


def test_the_labels_of_dagster_s_step_pods_tell_which_of_them_style() -> None:
    """As dagster-k8s labels them; a pod of Kubernetes' own making counts as a server."""
    labels = {"app.kubernetes.io/component": "step_worker", "dagster/op": "styled_frames"}
    document = {
        "metadata": {"name": "a", "uid": "1", "labels": labels},
        "spec": {"containers": [{"name": "dagster", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]},
    }
    seen = first_seen(k8s_model_from_dict(client.V1Pod, k8s_snake_case_dict(client.V1Pod, document)), 1)
    assert styling([seen, _pod("step_worker", "frames"), _pod("")]) == [seen]
    assert seen.limits == {"nvidia.com/gpu": "1"}


def _change(kind: str, name: str, *, ended: bool = False) -> Document:
    """What an API server says of a GPU pod; everything happens within one second, as far as clocks tell."""
    state = {"startedAt": "2026-01-01T00:00:00Z"}
    status = (
        {"terminated": {**state, "exitCode": 0, "finishedAt": "2026-01-01T00:00:00Z"}} if ended else {"running": state}
    )
    container = {"name": "dagster", "image": "a:1", "imageID": "", "ready": True, "restartCount": 0, "state": status}
    labels = {"app.kubernetes.io/component": "step_worker", "dagster/op": "styled_frames"}
    pod = {
        "metadata": {"name": name, "uid": name, "labels": labels, "resourceVersion": "1"},
        "spec": {"containers": [{"name": "dagster"}]},
        "status": {"phase": "Succeeded" if ended else "Running", "containerStatuses": [container]},
    }
    return {"type": kind, "object": pod}


def _refused(name: str) -> Document:
    """A pod that its node does not take: it fails without a container, and stays."""
    change = _change("MODIFIED", name)
    change["object"]["status"] = {"phase": "Failed", "reason": "UnexpectedAdmissionError"}
    return change


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        (
            [
                _change("ADDED", "a"),
                _change("MODIFIED", "a", ended=True),
                _change("ADDED", "b"),
                _change("DELETED", "a"),
            ],
            1,
        ),
        ([_change("ADDED", "a"), _refused("a"), _change("ADDED", "b")], 1),
        ([_change("ADDED", "a"), _change("DELETED", "a"), _change("ADDED", "b"), _change("ADDED", "c")], 2),
        ([_change("ADDED", "a"), _change("ADDED", "b"), _change("ADDED", "c"), _change("DELETED", "a")], 3),
    ],
)
def test_pods_count_as_at_once_by_the_order_in_which_the_cluster_tells_of_them(
    changes: list[Document], most: int
) -> None:
    coming = iter(changes)
    said = []

    def answers(path: str) -> Document:
        if "watch=" not in path:
            return {"metadata": {"resourceVersion": "1"}, "items": []}
        time.sleep(0.01)
        said.append(next(coming, changes[-1]))
        return said[-1]

    with recording_api_server(answers=answers) as (address, _):
        cluster: Any = SimpleNamespace(api=client.ApiClient(client.Configuration(host=address)), namespace="a")
        with PodWatch(cluster) as watch:
            while len(said) <= len(changes):
                time.sleep(0.01)
            assert most_pods_at_once(watch.pods) == most


def test_a_right_too_many_and_a_right_too_few_are_found() -> None:
    expected = expected_rights(options_of_run())
    assert [*rights_faults(expected, expected)] == []
    for attempt, must in expected.items():
        (fault,) = rights_faults({**expected, attempt: not must}, expected)
        assert attempt in fault


def test_that_deliveries_stay_is_only_asked_where_pods_have_a_token_of_their_own() -> None:
    assert "delete from delivery" not in expected_rights(options_of_run())
    options = options_of_run(K8S_POD_SAS_TOKEN="sp=rwlc&sig=less")  # noqa: S106
    assert expected_rights(options)["delete from delivery"] is False
    assert instance.secrets(options)["STYLIZE_MEDIA_SAS_TOKEN"] == "sp=rwlc&sig=less"  # noqa: S105


def _attempt(reason: Reason, *, resumed: int, styled: int | None) -> Attempt:
    began = Attempt(
        launch="a",
        run_id="a",
        retry_number=0,
        host="pod",
        process_id=1,
        process_start_seconds=0.0,
        started_at="2026-01-01T00:00:00",
        resumed_frames=resumed,
        memory_steps_down=0,
    )
    return began.ended("2026-01-01T00:01:00", reason, "", styled_frames=styled)


def test_what_an_interruption_lost_is_what_was_painted_and_not_found_again() -> None:
    attempts = [
        _attempt("pre-empted", resumed=0, styled=60),  # 12 of them were not published
        _attempt("killed", resumed=48, styled=None),
        _attempt("pre-empted", resumed=48, styled=24),
        _attempt("finished", resumed=72, styled=168),
    ]
    assert [*frames_lost(attempts)] == [12, 0]


@pytest.mark.parametrize(
    ("reasons", "lost", "fault"),
    [
        ({"pre-empted": 2, "finished": 3}, [0, 23], None),
        ({"pre-empted": 1, "error": 1, "finished": 3}, [], "1 attempts count as errors"),
        ({"killed": 1, "finished": 3}, [], None),  # the other came before its step began
        ({"finished": 3}, [], "0 interruptions"),
        ({"killed": 3, "finished": 3}, [], "3 interruptions"),
        ({"killed": 2, "finished": 3}, [24], "a kill cost 24 frames"),
    ],
)
def test_a_kill_that_counts_as_an_error_or_costs_a_chunk_is_found(
    reasons: dict[str, int], lost: list[int], fault: str | None
) -> None:
    faults = [*attempt_faults(Counter(reasons), lost, kills=2)]
    assert len(faults) >= (fault is not None)
    assert fault is None or fault in "; ".join(faults)
    assert fault is not None or faults == []


def test_a_seed_repeats_the_order_of_kills_and_every_way_has_its_turn() -> None:
    def order(seed: int) -> list[str]:
        return list(itertools.islice(kill_order("abcdef", random.Random(seed)), 13))

    assert order(1) == order(1) != order(2)
    assert (order(1)[0], set(order(1)[1:7]), set(order(1)[7:])) == ("a", set("abcdef"), set("abcdef"))


# Files for people.


def _sourced(tmp_path: Path) -> dict[str, str]:
    """What k8s/e2e-local.env sets in a clone at ``tmp_path``."""
    script = f"set -eu; . {K8S / 'e2e-local.env'}; env -0"
    environment = {"PATH": os.environ["PATH"], "K8S_IMAGE": "python:3.11", "PYTHON": sys.executable}
    done = subprocess.run(["/bin/bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, check=True)
    return dict(item.split("=", 1) for item in done.stdout.decode().split("\0") if item)


def test_the_settings_for_a_cluster_without_a_registry_mount_what_a_pod_needs_to_run(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    sourced = _sourced(tmp_path)
    assert sourced["K8S_IMAGE"] == "python:3.11", "what is set already stays"
    services = {name: ENVIRONMENT[name] for name in ("K8S_STORE_URL", "K8S_DATABASE_URL")}
    options = read_options({**sourced, **services})
    assert (options.device, options.mounts_the_host) == ("cpu", True)
    mounts = {m["mount_path"]: m for m in options.pod_config["container_config"]["volume_mounts"]}
    assert mounts.keys() == {str(tmp_path), str(Path(sys.prefix).resolve()), sys.base_prefix}
    assert all(mount["read_only"] for mount in mounts.values())
    folders = {v["host_path"]["path"] for v in options.pod_config["pod_spec_config"]["volumes"]}
    assert folders == mounts.keys()
    variables = {item["name"]: item["value"] for item in options.pod_config["container_config"]["env"]}
    assert variables["PYTHONPATH"] == str(tmp_path)
    assert (Path(variables["PATH"].split(":")[0]) / "dagster").exists()


def test_the_settings_for_a_cluster_without_a_registry_can_be_read_before_make_has_made_the_environment(
    tmp_path: Path,
) -> None:
    config = json.loads(_sourced(tmp_path)["K8S_POD_CONFIG"])["container_config"]
    assert f"{tmp_path}/.venv" in {mount["mount_path"] for mount in config["volume_mounts"]}


def test_the_settings_for_a_cluster_without_a_registry_name_no_folder_of_a_machine() -> None:
    text = (K8S / "e2e-local.env").read_text()
    words = set(itertools.chain.from_iterable(line.split('"') for line in text.splitlines()))
    assert not [word for word in words if word.startswith(("/root", "/home", "/Users", "/work"))]


def test_the_documentation_names_every_variable_and_holds_the_local_settings_word_for_word() -> None:
    text = (ROOT / "docs" / "cluster-test.md").read_text()
    read = "".join(path.read_text() for path in (K8S / "e2e").glob("*.py"))
    variables = set(re.findall(r'"(K8S_[A-Z_]+|KILLS|SEED|KEEP|STYLIZE_DEVICE)"', read))
    assert {"K8S_IMAGE", "K8S_HOST_ADDRESS", "KILLS"} <= variables
    assert [variable for variable in variables if f"`{variable}`" not in text] == []
    assert (K8S / "e2e-local.env").read_text() in text
